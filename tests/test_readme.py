"""README and docs/ keep their word: tables say what the shipped results say, commands exist."""

import csv
import io
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from benchmarks.paper_effect import FIRST, more_row, row, sentences_of, values_of
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

README, RESULTS, COMMAND_LINE, SPEED = (
    (PROJECT_ROOT / name).read_text("utf-8")
    for name in ("README.md", "docs/results.md", "docs/command-line.md", "docs/speed.md")
)


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
        assert row(card, *results) in RESULTS
        assert more_row(card, values_of(bundled, card)) in RESULTS
    for sentence in sentences_of(bundled, cards):
        assert f"\n- {sentence}\n" in RESULTS
    assert bundled.store.jobs(("queued", "running")) == [], "everything was shipped"


def test_commands_named_exist() -> None:
    """What is indented begins with `flatdiff` and a word of the registry."""
    named = set(re.findall(r"^ {4}flatdiff (\w[\w-]*)", README + COMMAND_LINE, re.M))
    assert len(named) >= 7
    assert named <= set(COMMANDS)
    for module in re.findall(r"python -m benchmarks\.(\w+)", RESULTS + SPEED):
        assert (PROJECT_ROOT / "benchmarks" / f"{module}.py").is_file()


def test_links_lead_somewhere() -> None:
    """Of the README and of everything in docs/ that it links to."""
    for page in (PROJECT_ROOT / "README.md", *(PROJECT_ROOT / "docs").rglob("*.md")):
        for target in re.findall(r"\]\((?!https?:|#)([^)#]+)", page.read_text("utf-8")):
            assert (page.parent / target).exists(), f"{page.name}: {target}"


def test_the_notebook_lines_run(tmp_path: Path) -> None:
    """As they stand, in a process of their own; the numbers are those of the shipped results."""
    program = re.findall(r"```python\n(.*?)```", README, re.S)[0]
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=PROJECT_ROOT,
        env={**os.environ, "FLATDIFF_HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    rows = [line.split() for line in done.stdout.splitlines()]
    assert [row[0] for row in rows] == ["digits/adm", "digits/sam"]
    assert all(float(gap) > 5 * float(error) > 0 for _, gap, _, error in rows)
    assert float(rows[0][1]) > 4 * float(rows[1][1]), "ADM is the sharper one"


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
