"""How soon a visitor sees the first page of a server that has just come up.

    python -m benchmarks.first_page [--rounds 5]

Each round starts a server on an empty state directory, waits until it answers, opens the first
page in a fresh Chromium and measures until its title is on the screen; then once more in the same
browser for the second visit.
"""

import argparse
import contextlib
import os
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

from playwright.sync_api import Browser, Page, sync_playwright

from flatdiff.system.files import PROJECT_ROOT

FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--no-first-run"]
START_TIMEOUT_S = 60
BASE_PATH = "STREAMLIT_SERVER_BASE_URL_PATH"
SERVER_LOG = "server.log"  # in the state directory


def start_server(home: str, *before: str, **environment: str) -> tuple[subprocess.Popen, str]:
    """`streamlit run app.py` on a free port, waited for until it answers; its log is in home.

    Args:
        home: its state directory.
        before: words in front of the command, such as setsid.
        environment: variables that it gets beside those of this process.

    Returns:
        The process, and the address of the first page.
    """
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "streamlit", "run", "app.py", "--server.headless", "true"]
    Path(home).mkdir(parents=True, exist_ok=True)
    with (Path(home) / SERVER_LOG).open("wb") as log:
        process = subprocess.Popen(
            [*before, *command, "--server.port", str(port)],
            cwd=PROJECT_ROOT,
            env={**os.environ, "FLATDIFF_HOME": home, **environment},
            stdout=log,
            stderr=subprocess.STDOUT,
        )
    deadline = time.monotonic() + START_TIMEOUT_S
    url = f"http://127.0.0.1:{port}{environment.get(BASE_PATH, '')}"
    while True:
        try:
            urllib.request.urlopen(f"{url}/_stcore/health", timeout=1).close()  # noqa: S310  (our own server)
            assert process.poll() is None, "another server took the port"
            return process, url
        except OSError:
            assert time.monotonic() < deadline, "the server did not come up"
            time.sleep(0.05)


@contextlib.contextmanager
def opened() -> Iterator[tuple[Page, str]]:
    """A page of a browser, and the address of a server that has just come up."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as home:
        server, url = start_server(home)
        try:
            with sync_playwright() as playwright:
                browser = playwright.chromium.launch(
                    executable_path=shutil.which("chromium"), args=FLAGS
                )
                yield browser.new_page(viewport={"width": 1280, "height": 800}), url
                browser.close()
        finally:
            server.terminate()
            server.wait(30)


def visit_seconds(browser: Browser, url: str) -> tuple[float, float]:
    """Until the title is on the screen: first visit, second visit."""
    context = browser.new_context()
    page = context.new_page()
    times = []
    for _ in range(2):
        started = time.perf_counter()
        page.goto(url)
        page.locator("h1").wait_for()
        times.append(time.perf_counter() - started)
    context.close()
    return times[0], times[1]


def main() -> None:
    """Print one line a round and the medians."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    firsts, seconds = [], []
    with sync_playwright() as playwright:
        for _ in range(parser.parse_args().rounds):
            # A new browser each time: nothing is cached.
            browser = playwright.chromium.launch(
                executable_path=shutil.which("chromium"), args=FLAGS
            )
            with tempfile.TemporaryDirectory() as home:
                process, url = start_server(home)
                first, second = visit_seconds(browser, url)
                process.terminate()
                process.wait()
            browser.close()
            firsts.append(first)
            seconds.append(second)
            print(f"first visit {first:.2f} s   second visit {second:.2f} s", flush=True)
    print(
        f"median: first {statistics.median(firsts):.2f} s (worst {max(firsts):.2f}), "
        f"second {statistics.median(seconds):.2f} s"
    )


if __name__ == "__main__":
    main()
