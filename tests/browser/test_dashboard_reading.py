"""What a visitor expects to read and to see, by the rows of the dashboard's design."""

import re
from pathlib import Path
from typing import Literal

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import Server
from tests.browser.test_dashboard_rows import SURFACE, open_stored
from tests.browser.test_road import open_page

pytestmark = pytest.mark.browser

COLORS = """() => Object.fromEntries([...document.querySelectorAll(".js-plotly-plot")]
    .flatMap(plot => plot._fullData)
    .filter(trace => /^ADM/.test(trace.name))
    .map(trace => [trace.name, trace.line?.color ?? trace.marker?.color]))"""
RED = "+getComputedStyle(document.querySelector('.stApp')).backgroundColor.match(/\\d+/)[0]"
SCHEMES: tuple[Literal["dark", "light"], ...] = ("dark", "light")
Y_TYPE = """() => document.querySelector(".js-plotly-plot")?._fullLayout?.yaxis.type"""
BAND = """() => document.querySelector(".js-plotly-plot")._fullData
    .filter(trace => trace.fill === "toself").length"""


def test_row_09_seeds_are_visible_and_shared(page: Page, shipped: Server) -> None:
    """One box for all checkpoints; the noise floor of each is a band around its line."""
    open_stored(page, shipped, SURFACE.replace("log=true", "dimensions=1-D&seed=6"))
    expect(page.get_by_label("Seed", exact=True)).to_have_count(1)
    expect(page.get_by_label("Seed", exact=True)).to_have_value("6")
    assert page.evaluate(BAND) == 2
    page.get_by_text("Export, command and provenance").first.click()
    expect(page.get_by_test_id("stCode").first).to_contain_text("--seed 6")


def test_row_12_first_paint_and_no_torch(page: Page, shipped: Server) -> None:
    """The libraries by the kernel; how soon is measured by `benchmarks.first_page`, alone."""
    page.goto(shipped.url)
    page.locator("h1").wait_for()
    maps = Path(f"/proc/{shipped.process.pid}/maps")
    if maps.exists():
        assert "libtorch" not in maps.read_text()


def test_row_13_dark_and_light_and_one_colour_a_method(page: Page, shipped: Server) -> None:
    """The system's choice decides; what a method is drawn in is the same on every page."""
    found: list[dict[str, str]] = []
    for path in ("flatness", "radius"):
        open_page(page, shipped, path)
        for scheme in SCHEMES:
            page.emulate_media(color_scheme=scheme)
            page.wait_for_function(f"() => ({RED} < 64) === {str(scheme == 'dark').lower()}")
            page.wait_for_function(f"() => Object.keys(({COLORS})()).length > 1")
            found.append(page.evaluate(COLORS))
    names = set.intersection(*(set(colors) for colors in found))
    assert len(names) > 1
    for name in names:
        assert len({colors[name] for colors in found}) == 1


def test_row_14_keyboard_alone(page: Page, shipped: Server) -> None:
    """Ctrl+Enter computes; what else a keyboard needs is seen on every page."""
    open_page(page, shipped, "surface?mode=every+cell&resolution=2&seed=14")
    expect(page.get_by_role("button", name="Run")).to_be_visible()
    page.keyboard.press("Control+Enter")
    expect(page.get_by_text("From store, computed")).to_be_visible()


def test_row_17_log_axis_fullscreen_and_reset(page: Page, shipped: Server) -> None:
    """By the toggle, and plotly's own word for the axis; it stays in the link."""
    open_stored(page, shipped, SURFACE.replace("log=true", "dimensions=1-D&seed=6"))
    page.wait_for_function(f"() => ({Y_TYPE})() === 'linear'")
    page.get_by_text("Logarithmic loss").click()
    page.wait_for_function(f"() => ({Y_TYPE})() === 'log'")
    expect(page).to_have_url(re.compile("log=true"))
    for title in ("Fullscreen", "Reset axes"):
        expect(page.locator(f".modebar-btn[data-title='{title}']").first).to_be_attached()


def test_row_20_paper_beside_measured(page: Page, shipped: Server) -> None:
    """Opened, the numbers of the paper's LPF for SAM; the tables are there on every page."""
    open_page(page, shipped, "flatness")
    page.get_by_text("as reported (CIFAR-10)").click()
    table = page.get_by_test_id("stTable").filter(has_text="0.097")
    expect(table).to_contain_text("0.063")
