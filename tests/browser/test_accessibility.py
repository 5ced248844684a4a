"""Every page in two widths and two themes, and under axe-core.

Whatever axe-core calls serious or critical is mended, or named here.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page

from tests.browser.conftest import Server
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
ARTIFACTS = Path(__file__).resolve().parents[2] / "test-artifacts"
OVERFLOW = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
Screen = tuple[int, Literal["light", "dark"]]
OPPOSITE: tuple[Screen, ...] = ((1280, "light"), (375, "dark"))
ALL: tuple[Screen, ...] = (*OPPOSITE, (1280, "dark"), (375, "light"))
FADE_MS = 400  # what fades in is faint
IS_ONE = "([target, selector]) => document.querySelector(target).matches(selector)"


@pytest.mark.parametrize("screens", [OPPOSITE, pytest.param(ALL, marks=pytest.mark.slow)])
def test_rows_14_and_15_every_page_fits_and_has_no_serious_finding(
    page: Page, shipped: Server, screens: tuple[Screen, ...]
) -> None:
    """No exception box, nothing to scroll sideways, nothing that axe-core calls serious.

    And nothing is asked of anybody but the dashboard: no font, icon or script from outside. A page
    is opened once and then changes its theme and width, as a screen does that is turned at dusk.
    Screenshots are kept for a person's eyes.
    """
    ARTIFACTS.mkdir(exist_ok=True)
    found: list[str] = []
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.on("websocket", lambda socket: asked.append(socket.url.replace("ws", "http", 1)))
    for path in PAGES:
        page.set_viewport_size({"width": 1280, "height": 900})
        open_page(page, shipped, path)
        assert page.get_by_test_id("stException").count() == 0
        for width, theme in screens:
            page.emulate_media(color_scheme=theme)
            page.set_viewport_size({"width": width, "height": 900})
            page.wait_for_timeout(FADE_MS)
            where = f"{path or 'checkpoints'}-{width}-{theme}"
            page.screenshot(path=ARTIFACTS / f"{where}.png")
            assert page.evaluate(OVERFLOW) <= 0, where
            found += [f"{where}: {one}" for one in serious_findings(page)]
    assert not found, "\n".join(found)
    own = (f"{shipped.url}/", "data:", f"blob:{shipped.url}/")
    assert [url for url in asked if not url.startswith(own)] == []
    assert len(asked) > 10 * len(PAGES)


def serious_findings(page: Page) -> Iterator[str]:
    """By axe-core, which knows nothing of this project."""
    for rule in Axe().run(page, options={"resultTypes": ["violations"]}).response["violations"]:
        known = [selector for name, selector, _ in STREAMLITS_OWN if name == rule["id"]]
        for node in rule["nodes"]:
            ours = not any(page.evaluate(IS_ONE, [node["target"][0], one]) for one in known)
            if rule["impact"] in ("serious", "critical") and ours:
                yield f"{rule['id']}: {node['html'][:200]}"
