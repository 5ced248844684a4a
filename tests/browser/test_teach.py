"""The pages to teach with, by a visitor who moves their sliders."""

import re

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import Server
from tests.browser.test_road import open_page

pytestmark = pytest.mark.browser


def press(page: Page, label: str, key: str) -> None:
    """Move a slider by a key, as a person without a mouse does."""
    page.get_by_role("slider", name=label).press(key)


def run(page: Page) -> None:
    """Compute what the page asks for."""
    page.get_by_role("button", name="Run").click()
    expect(page.get_by_text("From store, computed")).to_be_visible()


def test_rescaling_moves_one_score_and_not_the_other(page: Page, server: Server) -> None:
    """The slider shows stored numbers at once, and the link remembers it."""
    open_page(page, server, "rescaling?checkpoints=tiny%2Fadm&num_perturbations=4&largest=2")
    run(page)
    expect(page.locator(".js-plotly-plot")).to_have_count(2)
    score = page.get_by_text(re.compile(r"loss without noise: \d"))
    before = score.inner_text()
    press(page, "Multiply by", "ArrowLeft")
    expect(score).not_to_have_text(before)
    expect(page).to_have_url(re.compile("factor1="))
    expect(page.get_by_role("button", name="Run")).to_have_count(0)


def test_sam_goes_through_its_stages(page: Page, server: Server) -> None:
    """From the first stage by the button, and on by the slider; another rho, another sentence."""
    open_page(page, server, "sam?stage=1")
    expect(page.get_by_text("1. Gradient.")).to_be_visible()
    page.get_by_role("button", name="Next").click()
    expect(page.get_by_text("2. Up.")).to_be_visible()
    press(page, "Stage", "ArrowRight")
    expect(page.get_by_text("3. Gradient there.")).to_be_visible()
    expect(page.get_by_text("SAM in the flat one")).to_be_visible()
    press(page, "ρ of SAM", "Home")
    expect(page.get_by_text("both end in the sharp valley")).to_be_visible()


def test_rounding_follows_the_bits(page: Page, server: Server) -> None:
    """Every width is there after one run; no further one is asked for."""
    open_page(page, server, "rounding?checkpoints=tiny%2Fadm")
    expect(page.get_by_text("15 levels")).to_be_visible()
    run(page)
    for levels in (7, 3):
        press(page, "Bits a weight", "ArrowRight")
        expect(page.get_by_text(f"{levels} levels")).to_be_visible()
        expect(page.get_by_text("From store, computed")).to_be_visible()
    expect(page.get_by_text("Loss at 2 bits")).to_be_visible()
    expect(page.get_by_role("img", name="at 2 bits")).to_be_visible()


def test_the_tour_asks_before_it_tells(page: Page, server: Server) -> None:
    """The answer to a step is not there before somebody gave one; the next step is in the link."""
    open_page(page, server, "tour?part=2")
    expect(page.get_by_text("σ² times half the curvature")).to_have_count(0)
    page.get_by_text("That of the wide one").click()
    expect(page.get_by_text("It is otherwise: that of the narrow one.")).to_be_visible()
    expect(page.get_by_text("σ² times half the curvature")).to_be_visible()
    page.get_by_role("button", name="Next: What SAM does").click()
    expect(page.get_by_role("heading", name="3. What SAM does")).to_be_visible()
    expect(page).to_have_url(re.compile("part=3"))


def test_the_tour_can_be_led_from_a_wall(page: Page, server: Server) -> None:
    """Questions and the way on are left of its controls."""
    open_page(page, server, "tour?part=5&present=1")
    page.get_by_text("It gets flatter").click()
    expect(page.get_by_text("It is otherwise")).to_be_visible()
    expect(page.get_by_role("button", name=re.compile("Next: "))).to_be_visible()


def test_a_term_tells_what_it_means(page: Page, server: Server) -> None:
    """Under the mouse and by the keyboard, inside the screen of a phone, too."""
    page.set_viewport_size({"width": 375, "height": 812})
    open_page(page, server, "flatness")
    term = page.locator("dfn", has_text="LPF").first
    said = "getComputedStyle(e, '::after').content"
    assert term.evaluate(f"e => {said}") == "none"
    term.focus()
    assert "Low-pass filtered loss" in term.evaluate(f"e => {said}")
    width = "parseFloat(getComputedStyle(e, '::after').width)"
    assert term.evaluate(f"e => e.closest('p').getBoundingClientRect().left + {width}") <= 375
