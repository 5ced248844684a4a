"""The sheet in a real browser: its report, opened where there is no network."""

from pathlib import Path

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Page, expect

from flatdiff.checkpoints.card import read_card
from flatdiff.engine.bundle import copy_results
from flatdiff.engine.store import DONE, Store
from flatdiff.reports.sheet import sheet_requests
from tests.browser.conftest import OVERFLOW, Server
from tests.browser.test_road import open_page
from tests.pages.stored import arrays_for

pytestmark = pytest.mark.browser


def fill(server: Server, root: Path, made: Path) -> None:
    """The whole sheet of both checkpoints, as if it had been computed.

    In a store of its own first: the server's workers begin what is queued in theirs.
    """
    cards = [read_card(root, f"tiny/{name}") for name in ("adm", "sam")]
    store = Store(made)
    for request in sheet_requests(root, cards):
        items = request.items[: len(request.first_plan)]
        results = [arrays_for(item, request.settings) for item in items]
        store.submit(request)
        store.put_tile(request.key, 0, results, 1.5, "{}")
        store.finish(request.key, DONE)
    copy_results(made, server.store)
    store.close()


def test_report_opens_without_a_network(
    browser: Browser, page: Page, server: Server, tiny_root: Path, tmp_path: Path
) -> None:
    """Downloaded by a click; then offline: every figure is drawn, nothing is asked for."""
    fill(server, tiny_root, tmp_path / "made.sqlite")
    open_page(page, server, "compare")
    expect(page.get_by_text("From store, computed")).to_be_visible()
    with page.expect_download() as download:
        page.get_by_role("button", name="Report (HTML)").click()
    path = tmp_path / "report.html"
    download.value.save_as(path)
    context = browser.new_context(offline=True, viewport={"width": 375, "height": 800})
    reader = context.new_page()
    asked: list[str] = []
    said: list[ConsoleMessage] = []
    reader.on("request", lambda request: asked.append(request.url))
    reader.on("console", lambda message: said.append(message))
    reader.goto(path.as_uri())
    charts = reader.locator("main > section > div .chart")
    for k in range(charts.count()):
        charts.nth(k).scroll_into_view_if_needed()
        expect(charts.nth(k).locator(".main-svg").first).to_be_visible()
    assert charts.count() > 10
    assert [url for url in asked if not url.startswith("data:")] == [path.as_uri()]
    assert not [message.text for message in said if message.type == "error"]
    assert reader.evaluate(OVERFLOW) <= 0
    context.close()
