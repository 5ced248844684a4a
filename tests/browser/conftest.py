"""A real server and a real Chromium; skipped, with the reason, where there is no Chromium."""

import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from playwright.sync_api import (
    Browser,
    BrowserContext,
    Page,
    ViewportSize,
    expect,
    sync_playwright,
)

from benchmarks.first_page import start_server as launch
from flatdiff.engine.store import Store
from flatdiff.system.files import PROJECT_ROOT

# On a busy machine with two cores; what must be quick is measured in benchmarks/.
PATIENCE = 120_000
expect.set_options(timeout=PATIENCE)

PHONE = ViewportSize(width=375, height=812)
# By which Streamlit and plotly know a phone.
ITS_NAME = (
    "Mozilla/5.0 (Linux; Android 14; Pixel 7) AppleWebKit/537.36 (KHTML, like Gecko) "
    "Chrome/143.0.0.0 Mobile Safari/537.36"
)
# Pixels of a page that lie beside the screen.
OVERFLOW = "document.documentElement.scrollWidth - document.documentElement.clientWidth"

CHROMIUM_FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
    "--process-per-site",  # what one tab has compiled of Streamlit's and plotly's code, all have
]


@dataclass
class Server:
    """A running dashboard."""

    url: str
    store: Store
    checkpoints: Path
    process: subprocess.Popen


@contextmanager
def dashboard(home: Path, checkpoints: Path) -> Iterator[Server]:
    """`streamlit run app.py` on a free port, from when it answers until the block ends."""
    process, url = launch(str(home), FLATDIFF_CHECKPOINTS=str(checkpoints), FLATDIFF_WORKERS="1")
    store = Store(home / "results.sqlite")
    try:
        yield Server(url, store, checkpoints, process)
    finally:
        process.terminate()
        process.wait(20)
        store.close()


# A server, its workers and a browser take ten seconds of a core to come up: tests share them, and
# ask for what no other test asks for (a seed of their own).
@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory, tiny_root: Path) -> Iterator[Server]:
    """On the tiny checkpoints, which no test changes, and an empty store."""
    with dashboard(tmp_path_factory.mktemp("home"), tiny_root) as started:
        yield started


@pytest.fixture(scope="session")
def shipped(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """As a first visitor has it: the shipped checkpoints and their results."""
    with dashboard(tmp_path_factory.mktemp("home"), PROJECT_ROOT / "checkpoints") as started:
        yield started


@pytest.fixture(scope="session")
def workshop(tmp_path_factory: pytest.TempPathFactory, tiny_root: Path) -> Iterator[Server]:
    """On a copy of the tiny checkpoints, to which tests add their own and remove them again."""
    root = Path(shutil.copytree(tiny_root, tmp_path_factory.mktemp("workshop") / "checkpoints"))
    with dashboard(tmp_path_factory.mktemp("home"), root) as started:
        yield started


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Headless Chromium of the system."""
    path = shutil.which("chromium") or shutil.which("chromium-browser")
    if path is None:
        pytest.skip("no chromium on the PATH; install it to run the browser tests")
    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=path, args=CHROMIUM_FLAGS)
        yield launched
        launched.close()


@pytest.fixture(scope="session")
def laptop(browser: Browser) -> Iterator[BrowserContext]:
    """A profile on a laptop of somebody who wants nothing to move by itself: that costs a core."""
    context = browser.new_context(
        viewport=ViewportSize(width=1280, height=900), reduced_motion="reduce"
    )
    yield from kept_open(context)


@pytest.fixture(scope="session")
def phone(browser: Browser) -> Iterator[BrowserContext]:
    """A profile on a phone, with a finger."""
    context = browser.new_context(
        viewport=PHONE,
        has_touch=True,
        is_mobile=True,
        reduced_motion="reduce",
        user_agent=ITS_NAME,
    )
    yield from kept_open(context)


def kept_open(context: BrowserContext) -> Iterator[BrowserContext]:
    """With a tab that stays open, which keeps its process and what that compiled.

    The site is the address without the port, so that tabs of all servers share the process.
    """
    context.set_default_timeout(PATIENCE)
    context.route("**/nothing", lambda route: route.fulfill(body=""))  # of no server
    context.new_page().goto("http://127.0.0.1/nothing")
    context.unroute("**/nothing")
    yield context
    context.close()


@pytest.fixture
def page(laptop: BrowserContext) -> Iterator[Page]:
    """A fresh tab on the laptop, and so a session of its own."""
    yield from fresh_tab(laptop)


@pytest.fixture
def held(phone: BrowserContext) -> Iterator[Page]:
    """A fresh tab on the phone."""
    yield from fresh_tab(phone)


def fresh_tab(context: BrowserContext) -> Iterator[Page]:
    """Closed at the end."""
    opened = context.new_page()
    yield opened
    opened.close()
