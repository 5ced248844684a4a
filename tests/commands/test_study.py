"""The command, on a store that is full, half full, and killed in between."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from flatdiff.commands import progress
from flatdiff.commands.study import study
from flatdiff.engine import cluster as cluster_module
from flatdiff.engine import progress as engine_progress
from flatdiff.engine.engine import Engine
from flatdiff.engine.speed.speeds import part_of
from flatdiff.engine.store import DONE, Store
from flatdiff.errors import SettingsError
from flatdiff.paper.family import study_requests
from flatdiff.system.files import PROJECT_ROOT
from flatdiff.system.span import in_words, span_of
from flatdiff.system.speed import Speed
from tests.pages.stored import arrays_for
from tests.study import fill_store, write_family
from tests.subjects import surface_request
from tests.tiny import typed

FILES = {"README.md", "numbers.csv", "report.html", "study.json"}


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A state directory whose store has a whole study of two checkpoints."""
    monkeypatch.setenv("FLATDIFF_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("FLATDIFF_CHECKPOINTS", str(tmp_path / "checkpoints"))
    store = Store(tmp_path / "home" / "results.sqlite")
    fill_store(store, write_family(tmp_path / "checkpoints", ("adm", "sam")))
    store.close()
    return tmp_path / "home"


def test_a_stored_study_is_written_and_nothing_computed(
    home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """All files and no other; what was computed is untouched."""
    assert study("tiny", tmp_path / "out") == 0
    assert {path.name for path in (tmp_path / "out").iterdir()} == FILES
    assert "18 results of 2 checkpoints: all of them are stored" in capsys.readouterr().out
    known = json.loads((tmp_path / "out" / "study.json").read_text("utf-8"))
    assert {one["seconds"] for one in known["results"]} == {1.5}


def test_the_folder_is_named_after_the_family(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where nobody says another; what was there is replaced, file by file."""
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "studies" / "tiny"
    folder.mkdir(parents=True)
    (folder / "numbers.csv").write_text("old")
    assert study("tiny") == 0
    assert {path.name for path in folder.iterdir()} == FILES
    assert (folder / "numbers.csv").read_text("utf-8").startswith("entry,quantity,checkpoint")


def test_a_file_is_no_folder(home: Path, tmp_path: Path) -> None:
    """Said before anything is looked at, and the file stays."""
    (tmp_path / "x.html").write_text("mine")
    with pytest.raises(SettingsError, match="--out must be a folder"):
        study("tiny", tmp_path / "x.html")
    assert (tmp_path / "x.html").read_text() == "mine"


def test_an_unknown_family_in_a_sentence(home: Path, tmp_path: Path) -> None:
    """On the command line, with nothing written."""
    done = typed("study", "nobody", "--out", str(tmp_path / "out"))
    assert done.returncode == 1
    assert done.stderr == "error: no family 'nobody'; known families: tiny\n"
    assert not (tmp_path / "out").exists()


def test_progress_in_a_log_file(
    store: Store, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Where nobody watches: a line now and then, until the job is done."""
    request = surface_request()
    engine = Engine(store=store)
    handle = engine.submit(request)
    parts = (part_of(request, 0), part_of(request, 1))  # the base and a cell
    store.timings.note({(request.architecture, "surface", *part, 0): 60.0 for part in parts})
    monkeypatch.setattr(cluster_module, "fair_share", lambda _: 1.0)

    def a_moment_later(_seconds: float) -> None:
        first = len(store.positions_done(request.key))
        arrays = [arrays_for(item, request.settings) for item in request.items[first : first + 7]]
        store.put_tile(request.key, first, arrays, 1.0, "{}")
        if first:
            store.finish(request.key, DONE)

    monkeypatch.setattr(progress, "LOG_EVERY_S", 0.0)
    monkeypatch.setattr(engine_progress, "FRESH_S", 0.0)  # here seconds pass in no time
    monkeypatch.setattr(time, "sleep", a_moment_later)
    progress.show_progress([handle])
    first, second = capsys.readouterr().err.splitlines()
    at_once, granted = engine.cluster.num_workers, Speed(0.0, count=0.0).sigma
    for line, done in ((first, 0), (second, 7)):
        items = -(-(14 - done) // at_once)  # that the busiest worker has left
        left = span_of(items * 60.0 * request.panel.size, granted)
        assert line == f"{done}/14 evaluations, {in_words(left)} left"


def start(out: Path) -> "subprocess.Popen[str]":
    """The command in a process group of its own, with its workers."""
    return subprocess.Popen(
        [sys.executable, "-m", "flatdiff", "study", "tiny", "--out", str(out)],
        cwd=PROJECT_ROOT,
        env={**os.environ, "OMP_NUM_THREADS": "1", "FLATDIFF_WORKERS": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )


def tiles(home: Path, key: str) -> list[Any]:
    """Of a job: where each begins and what it has."""
    store = Store(home / "results.sqlite")
    rows = store.database.rows(
        "SELECT first_item, sha256 FROM tiles WHERE key = ? ORDER BY first_item", (key,)
    )
    store.close()
    return rows


@pytest.mark.slow
def test_a_killed_study_goes_on(home: Path, tmp_path: Path) -> None:
    """Killed while it samples: its tiles are kept, and no file is there before all is done."""
    cards = write_family(tmp_path / "checkpoints", ("adm", "sam"))
    request = next(
        r for r in study_requests(cards) if r.measure == "frechet" and r.checkpoint == "tiny/sam"
    )
    store = Store(home / "results.sqlite")
    store.delete([request.key])
    store.close()
    out = tmp_path / "out"
    first = start(out)
    deadline = time.monotonic() + 120
    while len(had := tiles(home, request.key)) < 3 and time.monotonic() < deadline:
        time.sleep(0.1)
    os.killpg(first.pid, signal.SIGKILL)
    first.communicate()
    assert len(had) >= 3
    assert not out.exists()
    second = start(out)
    said, _ = second.communicate(timeout=300)
    assert second.returncode == 0, said
    assert tiles(home, request.key)[: len(had)] == had
    assert {path.name for path in out.iterdir()} == FILES
