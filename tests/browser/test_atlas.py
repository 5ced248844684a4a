"""The surface with samples in a real browser: pointer, keys, path, phone, both themes."""

import re

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import OVERFLOW, Server
from tests.browser.test_dashboard_rows import open_stored
from tests.browser.test_every_page import ALL, serious_findings, show
from tests.browser.test_road import AT_REST

pytestmark = pytest.mark.browser

# One atlas for all tests here: the first computes it.
ATLAS = (
    "surface?mode=every+cell&resolution=5&seed=23&view=With+samples"
    "&points=5&point_images=2&point_steps=2"
)
# What is seen on each canvas, as one text.
SEEN = """() => [...document.querySelectorAll(".atlas-images canvas")].map(
    canvas => canvas.toDataURL()).join()"""
WHERE = """(plot, [a, b]) => {
    const { xaxis, yaxis } = plot._fullLayout;
    return [xaxis._offset + xaxis.d2p(a), yaxis._offset + yaxis.d2p(b)];
}"""
# A step takes less time than a busy machine needs to ask where the point is.
WRITE_DOWN_PLACES = """() => {
    const place = document.querySelector(".atlas-place");
    window.places = [];
    new MutationObserver(() => window.places.push(place.textContent))
        .observe(place, { childList: true, characterData: true, subtree: true });
}"""


def open_atlas(page: Page, server: Server) -> None:
    """With all of its images; drawn first, if nobody has asked for them."""
    open_stored(page, server, ATLAS)
    stored = page.get_by_text("From store, computed")
    run = page.get_by_role("button", name="Run")
    expect(stored.nth(1).or_(run)).to_be_visible()
    if run.is_visible():
        run.click()
    expect(stored).to_have_count(2)
    expect(page.locator(AT_REST)).to_be_visible()
    expect(page.locator(".atlas-images:not(.unknown)")).to_have_count(2)


def seen(page: Page) -> str:
    """What is on all canvases."""
    return page.evaluate(SEEN)


def at(page: Page, a: float, b: float) -> tuple[float, float]:
    """Where a point of the first surface is on the screen."""
    plot = page.locator(".atlas-plot").first
    plot.scroll_into_view_if_needed()
    box = plot.bounding_box()
    assert box is not None
    x, y = plot.evaluate(WHERE, [a, b])
    return box["x"] + x, box["y"] + y


def test_images_follow_the_pointer_without_the_server(page: Page, server: Server) -> None:
    """Every picture changes at once and comes back; nothing is sent meanwhile."""
    open_atlas(page, server)
    sent: list[str] = []
    page.on("request", lambda request: sent.append(request.url))
    place, own = page.locator(".atlas-place"), seen(page)
    expect(place).to_have_text("a 0, b 0")
    page.mouse.move(*at(page, 1, 1))
    expect(place).to_have_text("a 1, b 1")
    assert seen(page) != own
    page.mouse.move(*at(page, -0.45, 0.1))
    expect(place).to_have_text("a -0.5, b 0")
    page.mouse.move(*at(page, 0, 0))
    expect(place).to_have_text("a 0, b 0")
    assert seen(page) == own
    assert sent == []


def test_a_click_chooses_the_point_for_the_rest_of_the_page(page: Page, server: Server) -> None:
    """It is in the link, and below its samples can be drawn."""
    open_atlas(page, server)
    page.mouse.click(*at(page, 0.5, -0.5))
    expect(page).to_have_url(re.compile("[?&]a=0.5.*[?&]b=-0.5"))
    expect(page.get_by_label("Point a", exact=True)).to_have_value("0.5")
    expect(page.locator(".atlas-place")).to_have_text("a 0.5, b -0.5")


def test_keys_move_the_point_and_say_where_it_is(page: Page, server: Server) -> None:
    """As a slider, whose text is read aloud; the borders hold it."""
    open_atlas(page, server)
    own = seen(page)
    point = page.get_by_role("slider", name=re.compile("Point on Loss surface of ADM,"))
    point.focus()
    for key in ("ArrowRight", "ArrowUp", "ArrowUp", "ArrowUp"):
        page.keyboard.press(key)
    expect(page.locator(".atlas-place")).to_have_text("a 0.5, b 1")
    said = point.get_attribute("aria-valuetext") or ""
    assert re.match(r"a 0.5, b 1; ADM: Loss \d.* Pixels changed by .* of 255\.$", said)
    assert seen(page) != own
    page.keyboard.press("Home")
    expect(page.locator(".atlas-place")).to_have_text("a 0, b 0")
    assert seen(page) == own
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile("[?&]a=0&.*b=0|[?&]a=0.0&.*b=0"))


def test_path_is_walked_to_the_end_of_the_first_axis(page: Page, server: Server) -> None:
    """From wherever the point was, by way of the checkpoint; written down by the page itself."""
    open_atlas(page, server)
    page.mouse.move(*at(page, -1, -1))
    expect(page.locator(".atlas-place")).to_have_text("a -1, b -1")
    page.evaluate(WRITE_DOWN_PLACES)
    page.get_by_role("button", name="Play the path").click()
    expect(page.locator(".atlas-place")).to_have_text("a 1, b 0")
    expect(page.get_by_role("button", name="Play the path")).to_be_visible()
    assert page.evaluate("window.places")[-3:] == ["a 0, b 0", "a 0.5, b 0", "a 1, b 0"]


def test_phone_shows_images_below_and_a_finger_drags_the_point(held: Page, server: Server) -> None:
    """Nothing overflows; the point is held by a finger that goes up, too."""
    open_atlas(held, server)
    assert held.evaluate(OVERFLOW) <= 0
    point, images = held.locator(".atlas-point").first, held.locator(".atlas-images").first
    point.scroll_into_view_if_needed()
    box, below = point.bounding_box(), images.bounding_box()
    assert box is not None
    assert below is not None
    assert below["y"] > box["y"] + box["height"]
    assert below["x"] + below["width"] <= 375
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    session = held.context.new_cdp_session(held)
    for kind, step in (("touchStart", 0), *(("touchMove", k) for k in range(1, 5))):
        points = [{"x": x + 15 * step, "y": y - 15 * step}]
        session.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})
        held.wait_for_timeout(30)
    expect(held.locator(".atlas-place")).to_have_text("a 0.5, b 0.5")
    session.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})


def test_nothing_serious_is_found_in_either_theme(page: Page, server: Server) -> None:
    """By axe-core, on a laptop and on a phone."""
    open_atlas(page, server)
    for width, theme in ALL:
        show(page, width, theme)
        assert page.evaluate(OVERFLOW) <= 0, (width, theme)
        assert list(serious_findings(page)) == [], (width, theme)
