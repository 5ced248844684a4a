"""The theory in a real browser: the first picture, one move of a slider, the link, a phone."""

import re

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from tests.browser.conftest import OVERFLOW, Server
from tests.browser.test_road import open_page

pytestmark = pytest.mark.browser

FAILS = "Here Eq. 18 fails as printed"


def test_reader_sees_the_bound_fail_then_hold(
    page: Page, server: Server, laptop: BrowserContext
) -> None:
    """By the page's own sentences; the second reader only has the link."""
    open_page(page, server, "theory")
    expect(page.get_by_text("Equal at all 1,681 points")).to_be_visible()
    page.get_by_text("The bound", exact=True).click()
    expect(page.get_by_text(FAILS)).to_be_visible()
    page.get_by_role("slider", name=re.compile("Size")).press("ArrowRight")
    expect(page).to_have_url(re.compile(r"delta=0\.65"))
    page.get_by_role("combobox", name=re.compile("What δ does")).click()
    page.get_by_role("option", name="narrower", exact=True).click()
    expect(page.get_by_text("Here both bounds hold")).to_be_visible()
    expect(page.get_by_text(FAILS)).to_have_count(0)
    visitor = laptop.new_page()
    visitor.set_viewport_size({"width": 375, "height": 900})
    visitor.goto(page.url)
    expect(visitor.get_by_text("Here both bounds hold")).to_be_visible()
    assert visitor.evaluate(OVERFLOW) <= 0
    assert visitor.get_by_test_id("stException").count() == 0
    visitor.close()
