"""Linked scenes in a real browser: cameras, clicks, narrow screens, and no WebGL at all."""

import re

import pytest
from playwright.sync_api import Page, expect

from pages.shared.plotly_js import FILE_NAME, PLOTLY_JS
from tests.browser.conftest import OVERFLOW, Server
from tests.browser.test_dashboard_rows import open_stored
from tests.browser.test_road import set_number

pytestmark = pytest.mark.browser

# One surface for all tests here: the first computes it. Half a step from the middle is a cell.
SURFACE = "surface?mode=every+cell&resolution=5&seed=21"
EYE = """k => {
    const plot = document.querySelectorAll(".scenes-plot")[k];
    const eye = plot._fullLayout.scene._scene.getCamera().eye;
    return [eye.x, eye.y, eye.z].map(number => +number.toFixed(3));
}"""
DRAWN = """() => {
    const plots = [...document.querySelectorAll(".scenes-plot")];
    return plots.length === 2 && plots.every(plot => plot._fullLayout?.scene?._scene?.glplot);
}"""
NO_WEBGL = """
    const getContext = HTMLCanvasElement.prototype.getContext;
    HTMLCanvasElement.prototype.getContext = function (kind, ...rest) {
        return kind.includes("webgl") ? null : getContext.call(this, kind, ...rest);
    };
"""


@pytest.fixture
def visitor(page: Page) -> Page:
    """On a laptop whose windows are small: what has no graphics card draws every pixel itself."""
    page.set_viewport_size({"width": 800, "height": 700})
    return page


def eyes(page: Page) -> list[list[float]]:
    """Where both cameras stand, once both surfaces are drawn and the second follows the first.

    Those that still differ after ten seconds are given back as they are.
    """
    page.wait_for_function(DRAWN)
    tries = 100
    while (found := [page.evaluate(EYE, k) for k in (0, 1)])[0] != pytest.approx(
        found[1], abs=2e-3
    ) and tries:
        tries -= 1
        page.wait_for_timeout(100)
    return found


def middle(page: Page, k: int) -> tuple[float, float]:
    """Of a surface, on the screen, once what comes in above it moves it no more."""
    plot, before = page.locator(".scenes-plot").nth(k), None
    plot.scroll_into_view_if_needed()
    while (box := plot.bounding_box()) != before or box is None:
        before = box
        page.wait_for_timeout(250)
    return box["x"] + box["width"] / 2, box["y"] + box["height"] / 2


def drag(page: Page, k: int) -> None:
    """From the middle of a surface to the right."""
    x, y = middle(page, k)
    page.mouse.move(x, y)
    page.mouse.down()
    for step in range(1, 4):
        page.mouse.move(x + 20 * step, y + 8 * step)
    page.mouse.up()


def test_row_03_cameras_are_linked_and_outlive_new_data_and_f5(
    visitor: Page, server: Server
) -> None:
    """Read from plotly's own scenes; the file of plotly.js is asked for once a visit."""
    files: list[str] = []
    visitor.on("request", lambda request: files.append(request.url))
    open_stored(visitor, server, f"{SURFACE}&view=3-D")
    before = eyes(visitor)
    assert before[0] == pytest.approx(before[1], abs=2e-3)
    drag(visitor, 1)
    expect(visitor).to_have_url(re.compile("camera="))
    turned = eyes(visitor)
    assert turned[0] == pytest.approx(turned[1], abs=0.011), "the link has two digits"
    assert max(abs(a - b) for a, b in zip(turned[0], before[0], strict=True)) > 0.2
    visitor.get_by_text("Logarithmic loss").click()
    expect(visitor).to_have_url(re.compile("log=true"))
    set_number(visitor, "Resolution", 3)
    expect(visitor).to_have_url(re.compile("resolution=3"))
    visitor.get_by_role("button", name="Run").first.click()
    expect(visitor.get_by_text("From store, computed").first).to_be_visible()
    for eye in eyes(visitor):
        assert eye == pytest.approx(turned[0], abs=0.011), "the link has two digits"
    assert sum(url.endswith(FILE_NAME) for url in files) == 1
    visitor.reload()
    for eye in eyes(visitor):
        assert eye == pytest.approx(turned[0], abs=0.011)
    visitor.get_by_role("button", name="Reset camera").first.click()
    expect(visitor).not_to_have_url(re.compile("camera="))
    for eye in eyes(visitor):
        assert eye == pytest.approx(before[0], abs=2e-3)


