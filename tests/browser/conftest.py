"""A real server and a real Chromium; skipped, with the reason, where there is no Chromium."""

import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, ViewportSize, expect, sync_playwright

from flatdiff.store import Store

# On a busy machine with two cores; what must be quick is measured in benchmarks/.
expect.set_options(timeout=30_000)

ROOT = Path(__file__).resolve().parents[2]
CHROMIUM_FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
]


@dataclass
class Server:
    """A running dashboard."""

    url: str
    store: Store
    process: subprocess.Popen


def start_server(home: Path, checkpoints: Path) -> Server:
    """`streamlit run app.py` on a free port, and wait until it answers."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    process = subprocess.Popen(
        [
            sys.executable,
            "-m",
            "streamlit",
            "run",
            "app.py",
            "--server.headless",
            "true",
            "--server.port",
            str(port),
        ],
        cwd=ROOT,
        env={**os.environ, "FLATDIFF_HOME": str(home), "FLATDIFF_CHECKPOINTS": str(checkpoints)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    url = f"http://127.0.0.1:{port}"
    deadline = time.monotonic() + 60
    while True:
        try:
            urllib.request.urlopen(f"{url}/_stcore/health", timeout=1).close()
            break
        except (urllib.error.URLError, OSError):
            assert time.monotonic() < deadline, "the server did not come up"
            time.sleep(0.2)
    return Server(url, Store(home / "results.sqlite"), process)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, tiny_root: Path) -> Iterator[Server]:
    """One dashboard for all browser tests, on the tiny checkpoints and an empty store."""
    started = start_server(tmp_path_factory.mktemp("home"), tiny_root)
    yield started
    started.process.terminate()
    started.process.wait(20)
    started.store.close()


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Headless Chromium of the system."""
    path = shutil.which("chromium") or shutil.which("chromium-browser")
    if path is None:
        pytest.skip("no chromium on the PATH; install it to run the browser tests")
    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=path, args=CHROMIUM_FLAGS)
        yield launched
        launched.close()


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """A fresh visitor on a laptop."""
    context = browser.new_context(viewport=ViewportSize(width=1280, height=900))
    context.set_default_timeout(30_000)
    yield context.new_page()
    context.close()
