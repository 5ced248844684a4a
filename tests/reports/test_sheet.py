"""Sheets ask for what pages show first, and the command writes them as one file."""

import shlex
from pathlib import Path

import pytest

from flatdiff.checkpoints.card import Card, list_cards, read_card
from flatdiff.checkpoints.collection import METHOD_PAIR
from flatdiff.checkpoints.tensors import layer_names
from flatdiff.commands.bundle import default_requests
from flatdiff.commands.measure import MeasureOptions, run_measure
from flatdiff.commands.report import report
from flatdiff.engine.bundle import BUNDLE_FILE, import_bundle
from flatdiff.engine.store import ACTIVE, DONE, Store
from flatdiff.errors import SettingsError
from flatdiff.measures.lpf import LpfSettings
from flatdiff.reports.columns import requests_of
from flatdiff.reports.reproduce import report_command
from flatdiff.reports.sheet import PARTS, part_requests, sheet_requests
from flatdiff.system.files import PROJECT_ROOT
from tests.subjects import card_of, changed

ROOT = PROJECT_ROOT / "checkpoints"


def test_first_visit_finds_the_sheet_of_the_pair(store: Store) -> None:
    """Every request of the default view is in the shipped results."""
    import_bundle(store)
    cards = [read_card(ROOT, name) for name in METHOD_PAIR]
    for request in sheet_requests(ROOT, cards):
        job = store.job(request.key)
        assert job is not None, request.measure
        assert job.state == DONE


def test_the_bundle_is_made_from_whole_sheets() -> None:
    """Of every shipped checkpoint, and the claim's columns are among it."""
    cards = [card for card in list_cards(ROOT) if isinstance(card, Card)]
    bundled = {request.key for request in default_requests(ROOT, cards)}
    sheets = {request.key for request in sheet_requests(ROOT, cards)}
    assert sheets <= bundled
    assert {r.key for card in cards for r in requests_of(card).values()} <= sheets
    assert BUNDLE_FILE.exists()


def test_settings_that_depend_on_the_checkpoints() -> None:
    """Layers are those of each; images that are no digits are seen by Inception."""
    card = read_card(ROOT, METHOD_PAIR[0])
    by_measure = {part.measure: part for part in PARTS}
    (layers,) = part_requests(by_measure["sensitivity"], ROOT, [card])
    assert layers.settings.layers == layer_names(ROOT, card)
    others = [card, changed(card, dataset="cifar10")]
    for request in part_requests(by_measure["frechet"], ROOT, others):
        assert request.settings.features == "inception"


def test_command_of_any_name() -> None:
    """Cut by shlex as a shell would."""
    cards = [card_of(family="x y", name="$(z)"), card_of()]
    words = shlex.split(report_command(cards).replace("\\\n", " "))
    assert words[:2] == ["flatdiff", "report"]
    assert words[2:] == [
        *("--checkpoint", "x y/$(z)", "--checkpoint", "digits/adm", "--out", "report.html")
    ]


@pytest.mark.parametrize("suffix", [".html", ".zip"])
def test_report_command_on_the_shipped_results(
    suffix: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is left to compute; what it writes begins as such a file does."""
    monkeypatch.setenv("FLATDIFF_HOME", str(tmp_path / "home"))
    with_results = Store(tmp_path / "home" / "results.sqlite")
    import_bundle(with_results)
    with_results.close()
    out = tmp_path / f"x{suffix}"
    assert report(METHOD_PAIR, out) == 0
    starts = {".html": b"<!doctype html>", ".zip": b"PK"}
    assert out.read_bytes().startswith(starts[suffix])


@pytest.mark.parametrize(
    ("checkpoints", "name", "sentence"),
    [
        (METHOD_PAIR, "report.pdf", "--out must be a file ending in .html, .zip"),
        ((), "report.html", "--checkpoint must be given at least once"),
    ],
)
def test_what_cannot_be_written_is_refused(
    checkpoints: tuple[str, ...], name: str, sentence: str, tmp_path: Path
) -> None:
    """Before anything is computed, and no file is there."""
    with pytest.raises(SettingsError, match=sentence):
        report(checkpoints, tmp_path / name)
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_does_not_suit_is_refused_before_anything_is_computed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever is in the store came with it."""
    monkeypatch.setenv("FLATDIFF_HOME", str(tmp_path / "home"))
    target = MeasureOptions(checkpoint=METHOD_PAIR, out=tmp_path / "x.vtp")
    with pytest.raises(SettingsError, match=r"a file ending in \.html, \.csv, \.npz, \.json for"):
        run_measure("lpf", LpfSettings(seed=3), target)
    opened = Store(tmp_path / "home" / "results.sqlite")
    assert opened.jobs(ACTIVE) == []
    opened.close()
