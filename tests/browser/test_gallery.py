"""A checkpoint comes and goes in a real browser: sent, measured, renamed, deleted."""

import re

import pytest
from playwright.sync_api import Page, expect
from safetensors.torch import save

from flatdiff.checkpoints.card import card_ids
from tests.browser.conftest import Server
from tests.browser.test_road import open_page
from tests.conftest import TINY_FLAGS
from tests.tiny import random_network

pytestmark = pytest.mark.browser


def test_a_checkpoint_comes_and_goes(page: Page, workshop: Server) -> None:
    """Every step is checked on the screen, and on the disk where it changes something."""
    root = workshop.checkpoints
    families = sorted(path.name for path in root.iterdir())
    others = card_ids(root)
    name = "Ünï 😀 <script>alert(1)<"
    open_page(page, workshop, "checkpoints")
    page.get_by_role("button", name="Add", exact=True).click()
    window = page.get_by_role("dialog")
    content = save({k: v.half() for k, v in random_network(TINY_FLAGS).state_dict().items()})
    file = {"name": "theirs.safetensors", "mimeType": "application/octet-stream"}
    window.locator("input[type=file]").set_input_files([{**file, "buffer": b"<html>" * 9}])  # pyright: ignore[reportArgumentType]
    expect(window.get_by_text("it is a web page")).to_be_visible()
    window.locator("input[type=file]").set_input_files([{**file, "buffer": content}])  # pyright: ignore[reportArgumentType]
    expect(window.get_by_text(re.compile(r"tensors, [\d,]+ weights, F16"))).to_be_visible()
    window.get_by_label("Name", exact=True).fill(f"theirs/{name}")
    flags = window.get_by_label("Flags that it leaves open", exact=True)
    flags.fill("--channel_mult 1 --attention_resolutions 9")
    flags.press("Control+Enter")
    window.get_by_role("button", name="Add", exact=True).click()
    expect(page.get_by_text("is added:")).to_be_visible()
    expect(window).to_have_count(0)
    assert set(card_ids(root)) == {f"theirs/{name}", *others}
    expect(page.get_by_role("heading", name=f"theirs/{name}")).to_be_visible()
    expect(page.get_by_text("from the file theirs.safetensors")).to_be_visible()

    page.get_by_role("button", name="Run").click()
    expect(page.get_by_text("From store, computed")).to_be_visible()
    expect(page.get_by_alt_text("Samples of")).to_be_visible()

    page.get_by_role("button", name="Rename", exact=True).click()
    window.get_by_label("New name", exact=True).fill("theirs/half")
    window.get_by_role("button", name="Rename", exact=True).click()
    expect(page.get_by_text("is now called theirs/half")).to_be_visible()
    expect(page.get_by_text("From store, computed")).to_be_visible()
    expect(page).to_have_url(re.compile("card=theirs%2Fhalf"))
    assert set(card_ids(root)) == {"theirs/half", *others}

    # A page that still runs would write its own link over the next one's; the sidebar has one too.
    expect(page.locator('[data-test-script-state="notRunning"]')).to_be_visible()
    page.get_by_test_id("stMain").get_by_role("link", name="Flatness").click()
    expect(page).to_have_url(re.compile(r"/flatness\?checkpoints=theirs%2Fhalf"))
    expect(page.get_by_role("heading", name="Flatness")).to_be_visible()
    page.go_back()
    expect(page.get_by_role("heading", name="theirs/half")).to_be_visible()

    page.get_by_role("button", name="Delete", exact=True).click()
    window.get_by_role("button", name="Delete", exact=True).click()
    expect(page.get_by_text("theirs/half is deleted")).to_be_visible()
    expect(page).not_to_have_url(re.compile("card="))
    assert card_ids(root) == others
    assert sorted(path.name for path in root.iterdir()) == families


def test_row_19_table_filters_and_opens(page: Page, server: Server) -> None:
    """The table is a canvas: the click goes to the box before the first row."""
    open_page(page, server, "checkpoints?layout=Table&search=sam")
    expect(page.get_by_text("1 of 2 checkpoints.")).to_be_visible()
    open_page(page, server, "checkpoints?layout=Table")
    table = page.get_by_test_id("stDataFrame").first
    expect(table).to_be_visible()
    table.click(position={"x": 18, "y": 44 + 22})
    expect(page.get_by_role("heading", name="ADM (tiny)")).to_be_visible()
    expect(page).to_have_url(re.compile("card=tiny%2Fadm"))
    page.get_by_role("button", name="All checkpoints").click()
    expect(page.get_by_role("heading", name="ADM (tiny)")).to_have_count(0)
