"""The whole road in a real browser: open, choose, run, watch, stop, go on, come back."""

import re
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from pages.shared.page_list import SECTIONS
from tests.browser.conftest import Server

pytestmark = pytest.mark.browser

AT_REST = '[data-test-script-state="notRunning"]'
# Their addresses.
PAGES = ("", *(Path(page.file).stem for section in SECTIONS.values() for page in section))


def open_page(page: Page, server: Server, path: str) -> None:
    """Go there and wait for the title and the end of the first run."""
    page.goto(f"{server.url}/{path}")
    expect(page.locator("h1")).to_be_visible()
    expect(page.get_by_test_id("stStatusWidget")).to_have_count(0)


def set_number(page: Page, label: str, value: float) -> None:
    """Type into a number box as a person does, who opens the drawer where it is closed."""
    box = page.get_by_label(label, exact=True)
    expect(box).to_be_attached()
    if not box.is_visible():
        page.get_by_text("Settings", exact=True).click()
        expect(page.locator(AT_REST)).to_be_visible()
    box.fill(str(value))
    box.press("Enter")


def test_row_05_progress_cancel_and_come_back(page: Page, server: Server) -> None:
    """Drives only what a visitor sees, and reads the outcome from the page."""
    open_page(page, server, "surface?mode=every+cell")
    set_number(page, "Resolution", 41)
    expect(page).to_have_url(re.compile("resolution=41"))
    expect(page.locator(AT_REST)).to_be_visible()  # a button that is drawn anew takes no click
    page.get_by_role("button", name="Run").click()
    expect(page.get_by_text(re.compile(r"\d+ of 3,364 evaluations"))).to_be_visible()
    expect(page.locator(".js-plotly-plot").first).to_be_visible()  # coarse, while it runs
    page.get_by_role("button", name="Cancel").click()
    expect(page.get_by_text(re.compile("Cancelled at"))).to_be_visible()
    page.reload()
    expect(page.get_by_text(re.compile("Cancelled at"))).to_be_visible()
    set_number(page, "Resolution", 3)
    expect(page.get_by_text(re.compile("20 evaluations"))).to_be_visible()  # the page has it
    page.get_by_role("button", name="Run").click()
    expect(page.get_by_text("From store, computed")).to_be_visible()
    expect(page.locator(".js-plotly-plot").first).to_be_visible()


def test_row_10_stored_results_at_once(page: Page, server: Server, laptop: BrowserContext) -> None:
    """A second visitor follows the first one's link; nothing may be computed for that."""
    link = "surface?checkpoints=tiny%2Fsam&mode=every+cell&dimensions=1-D&resolution=5&seed=3"
    open_page(page, server, link)
    page.get_by_role("button", name="Run").click()
    expect(page.get_by_text("From store, computed")).to_be_visible()
    jobs = len(server.store.jobs())
    visitor = laptop.new_page()
    open_page(visitor, server, link)
    expect(visitor.get_by_text("From store, computed")).to_be_visible()
    expect(visitor.get_by_role("button", name="Recompute")).to_be_visible()
    expect(visitor.locator(".js-plotly-plot").first).to_be_visible()
    expect(visitor.get_by_label("Resolution", exact=True)).to_have_value("5")
    expect(visitor.get_by_label("Seed", exact=True)).to_have_value("3")
    assert len(server.store.jobs()) == jobs
    visitor.close()


def test_two_visitors_cause_one_computation(
    page: Page, server: Server, laptop: BrowserContext
) -> None:
    """Both press Run for the same surface; the store counts jobs, and tiles that overlap."""
    link = "surface?checkpoints=tiny%2Fadm&mode=every+cell&resolution=5&seed=11"
    other = laptop.new_page()
    before = len(server.store.jobs())
    for visitor in (page, other):
        open_page(visitor, server, link)
        expect(visitor.get_by_role("button", name="Run")).to_be_visible()
    for visitor in (page, other):
        visitor.get_by_role("button", name="Run").click()
    for visitor in (page, other):
        expect(visitor.get_by_text("From store, computed")).to_be_visible()
    (job,) = server.store.jobs()[before:]
    assert job.num_done == job.num_items == len(server.store.positions_done(job.key))
    other.close()


def test_row_11_empty_states_teach_and_error_states_help(page: Page, server: Server) -> None:
    """One click from empty; a link may hold anything: expected, got, and the page stays usable."""
    open_page(page, server, "flatness?seed=77")
    expect(page.get_by_text("Nothing computed for this view yet: press Run")).to_be_visible()
    expect(page.get_by_role("button", name="Run")).to_be_enabled()
    open_page(page, server, "flatness?num_perturbations=5")
    expect(page.get_by_text("num_perturbations must be an even integer in [4")).to_be_visible()
    set_number(page, "Perturbations", 6)
    expect(page.get_by_role("button", name="Run")).to_be_visible()


def test_foreign_host_name_is_refused(server: Server, browser: Browser) -> None:
    """The same address under another name, as a page on another site would reach it."""
    context = browser.new_context(extra_http_headers={"Host": "evil.example"})
    answer = context.request.get(server.url, headers={"Host": "evil.example"})
    assert answer.status == 403
    context.close()
