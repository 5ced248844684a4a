"""Every page, opened once: it fits, it speaks, it says what its numbers are worth.

Whatever axe-core calls serious or critical is mended, or named here.
"""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from tests.browser.conftest import OVERFLOW, Server
from tests.browser.test_picture_first import (
    DESK,
    ROOM,
    says_what_it_shows,
    shows_its_picture_first,
)
from tests.browser.test_picture_first import PAGES as PICTURED
from tests.browser.test_road import PAGES, open_page

pytestmark = pytest.mark.browser

# Rule, what the found element must be (a CSS selector), and why it stays.
STREAMLITS_OWN = (
    ("list", "[data-testid=stSidebarNavItems]", "Streamlit groups links by divs in a list"),
    ("listitem", "[data-testid=stSidebarNavItems] *", "the same links"),
    # Chromium from 130 and Firefox give such a region the focus by themselves.
    ("scrollable-region-focusable", ".katex-display", "a formula wider than a phone"),
    ("scrollable-region-focusable", ".stCode pre", "a command longer than the screen"),
    ("scrollable-region-focusable", ".stTable *", "a table wider than a phone"),
)
CAVEATS = {
    "surface": ["Planes can mislead"],
    "sharpness": ["there may be worse ones"],
    "flatness": ["Absolute noise is not comparable"],
    "quality": ["compare with no published number"],
    "claim": ["are counted nowhere"],
}
REPORTED = {
    "flatness": ["Table 3"],
    "quality": ["Tables 2 and 4"],
    "claim": [f"Table {k}" for k in range(1, 6)],
}
MEASURED = ("flatness", "curvature", "radius", "sharpness", "exposure", "quantization")
ARTIFACTS = Path(__file__).resolve().parents[2] / "test-artifacts"
Screen = tuple[int, Literal["light", "dark"]]
LAPTOP: Screen = (1280, "light")
PHONE: Screen = (375, "dark")
ALL: tuple[Screen, ...] = (LAPTOP, PHONE, (1280, "dark"), (375, "light"))
FADE_MS = 400  # what fades in is faint
IS_ONE = "([target, selector]) => document.querySelector(target).matches(selector)"


@pytest.fixture
def asked(page: Page) -> list[str]:
    """Every address that the page asks anything of."""
    addresses: list[str] = []
    page.on("request", lambda request: addresses.append(request.url))
    page.on("websocket", lambda socket: addresses.append(socket.url.replace("ws", "http", 1)))
    return addresses


@pytest.mark.parametrize("path", PAGES)
def test_rows_14_15_18_and_20_on_every_page(
    page: Page, shipped: Server, asked: list[str], path: str
) -> None:
    """It fits a laptop and a phone; axe-core, which takes a second, sees one of the two."""
    visit(page, shipped, path)
    says_what_its_numbers_are_worth(page, path)
    speaks(page, path)
    if path in PICTURED:
        puts_the_picture_first(page)
    for width, theme in (LAPTOP, PHONE) if PAGES.index(path) % 2 else (PHONE, LAPTOP):
        show(page, width, theme)
        assert page.evaluate(OVERFLOW) <= 0, width
    assert list(serious_findings(page)) == []
    own = (f"{shipped.url}/", "data:", f"blob:{shipped.url}/")
    assert [url for url in asked if not url.startswith(own)] == [], "asked of somebody else"
    assert len(asked) > 10


@pytest.mark.slow
@pytest.mark.parametrize("path", PAGES)
def test_rows_14_and_15_on_every_screen(page: Page, shipped: Server, path: str) -> None:
    """Two widths in two themes; screenshots are kept for a person's eyes."""
    ARTIFACTS.mkdir(exist_ok=True)
    visit(page, shipped, path)
    for width, theme in ALL:
        show(page, width, theme)
        page.screenshot(path=ARTIFACTS / f"{path or 'checkpoints'}-{width}-{theme}.png")
        assert page.evaluate(OVERFLOW) <= 0, (width, theme)
        assert list(serious_findings(page)) == [], (width, theme)


def puts_the_picture_first(page: Page) -> None:
    """On a desk and on a projector, with its verdict."""
    for screen in (DESK, ROOM):
        page.set_viewport_size(screen)
        shows_its_picture_first(page)
    says_what_it_shows(page)


def visit(page: Page, shipped: Server, path: str) -> None:
    """Open it on a laptop, as a first visitor has it, until the code of every widget has come."""
    open_page(page, shipped, path)
    expect(page.get_by_test_id("stSkeleton")).to_have_count(0)
    assert page.get_by_test_id("stException").count() == 0


def show(page: Page, width: int, theme: Literal["light", "dark"]) -> None:
    """Change its screen, as one does that is turned at dusk."""
    page.emulate_media(color_scheme=theme)
    page.set_viewport_size({"width": width, "height": 900})
    page.wait_for_timeout(FADE_MS)


def says_what_its_numbers_are_worth(page: Page, path: str) -> None:
    """Caveats beside the numbers, not behind a click; the paper's numbers named as reported."""
    for words in (*CAVEATS.get(path, []), *REPORTED.get(path, [])):
        expect(page.get_by_text(words).first).to_be_visible()
    if path in REPORTED:
        expect(page.get_by_text(re.compile("report")).first).to_be_visible()


def speaks(page: Page, path: str) -> None:
    """Charts have a name and are tables, too; nothing jumps the queue of the tab key."""
    if path in MEASURED:
        expect(page.locator(".js-plotly-plot").first).to_be_visible()
        expect(page.get_by_text("Numbers", exact=True).first).to_be_visible()
    charts = page.get_by_test_id("stPlotlyChart").all()
    assert [chart for chart in charts if not chart.get_attribute("aria-label")] == []
    assert page.locator("[tabindex]").evaluate_all("all => all.every(e => e.tabIndex <= 0)")


def serious_findings(page: Page) -> Iterator[str]:
    """By axe-core, which knows nothing of this project."""
    for rule in Axe().run(page, options={"resultTypes": ["violations"]}).response["violations"]:
        known = [selector for name, selector, _ in STREAMLITS_OWN if name == rule["id"]]
        for node in rule["nodes"]:
            ours = not any(page.evaluate(IS_ONE, [node["target"][0], one]) for one in known)
            if rule["impact"] in ("serious", "critical") and ours:
                yield f"{rule['id']}: {node['html'][:200]}"
