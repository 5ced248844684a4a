"""What a visitor expects of any view, by the rows of the dashboard's design.

The other rows: 3, 15 and 16 in test_scenes, 5, 10 and 11 in test_road, 19 in test_gallery,
14, 15, 18 and 20 in test_every_page, 9, 12 to 14, 17 and 20 in test_dashboard_reading.
"""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from playwright.sync_api import BrowserContext, Page, expect

from flatdiff.checkpoints.card import read_card
from flatdiff.system.files import PROJECT_ROOT
from tests.browser.conftest import Server
from tests.browser.test_road import open_page

pytestmark = pytest.mark.browser

SURFACE = "surface?mode=every+cell&resolution=3&log=true"
RANGES = """() => [...document.querySelectorAll(".js-plotly-plot")].filter(
        plot => plot._fullData[0].type === "contour").map(plot => {
    const { zmin, zmax, colorscale } = plot._fullData[0];
    return JSON.stringify([zmin, zmax, colorscale, plot._fullLayout.xaxis.range]);
})"""


def open_stored(page: Page, server: Server, path: str) -> None:
    """A view with its pictures; computed first, if nobody has asked for it."""
    open_page(page, server, path)
    stored = page.get_by_text("From store, computed").first
    run = page.get_by_role("button", name="Run").first
    expect(stored.or_(run)).to_be_visible()
    if run.is_visible():
        run.click()
    expect(stored).to_be_visible()
    expect(page.locator(".js-plotly-plot, [data-testid=stImage]").first).to_be_visible()


def downloaded(page: Page, kind: str, folder: Path) -> Path:
    """The file that a click on a kind of file gives."""
    with page.expect_download() as download:
        page.get_by_role("button", name=kind, exact=True).first.click()
    path = folder / download.value.suggested_filename
    download.value.save_as(path)
    return path


def test_row_01_the_link_is_the_view(
    page: Page, laptop: BrowserContext, shipped: Server, server: Server
) -> None:
    """The clipboard is read back; then F5, and another server."""
    laptop.grant_permissions(["clipboard-read", "clipboard-write"])
    open_page(page, shipped, "samples?bits=6&seed=3")
    page.get_by_role("button", name="Copy link").click()
    expect(page.get_by_role("button", name="Copied")).to_be_visible()
    link = page.evaluate("navigator.clipboard.readText()")
    assert link == page.url
    assert len(link) < 100
    page.reload()
    expect(page.get_by_label("Seed", exact=True)).to_have_value("3")
    page.goto(link.replace(shipped.url, server.url))
    expect(page.get_by_label("Seed", exact=True)).to_have_value("3")
    page.get_by_text("Settings", exact=True).click()
    expect(page.get_by_role("combobox", name=re.compile("Bits"))).to_have_value("6")


def test_row_01_back_shows_the_view_again(page: Page, shipped: Server) -> None:
    """By the sidebar to another page, and by the browser's own button back."""
    open_page(page, shipped, "samples?bits=6&seed=3")
    expect(page.get_by_label("Seed", exact=True)).to_have_value("3")
    page.get_by_role("link", name="Flatness").click()
    expect(page.get_by_role("heading", name="Flatness", exact=True)).to_be_visible()
    page.go_back()
    expect(page.get_by_role("heading", name="Samples", exact=True)).to_be_visible()
    expect(page.get_by_label("Seed", exact=True)).to_have_value("3", timeout=5_000)


def test_row_02_a_against_b(page: Page, shipped: Server) -> None:
    """One range of colours and axes, read from plotly itself; and what differs."""
    open_stored(page, shipped, SURFACE)
    expect(page.locator(".js-plotly-plot")).to_have_count(2 + 1)  # and the colours, once
    first, second = page.evaluate(RANGES)
    assert first == second
    assert json.loads(first)[0] < json.loads(first)[1]
    page.get_by_text("Settings", exact=True).click()
    page.get_by_text("What differs").click()
    expect(page.get_by_role("region", name="Settings in which the")).to_be_visible()


def test_row_04_cost_before_run(page: Page, shipped: Server) -> None:
    """Evaluations counted by hand: two checkpoints, all cells and the middle of each."""
    open_stored(page, shipped, SURFACE)
    open_page(page, shipped, "surface?mode=every+cell&resolution=20&seed=4")
    cost = page.get_by_text(re.compile(r"evaluations, .+ on this machine"))
    expect(cost).to_contain_text(f"{2 * (20**2 + 1)} evaluations")
    expect(page.get_by_role("button", name="Run")).to_be_visible()
    open_page(page, shipped, "flatness")
    expect(page.get_by_text("From store, computed")).to_be_visible()