def test_click_on_a_surface_shows_samples_from_there(visitor: Page, server: Server) -> None:
    """A press that turns the surface is no click; one that does not is; the link has the point."""
    open_stored(visitor, server, f"{SURFACE}&view=3-D&num_images=2&num_sampling_steps=2")
    eyes(visitor)
    drag(visitor, 0)
    expect(visitor).to_have_url(re.compile("camera="))
    assert "&a=" not in visitor.url
    visitor.mouse.click(*middle(visitor, 0))
    expect(visitor).to_have_url(re.compile("[?&]a=.*[?&]b="))
    shows_samples(visitor, 2)


def shows_samples(page: Page, count: int) -> None:
    """Run what the point asks for, and see the four grids."""
    page.get_by_role("button", name="Run").click()
    expect(page.get_by_text("From store, computed")).to_have_count(2)
    for where in ("the centre", r"\("):
        grids = page.get_by_alt_text(re.compile(f"{count} samples of .* at {where}"))
        expect(grids).to_have_count(2)


def test_row_16_hover_and_click_choose_the_same_point_everywhere(
    visitor: Page, server: Server
) -> None:
    """The middle of the plot is the centre; beside it lies the cell half way to the edge."""
    open_stored(visitor, server, f"{SURFACE}&num_images=3&num_sampling_steps=2")
    plot = visitor.locator(".js-plotly-plot .nsewdrag").nth(1)
    plot.scroll_into_view_if_needed()
    box = plot.bounding_box()
    assert box is not None
    x, y = box["x"] + 0.75 * box["width"], box["y"] + 0.5 * box["height"]
    visitor.mouse.move(x, y)
    expect(visitor.get_by_text("√(a² + b²) 0.500")).to_be_visible()
    visitor.mouse.click(x, y)
    expect(visitor.get_by_label("Point a", exact=True)).to_have_value("0.5")
    expect(visitor.get_by_label("Point b", exact=True)).to_have_value("0")
    expect(visitor).to_have_url(re.compile("a=0.5"))
    shows_samples(visitor, 3)


def test_row_15_narrow_screen_has_contours_first_and_3d_on_demand(
    held: Page, server: Server
) -> None:
    """A link to 3-D, opened on a phone; a finger turns both surfaces, and nothing overflows."""
    open_stored(held, server, f"{SURFACE}&view=3-D")
    expect(held.locator(".js-plotly-plot")).to_have_count(2 + 1)  # and the colours, once
    expect(held.locator(".scenes-plot")).to_have_count(0)
    held.get_by_role("button", name="Draw in 3-D").click()
    before = eyes(held)
    finger(held)
    expect(held).to_have_url(re.compile("camera="))
    after = eyes(held)
    assert after[0] != before[0]
    assert after[0] == pytest.approx(after[1], abs=0.011), "the link has two digits"
    assert held.evaluate(OVERFLOW) <= 0


def finger(page: Page) -> None:
    """Taps the first surface, which is turned from then on, and moves across it."""
    plot = page.locator(".scenes-plot").first
    plot.scroll_into_view_if_needed()
    plot.tap(position={"x": 20, "y": 60})
    expect(plot).to_have_class(re.compile("held"))
    box = plot.bounding_box()
    assert box is not None
    x, y = box["x"] + 150, box["y"] + 150
    session = page.context.new_cdp_session(page)
    for kind, step in (("touchStart", 0), *(("touchMove", k) for k in range(1, 4))):
        points = [{"x": x + 12 * step, "y": y + 4 * step}]
        session.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})
        page.wait_for_timeout(30)
    session.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})


def test_without_webgl_contours_stand_in(page: Page, server: Server) -> None:
    """The browser answers null where a page asks for WebGL."""
    page.add_init_script(NO_WEBGL)
    open_stored(page, server, f"{SURFACE}&view=3-D")
    expect(page.get_by_text("This browser shows no 3-D graphics")).to_be_visible()
    expect(page.locator(".js-plotly-plot")).to_have_count(2 + 1)  # and the colours, once
    expect(page.locator(".scenes-plot")).to_have_count(0)


def test_plotly_js_is_served_whole_and_kept(page: Page, server: Server) -> None:
    """Byte by byte the package's file, which a browser need not ask for again."""
    answer = page.request.get(f"{server.url}/{FILE_NAME}")
    assert answer.body() == PLOTLY_JS.read_bytes()
    assert "immutable" in answer.headers["cache-control"]
    assert "javascript" in answer.headers["content-type"]
