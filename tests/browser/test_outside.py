"""The browser, too, asks nobody but the dashboard."""

import pytest
from playwright.sync_api import Page

from tests.browser.conftest import Server
from tests.browser.test_road import open_page

pytestmark = pytest.mark.browser

# A page of each kind: cards, a form, scenes in 3-D, charts, formulas, tables.
ADDRESSES = ["", "train", "surface?dimensions=2", "flatness", "theory", "sam", "activity"]


@pytest.mark.parametrize("address", ADDRESSES)
def test_the_browser_asks_nobody_outside(page: Page, shipped: Server, address: str) -> None:
    """Every request of a page that is drawn, by its address: fonts, icons and scripts as well."""
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.on("websocket", lambda socket: asked.append(socket.url.replace("ws", "http", 1)))
    open_page(page, shipped, address)
    page.wait_for_timeout(1000)  # what a page fetches when all of it stands
    own = (f"{shipped.url}/", "data:", f"blob:{shipped.url}/")
    assert [url for url in asked if not url.startswith(own)] == []
    assert len(asked) > 10
