"""The README keeps its word: its table is what the shipped results say, its commands exist."""

import csv
import io
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from benchmarks.paper_effect import FIRST, more_row, row, values_of
from flatdiff.checkpoints.card import Card, list_cards
from flatdiff.commands import COMMANDS
from flatdiff.commands.study import study_files
from flatdiff.engine.bundle import import_bundle
from flatdiff.engine.engine import Engine
from flatdiff.engine.store import Store
from flatdiff.measures.request import make_request
from flatdiff.paper.family import family_cards, study_requests
from flatdiff.paper.results import Study
from flatdiff.reports.measured import measured
from flatdiff.system.files import PROJECT_ROOT
from flatdiff.views.base import with_error

README = (PROJECT_ROOT / "README.md").read_text("utf-8")


@pytest.fixture(scope="module")
def bundled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    """The shipped results, never started: nothing can be computed."""
    store = Store(tmp_path_factory.mktemp("bundled") / "results.sqlite")
    import_bundle(store)
    yield Engine(store=store, root=PROJECT_ROOT / "checkpoints", adopt=True)
    store.close()


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
    """The words after `flatdiff` are looked up in the registry."""
    named = set(re.findall(r"flatdiff\s+(\w+)", README))
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


def same(made: Any, kept: Any) -> bool:
    """Equal, but for the last digits of numbers, which are another machine's."""
    if isinstance(made, dict):
        return made.keys() == kept.keys() and all(same(made[k], kept[k]) for k in made)
    if isinstance(made, list):
        return len(made) == len(kept) and all(map(same, made, kept))
    if isinstance(made, float):
        return made == pytest.approx(kept, rel=1e-6, abs=1e-12)
    return made == kept


def test_the_study_in_the_docs_is_what_the_shipped_results_say(bundled: Engine) -> None:
    """Every number and every sentence is made again; the document shows the same numbers."""
    cards = family_cards(bundled.root, "digits")
    handles = [bundled.handle(request) for request in study_requests(cards)]
    made = dict(study_files(Study(cards, [measured(h) for h in handles]), "WRITTEN"))
    folder = PROJECT_ROOT / "docs" / "studies" / "digits"
    assert {path.name for path in folder.iterdir()} == set(made)
    kept = {name: (folder / name).read_bytes() for name in made}
    assert same(json.loads(made["study.json"]), json.loads(kept["study.json"]))
    assert made["README.md"].decode() == kept["README.md"].decode()
    numbers = list(csv.DictReader(io.StringIO(kept["numbers.csv"].decode())))
    stored = json.loads(kept["study.json"])["numbers"]
    assert [float(each["value"]) for each in numbers] == [each["value"] for each in stored]
    assert len(kept["report.html"]) < 6e6
    for each in stored:
        shown = with_error(each["value"], each["standard_error"])
        assert f"<td>{shown}</td>".encode() in kept["report.html"], each
