"""Every page under axe-core: whatever it calls serious or critical is mended, or named here."""

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser

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
IS_ONE = "([target, selector]) => document.querySelector(target).matches(selector)"


@pytest.mark.parametrize(("width", "theme"), [(1280, "light"), (375, "dark")])
def test_row_14_no_serious_finding(
    browser: Browser, shipped: Server, width: int, theme: str
) -> None:
    """By axe-core, which knows nothing of this project."""
    context = browser.new_context(
        viewport={"width": width, "height": 900},
        color_scheme="dark" if theme == "dark" else "light",
    )
    page = context.new_page()
    found = []
    for path in PAGES:
        open_page(page, shipped, path)
        page.wait_for_timeout(500)  # what fades in is faint
        for rule in Axe().run(page).response["violations"]:
            known = [selector for name, selector, _ in STREAMLITS_OWN if name == rule["id"]]
            found += [
                f"{path or 'checkpoints'}: {rule['id']}: {node['html'][:200]}"
                for node in rule["nodes"]
                if rule["impact"] in ("serious", "critical")
                and not any(page.evaluate(IS_ONE, [node["target"][0], one]) for one in known)
            ]
    context.close()
    assert not found, "\n".join(found)
