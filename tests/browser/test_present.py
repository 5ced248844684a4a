"""A view for a wall: large, nothing to click but the way on, and the link that leads there."""

import re

import pytest
from playwright.sync_api import Page, ViewportSize, expect

from tests.browser.conftest import OVERFLOW, Server
from tests.browser.test_picture_first import BOXES
from tests.browser.test_road import open_page

pytestmark = pytest.mark.browser

SMALLEST = """() => Math.min(...[...document.querySelectorAll(
    '[data-testid="stMain"] :is(p, h1, .xtick text, .ytick text)')]
    .filter(found => found.checkVisibility() && found.textContent.trim())
    .map(found => parseFloat(getComputedStyle(found).fontSize) * (found.currentCSSZoom ?? 1)))"""


def test_a_projector_shows_the_picture_and_the_way_on(page: Page, shipped: Server) -> None:
    """At 1024 x 768, the least that a projector has."""
    page.set_viewport_size(ViewportSize(width=1024, height=768))
    open_page(page, shipped, "radius?num_directions=16")
    page.get_by_role("button", name="Present").click()
    expect(page).to_have_url(re.compile("present=1"))
    expect(page.get_by_role("heading", name="Loss against distance")).to_be_visible()
    expect(page.locator('[data-test-script-state="notRunning"]')).to_be_visible()
    expect(page.get_by_test_id("stSidebar")).to_have_count(0)
    expect(page.get_by_text("Settings", exact=True)).to_be_hidden()
    expect(page.get_by_role("button", name="Recompute")).to_be_hidden()
    # Until it is so: charts come one by one, and not always the first of them first.
    seen = "([top, bottom]) => Math.min(bottom, 768) - top > 300"
    page.wait_for_function(f"() => ({BOXES})().slice(0, 1).some({seen})")
    assert page.evaluate(SMALLEST) >= 14
    assert page.evaluate(OVERFLOW) <= 0
    page.get_by_role("link", name="Sharpness").click()
    expect(page.get_by_role("heading", name="Sharpness")).to_be_visible()
    expect(page).to_have_url(re.compile(r"sharpness\?.*present=1"))
    page.get_by_role("button", name="End").click()
    expect(page.get_by_test_id("stSidebar")).to_be_visible()
    expect(page).not_to_have_url(re.compile("present"))
