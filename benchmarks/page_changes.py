"""How long is a change of page, from the click to the last stroke of its pictures?

    python -m benchmarks.page_changes [--rounds 5]

Starts a server on an empty state directory with the shipped results, opens Chromium on it, and
clicks through all pages of the sidebar, in another order each round. A page is settled when its
script is at rest and nothing has come into or gone from it for half a second; that half second is
not counted. The first round, in which every page's code is loaded, is told apart.
"""

import argparse
import random
import statistics

from playwright.sync_api import Page

from benchmarks.first_page import opened

NAMES = """() => [...document.querySelectorAll('[data-testid="stSidebarNavLink"]')]
    .map(link => link.innerText.trim().split("\\n").at(-1))"""  # an icon's name stands first
CHANGE = """k => new Promise(done => {
    const started = performance.now();
    let last = started;
    const watch = new MutationObserver(() => { last = performance.now(); });
    const app = document.querySelector('[data-testid="stApp"]');
    watch.observe(app, { childList: true, subtree: true });
    document.querySelectorAll('[data-testid="stSidebarNavLink"]')[k].click();
    const look = () => {
        const rest = document.querySelector('[data-test-script-state="notRunning"]');
        const now = performance.now();
        if ((rest && now - last > 500) || now - started > 30000) {
            watch.disconnect();
            done((last - started) / 1000);
        } else setTimeout(look, 20);
    };
    setTimeout(look, 500);
})"""
WIDE_MS = 30_000


def change_seconds(page: Page, number: int) -> float:
    """From the click on a link of the sidebar until the page is settled."""
    return float(page.evaluate(CHANGE, number))


def main() -> None:
    """One line a page: first time, then median and range."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    rounds = parser.parse_args().rounds
    found: dict[int, list[float]] = {}
    with opened() as (page, url):
        page.goto(url)
        page.locator("h1").wait_for(timeout=WIDE_MS)
        page.wait_for_timeout(3000)
        names = page.evaluate(NAMES)
        for number in range(rounds + 1):
            order = list(range(len(names)))
            random.Random(number).shuffle(order)
            for k in order:
                found.setdefault(k, []).append(change_seconds(page, k))
    print(f"{'page':16s} first   then: median (lowest to highest), s")
    for k, name in enumerate(names):
        first, *later = found[k]
        spread = f"{statistics.median(later):5.2f} ({min(later):.2f} to {max(later):.2f})"
        print(f"{name:16s} {first:5.2f}         {spread}")
    print(f"slowest median {max(statistics.median(later[1:]) for later in found.values()):.2f} s")


if __name__ == "__main__":
    main()
