"""Training in a real browser: start, close the tab, come back, find it in the gallery."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from flatdiff.training import launcher
from flatdiff.training.run_folder import list_runs
from tests.browser.conftest import Server, start_server
from tests.browser.test_road import open_page, set_number

pytestmark = pytest.mark.browser


@pytest.fixture
def own(tmp_path: Path) -> Iterator[tuple[Server, Path]]:
    """A dashboard and a folder of checkpoints that nobody else writes to."""
    root = tmp_path / "checkpoints"
    root.mkdir()
    started = start_server(tmp_path / "home", root)
    yield started, root
    for run in list_runs(root):
        launcher.stop(run)
    started.process.terminate()
    started.process.wait(20)
    started.store.close()


def test_run_outlives_the_tab_and_ends_in_the_gallery(
    page: Page, own: tuple[Server, Path], browser: Browser
) -> None:
    """Two hundred steps of two images; stopped once and continued on the way."""
    server, root = own
    open_page(page, server, "train?methods=%2BIP&steps=200&batch=2&save=20")
    page.get_by_role("button", name="Start").click()
    expect(page.get_by_text(re.compile(r"^[1-9]\d* of 200 steps"))).to_be_visible()
    page.context.close()

    (run,) = list_runs(root)
    assert run.alive, "closing the tab must not end it"
    again = browser.new_context().new_page()
    open_page(again, server, "train")
    again.get_by_role("button", name="Stop").click()
    expect(again.get_by_text(re.compile("stopped at .* all of it saved"))).to_be_visible()
    expect(again.locator(".js-plotly-plot").first).to_be_visible()
    again.get_by_role("button", name="Continue").click()
    expect(again.get_by_text("done: 200 of 200 steps")).to_be_visible()
    again.get_by_role("link", name="Checkpoint", exact=True).click()
    expect(again.get_by_role("heading", name="Checkpoints")).to_be_visible()
    expect(again.get_by_role("heading", name="ADM +IP (mine)")).to_be_visible()
    expect(again.get_by_test_id("stCode").first).to_contain_text("--method ip")
    again.get_by_role("button", name="All checkpoints").click()
    expect(again.get_by_text("ADM +IP+SWA (mine)").first).to_be_visible()
    again.context.close()


def test_name_that_leaves_the_folder_is_answered(page: Page, own: tuple[Server, Path]) -> None:
    """From a link that somebody sent."""
    server, root = own
    open_page(page, server, "train?name=..%2F..%2Fetc")
    expect(page.get_by_text("cannot be a name")).to_be_visible()
    expect(page.get_by_role("button", name="Start")).to_be_disabled()
    set_number(page, "Seed", 3)
    expect(page.get_by_text("cannot be a name")).to_be_visible()
    assert list(root.iterdir()) == []
