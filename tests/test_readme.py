"""The README keeps its word: its table is what the shipped results say, its commands exist."""

import re
from pathlib import Path

import pytest

from benchmarks.paper_effect import FIRST, more_row, row, values_of
from flatdiff.bundle import import_bundle
from flatdiff.cards import Card, list_cards
from flatdiff.commands import COMMANDS
from flatdiff.engine import Engine
from flatdiff.files import PROJECT_ROOT
from flatdiff.requests import make_request
from flatdiff.store import Store

README = (PROJECT_ROOT / "README.md").read_text("utf-8")


@pytest.fixture
def bundled(store: Store) -> Engine:
    """The shipped results, never started: nothing can be computed."""
    import_bundle(store)
    return Engine(store=store, root=PROJECT_ROOT / "checkpoints")


def test_table_is_what_the_shipped_results_say(bundled: Engine) -> None:
    """Every row is made again from the results and looked for letter by letter."""
    cards = [card for card in list_cards(bundled.root) if isinstance(card, Card)]
    assert len(cards) == 9
    for card in cards:
        results = [bundled.handle(make_request(n, card, s)).result() for n, s in FIRST]
        assert row(card, *results) in README
        assert more_row(card, values_of(bundled, card)) in README
    assert bundled.store.jobs(("queued", "running")) == [], "everything was shipped"


def test_commands_named_exist() -> None:
    """The words after `python -m flatdiff` are looked up in the registry."""
    named = set(re.findall(r"python -m flatdiff\s+(\w+)", README))
    assert named <= set(COMMANDS)
    for module in re.findall(r"python -m benchmarks\.(\w+)", README):
        assert (PROJECT_ROOT / "benchmarks" / f"{module}.py").is_file()


def test_files_on_the_map_exist() -> None:
    """Each name in the map of the code is a path."""
    section = README.split("## A map of the code")[1].split("##")[0]
    for line in (line.strip() for line in section.splitlines() if line.startswith("    ")):
        names = re.split(r"\s{2,}", line)[0].split(", ")
        folder = Path(names[0]).parent
        for name in names:
            path = PROJECT_ROOT / (name if name == names[0] else folder / name)
            assert path.exists(), name
