"""Training in a real browser: start, close the tab, come back, find it in the gallery."""

import re
import time
from collections.abc import Iterator

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from flatdiff.training import launcher
from flatdiff.training.run_list import list_runs
from tests.browser.conftest import Server
from tests.browser.test_road import open_page, set_number

pytestmark = pytest.mark.browser


@pytest.fixture
def runs_end(workshop: Server) -> Iterator[None]:
    """Whatever a test leaves running is stopped, and has stopped: what is on disk is at rest."""
    yield
    for run in list_runs(workshop.checkpoints):
        launcher.stop(run)
    deadline = time.monotonic() + 60
    while any(run.alive for run in list_runs(workshop.checkpoints)):
        assert time.monotonic() < deadline, "a run does not stop"
        time.sleep(0.1)


@pytest.mark.usefixtures("runs_end")
def test_run_outlives_the_tab_and_ends_in_the_gallery(
    page: Page, laptop: BrowserContext, workshop: Server
) -> None:
    """Two hundred steps of two images; stopped once and continued on the way."""
    root = workshop.checkpoints
    open_page(page, workshop, "train?methods=%2BIP&steps=200&batch=2&save=20")
    page.get_by_role("button", name="Start").click()
    expect(page.get_by_text(re.compile(r"^[1-9]\d* of 200 steps"))).to_be_visible()
    page.close()

    (run,) = list_runs(root)
    assert run.alive, "closing the tab must not end it"
    again = laptop.new_page()
    open_page(again, workshop, "train")
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
    again.close()


VISIBLE = """() => document.querySelector(".steady-chart-plot")._fullData
    .filter(trace => trace.showlegend).map(trace => [trace.name, trace.visible, trace.x.length])"""


@pytest.mark.usefixtures("runs_end")
def test_a_hidden_run_stays_hidden_while_it_trains(page: Page, workshop: Server) -> None:
    """The chart has had new losses since the click; flatness and samples stand beside it."""
    link = "train?methods=%2BIP&name=watched&steps=4000&batch=2&save=2000&eval=20&smoothing=0.5"
    open_page(page, workshop, link)
    page.get_by_role("button", name="Start").click()
    strip = page.get_by_role("group", name="Samples of watched/ip after")
    expect(strip.locator("image")).to_be_visible()
    expect(page.get_by_role("group", name="Flatness by step, a line a run")).to_be_visible()
    legend = page.locator(".steady-chart-plot").first.locator(".traces", has_text="watched/ip")
    legend.locator(".legendtoggle").click()
    own = f"({VISIBLE})().find(([name]) => name === 'watched/ip')"  # others may stand beside it
    page.wait_for_function(f"{own}[1] === 'legendonly'")
    before = page.evaluate(own)[2]
    page.wait_for_function(f"{own}[2] !== {before}")
    assert page.evaluate(own)[1] == "legendonly"


def test_name_that_leaves_the_folder_is_answered(page: Page, workshop: Server) -> None:
    """From a link that somebody sent."""
    before = sorted(workshop.checkpoints.rglob("*"))
    open_page(page, workshop, "train?name=..%2F..%2Fetc")
    expect(page.get_by_text("cannot be a name")).to_be_visible()
    expect(page.get_by_role("button", name="Start")).to_be_disabled()
    set_number(page, "Seed", 3)
    expect(page.get_by_text("cannot be a name")).to_be_visible()
    assert sorted(workshop.checkpoints.rglob("*")) == before
