"""A real server and a real Chromium; skipped, with the reason, where there is no Chromium."""

import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, ViewportSize, expect, sync_playwright

from benchmarks.first_page import start_server as launch
from flatdiff.engine.store import Store
from flatdiff.system.files import PROJECT_ROOT

# On a busy machine with two cores; what must be quick is measured in benchmarks/.
PATIENCE = 120_000
expect.set_options(timeout=PATIENCE)

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
    process, url = launch(str(home), FLATDIFF_CHECKPOINTS=str(checkpoints))
    return Server(url, Store(home / "results.sqlite"), process)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, tiny_root: Path) -> Iterator[Server]:
    """One dashboard for all browser tests, on the tiny checkpoints and an empty store."""
    started = start_server(tmp_path_factory.mktemp("home"), tiny_root)
    yield started
    started.process.terminate()
    started.process.wait(20)
    started.store.close()


@pytest.fixture(scope="session")
def shipped(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """As a first visitor has it: the shipped checkpoints and their results, one for all tests."""
    started = start_server(tmp_path_factory.mktemp("home"), PROJECT_ROOT / "checkpoints")
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
    context.set_default_timeout(PATIENCE)
    yield context.new_page()
    context.close()
