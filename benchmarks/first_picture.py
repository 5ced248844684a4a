"""How soon after Run a new surface is on the screen: its first picture, and the whole.

    python -m benchmarks.first_picture [--rounds 5]

Starts a server on an empty state directory and waits for its workers. Each round opens the page of
surfaces with a seed that nobody has asked for, in the mode that is the page's own, presses Run and
waits for the first contours, and for the result. The first round, in which workers load the
checkpoints, is told apart.
"""

import argparse
import statistics
import time
from collections.abc import Sequence

from playwright.sync_api import Page

from benchmarks.first_page import opened

AT_REST = '[data-test-script-state="notRunning"]'
PATIENCE_MS = 300_000
UP_MS = 15_000  # until workers are up


def picture_seconds(page: Page, url: str, seed: int) -> tuple[float, float]:
    """From Run until the first picture of a seed is drawn, and until it is finished."""
    page.goto(f"{url}/surface?mode=interpolated&seed={seed}")
    run = page.get_by_role("button", name="Run").first
    run.wait_for()
    page.locator(AT_REST).wait_for(state="attached")
    started = time.perf_counter()
    run.click()
    page.locator(".js-plotly-plot .contourlayer").first.wait_for(state="attached")
    first = time.perf_counter() - started
    page.get_by_text("From store, computed").first.wait_for()
    return first, time.perf_counter() - started


def said(seconds: Sequence[float]) -> str:
    """Median and range."""
    return f"{statistics.median(seconds):.1f} s ({min(seconds):.1f} to {max(seconds):.1f})"


def main() -> None:
    """One line a round and the medians."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    rounds = parser.parse_args().rounds
    found = []
    with opened() as (page, url):
        page.set_default_timeout(PATIENCE_MS)
        page.goto(url)
        page.wait_for_timeout(UP_MS)
        for seed in range(1000, 1001 + rounds):
            found.append(picture_seconds(page, url, seed))
            print("first picture {:.1f} s, whole {:.1f} s".format(*found[-1]), flush=True)
    firsts, wholes = zip(*found[1:], strict=True)
    print(f"after the first round: first picture {said(firsts)}, whole {said(wholes)}")


if __name__ == "__main__":
    main()
