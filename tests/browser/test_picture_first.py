"""The picture comes first: on every screen, on every measuring page, and at home."""

import re

import pytest
from playwright.sync_api import Page, ViewportSize, expect

from tests.browser.conftest import Server
from tests.browser.test_road import open_page

pytestmark = pytest.mark.browser

PAGES = (
    *("", "surface", "flatness", "radius", "curvature", "exposure", "quantization", "samples"),
    *("quality", "sharpness", "blocks", "similarity"),
)
DESK, ROOM = (
    ViewportSize(width=width, height=height) for width, height in ((1280, 800), (1024, 768))
)
# Charts, images, and scenes; their tops and bottoms in CSS pixels of the window.
BOXES = """() => [...document.querySelectorAll(
    '[data-testid="stPlotlyChart"], [data-testid="stImage"] img, .scenes figure')]
    .map(found => found.getBoundingClientRect())
    .map(({top, bottom, height}) => [top, bottom, height])"""
ON_FIRST_SCREEN = f"""() => {{
    const [top, bottom, height] = ({BOXES})()[0] ?? [0, 0, 0];
    return height > 20 && Math.min(bottom, innerHeight) - top >= Math.min(200, height / 2);
}}"""
SCROLLED = "() => document.querySelector('[data-testid=stMain]').scrollTop"
AT_REST = '[data-test-script-state="notRunning"]'
DRAWN = ".scenes-plot .gl-container"
CAMERA = """() => {
    const plot = document.querySelector('.scenes-plot');
    const { x, y } = plot._fullLayout.scene._scene.getCamera().eye;
    return Math.atan2(y, x);
}"""


def test_the_picture_is_on_the_first_screen_of_a_phone(held: Page, shipped: Server) -> None:
    """From page to page by the sidebar; other screens are looked at in test_every_page.py."""
    open_page(held, shipped, "")
    shows_its_picture_first(held)
    for path in PAGES[1:]:
        before = held.locator("h1").inner_text()
        held.get_by_test_id("stExpandSidebarButton").click()
        held.locator(f'[data-testid="stSidebarNavLink"][href$="/{path}"]').click()
        expect(held.locator("h1")).not_to_have_text(before)
        shows_its_picture_first(held)


def shows_its_picture_first(page: Page) -> None:
    """At least half of it is on the screen, or 200 pixels, without any scrolling."""
    expect(page.locator(AT_REST)).to_be_visible()
    # Until it is so: charts come one by one, and not always the first of them first.
    page.wait_for_function(ON_FIRST_SCREEN)


def says_what_it_shows(page: Page) -> None:
    """One line, with an interval, or that nothing is decided."""
    worded = r"(times less|Not decided|less .* than|rank correlation|CKA: .* ± )"
    said = page.get_by_text(re.compile(worded))
    expect(said.first).to_be_visible()


def test_home_turns_until_somebody_touches_it(page: Page, shipped: Server) -> None:
    """By the camera's own angle, in a browser without a graphics card."""
    page.emulate_media(reduced_motion="no-preference")
    open_page(page, shipped, "")
    expect(page.get_by_text(re.compile("less rise of the loss under"))).to_be_visible()
    page.wait_for_function(f"() => document.querySelectorAll({DRAWN!r}).length > 1")
    before = page.evaluate(CAMERA)
    page.wait_for_function(f"() => Math.abs(({CAMERA})() - {before}) > 0.005")
    page.locator(".scenes-plot").first.press("ArrowLeft")
    page.wait_for_timeout(500)
    still = page.evaluate(CAMERA)
    page.wait_for_timeout(1000)
    assert page.evaluate(CAMERA) == pytest.approx(still, abs=1e-3)


def test_what_was_chosen_goes_along_by_the_sidebar(page: Page, shipped: Server) -> None:
    """Into the next page's link, too; and the drawer stays as it was left."""
    open_page(page, shipped, "samples?checkpoints=digits%2Fip")
    page.get_by_text("Settings", exact=True).click()
    expect(page.get_by_label("Seed", exact=True)).to_be_visible()
    page.get_by_role("link", name="Curvature").click()
    expect(page.get_by_role("heading", name="Curvature", exact=True)).to_be_visible()
    expect(page).to_have_url(re.compile("checkpoints=digits%2Fip"))
    expect(page.get_by_label("Probes", exact=True)).to_be_visible()


def swiped(page: Page, x: float, y: float) -> float:
    """How far the page scrolls when a finger goes up 200 pixels from a point."""
    session = page.context.new_cdp_session(page)
    before = page.evaluate(SCROLLED)
    for kind, step in (("touchStart", 0), *(("touchMove", k) for k in range(1, 11))):
        points = [{"x": x, "y": y - 20 * step}]
        session.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})
        page.wait_for_timeout(20)
    session.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})
    page.wait_for_timeout(300)
    return page.evaluate(SCROLLED) - before


@pytest.mark.parametrize("path", ["radius", "surface", "surface?view=3-D"])
def test_a_swipe_over_a_chart_scrolls_the_page(held: Page, shipped: Server, path: str) -> None:
    """With a real finger's events; a chart that is not asked leaves them to the page."""
    held.set_viewport_size({"width": 700, "height": 800})  # wide enough for 3-D at once
    open_page(held, shipped, path)
    chart = held.locator(".js-plotly-plot").first
    expect(chart).to_be_visible()
    expect(held.locator(AT_REST)).to_be_visible()
    box = chart.bounding_box()
    assert box is not None
    assert (
        swiped(held, box["x"] + box["width"] / 2, min(780, box["y"] + box["height"] * 0.7)) > 100
    )