def test_row_06_provenance_on_the_page_and_in_files(
    page: Page, shipped: Server, tmp_path: Path
) -> None:
    """The digest is that of the card; JSON, CSV and HTML say the same."""
    open_page(page, shipped, "radius")
    page.get_by_text("Export, command and provenance").first.click()
    expect(page.get_by_text("Where the numbers come from:")).to_be_visible()
    expect(page.get_by_label("Provenance of each result").first).to_be_visible()
    card = read_card(PROJECT_ROOT / "checkpoints", "digits/sam")
    for kind in ("JSON", "CSV", "HTML"):
        text = downloaded(page, kind, tmp_path).read_text("utf-8")
        assert card.digest in text
        for word in ("panel", "seed", "dtype", "device", "torch", "computed_at"):
            assert word in text, (kind, word)


def test_row_07_export_in_one_place(page: Page, shipped: Server, tmp_path: Path) -> None:
    """Each file opened by a program that is not ours, where there is one."""
    open_stored(page, shipped, SURFACE)
    page.locator(".modebar-btn[data-title*=PNG]").first.wait_for(state="attached")
    page.get_by_text("Export, command and provenance").first.click()
    assert downloaded(page, "HTML", tmp_path).read_bytes().startswith(b"<!")
    assert len(pd.read_csv(downloaded(page, "CSV", tmp_path))["SHA-256"].iloc[0]) == 64
    with np.load(downloaded(page, "NPZ", tmp_path), allow_pickle=False) as arrays:
        assert len(arrays.files) > 2
    assert "VTKFile" in downloaded(page, "VTP", tmp_path).read_bytes()[:200].decode()


def test_row_07_charts_as_svg(page: Page, shipped: Server, tmp_path: Path) -> None:
    """In the modebar, beside PNG, which stays what it was."""
    open_stored(page, shipped, SURFACE)
    chart = page.locator(".js-plotly-plot").first
    chart.hover()
    for kind, start in (("SVG", b"<svg"), ("PNG", b"\x89PNG")):
        with page.expect_download() as download:
            chart.locator(f".modebar-btn[data-title*={kind}]").click()
        path = tmp_path / download.value.suggested_filename
        download.value.save_as(path)
        assert path.suffix == f".{kind.lower()}"
        assert path.read_bytes().startswith(start)


def test_row_08_reproduce_as_code(page: Page, shipped: Server) -> None:
    """The program that the page shows, run as it stands, through the store of the page."""
    open_stored(page, shipped, SURFACE)
    page.get_by_text("Export, command and provenance").first.click()
    codes = page.get_by_test_id("stCode")
    expect(codes).to_have_count(2)
    expect(codes.first).to_contain_text("--resolution 3")
    program = codes.last.locator("code").inner_text()
    jobs = len(shipped.store.jobs())
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=PROJECT_ROOT,
        env={**os.environ, "FLATDIFF_HOME": str(shipped.store.database.path.parent)},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    assert "digits/sam" in done.stdout
    assert len(shipped.store.jobs()) == jobs, "it was in the store"


def test_a_figure_for_a_paper_is_a_file_that_says_what_it_is(
    page: Page, server: Server, tmp_path: Path
) -> None:
    """By the dialog of a page; its command makes the same bytes."""
    open_page(page, server, "flatness?checkpoints=tiny%2Fadm&num_perturbations=4")
    page.get_by_role("button", name="Run").click()
    expect(page.get_by_text("From store, computed")).to_be_visible()
    page.get_by_role("button", name="Figure for a paper").click()
    dialog = page.get_by_role("dialog")
    expect(dialog.get_by_alt_text("The figure lpf_tiny-adm_seed0")).to_be_visible()
    dialog.get_by_text("two (174 mm)").click()
    expect(dialog.get_by_text("--width-mm 174.0")).to_be_visible()
    with page.expect_download() as download:
        dialog.get_by_role("button", name="PDF").click()
    assert download.value.suggested_filename == "lpf_tiny-adm_seed0.pdf"
    path = tmp_path / "figure.pdf"
    download.value.save_as(path)
    assert path.read_bytes().startswith(b"%PDF")
