"""Trouble with the store or the cluster: what can pass is borne, what cannot ends the jobs.

The cluster is a stand-in in this process whose worker answers at once, and the clock of patience
runs fast; the store and the threads are the real ones.
"""

import contextlib
import sqlite3
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from flatdiff.checkpoints.card import read_card
from flatdiff.engine import patience
from flatdiff.engine.cluster import Cluster
from flatdiff.engine.engine import Engine, Handle
from flatdiff.engine.job import TileResult
from flatdiff.engine.store import CANCELLED, DONE, FAILED, RUNNING, Store
from flatdiff.errors import EngineError, StoreError, StoreUnavailableError
from flatdiff.measures.request import Request, make_request
from flatdiff.measures.surface import SurfaceSettings
from tests.machines import until
from tests.pages.stored import arrays_for

FULL = StoreUnavailableError("no space is left on its disk")


class Tile:
    """A Dask future that was computed at once."""

    status = "finished"

    def __init__(self, key: str, value: Any) -> None:
        self.key, self.value = key, value

    def result(self, timeout: float) -> Any:
        """Here already."""
        return self.value

    def add_done_callback(self, call: Callable[["Tile"], None]) -> None:
        """It is done."""
        call(self)


class Near:
    """A client whose worker makes numbers up; `answers` may be told to give something else."""

    def __init__(self) -> None:
        self.status, self.tiles, self.cancelled = "running", 0, 0
        self.answer: Callable[[TileResult], Any] = lambda tile: tile

    def submit(
        self, _evaluate: Any, text: str, first: int, count: int, *_: Any, **__: Any
    ) -> Tile:
        """Compute a tile."""
        self.tiles += 1
        request = Request.from_json(text)
        items = request.items[first : first + count]
        made = TileResult([arrays_for(item, request.settings) for item in items], 1e-3, "{}")
        return Tile(f"tile-{self.tiles}", self.answer(made))

    def cancel(self, *_: Any, **__: Any) -> None:
        """Nothing is computing."""
        self.cancelled += 1


class Disk:
    """The store's file; `trouble` is raised instead of the next transactions."""

    def __init__(self, store: Store) -> None:
        self.trouble: Exception | None = None
        self.refused = 0
        self._transaction = store.database.transaction
        store.database.transaction = self.transaction

    @contextlib.contextmanager
    def transaction(self, key: str | None = None) -> Iterator[sqlite3.Connection]:
        """As the database's own."""
        if self.trouble is not None:
            self.refused += 1
            raise self.trouble
        with self._transaction(key) as db:
            yield db


class Bench:
    """An engine that runs, and what it runs on."""

    def __init__(self, store: Store, root: Path) -> None:
        self.near, self.root = Near(), root
        self.ready: Callable[[], Any] = lambda: self.near
        cluster = SimpleNamespace(
            address=None,
            num_workers=1,
            share=1.0,
            start_s=None,
            up=True,
            ready=lambda: self.ready(),
            close=lambda: None,
        )
        self.disk = Disk(store)
        self.engine = Engine(store=store, cluster=cast("Cluster", cluster), root=root)

    def ask(self, seed: int = 0) -> Handle:
        """A surface of 25 points."""
        card = read_card(self.root, "tiny/adm")
        return self.engine.submit(
            make_request("surface", card, SurfaceSettings(resolution=5, seed=seed))
        )


@pytest.fixture
def bench(store: Store, tiny_root: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Bench]:
    """Not started yet; patience ends after a second."""
    monkeypatch.setattr(patience, "GIVE_UP_AFTER_S", 1.0)
    monkeypatch.setattr(patience, "FIRST_PAUSE_S", 0.1)
    made = Bench(store, tiny_root)
    yield made
    made.disk.trouble = None
    made.engine.close()


def state(handle: Handle) -> str:
    """Of a job that exists."""
    job = handle.job()
    assert job is not None
    return job.state


def test_a_full_disk_that_is_tidied_up_costs_nothing(bench: Bench) -> None:
    """The tile that could not be written waits, and is not computed again."""
    bench.near.answer = lambda tile: full_once(bench, tile)
    handle = bench.ask()
    bench.engine.start()
    until(lambda: bench.disk.refused > 1, "a second try")
    assert state(handle) == RUNNING
    bench.disk.trouble = None
    assert handle.wait(20).loss.shape == (5, 5)
    once = Bench(Store(bench.engine.store.database.path.with_name("other.sqlite")), bench.root)
    other = once.ask()
    once.engine.start()
    other.wait(20)
    assert bench.near.tiles == once.near.tiles
    once.engine.close()


def full_once(bench: Bench, tile: TileResult) -> TileResult:
    """The disk is full when the first tile comes."""
    if bench.near.tiles == 1:
        bench.disk.trouble = FULL
    return tile


def test_a_full_disk_that_stays_full_ends_the_job(
    bench: Bench, caplog: pytest.LogCaptureFixture
) -> None:
    """In a sentence, though its end cannot be written either; four tries a second before."""
    bench.near.answer = lambda tile: full_once(bench, tile)
    handle = bench.ask()
    bench.engine.start()
    with pytest.raises(EngineError, match="no space is left on its disk"):
        handle.wait(20)
    assert bench.disk.refused < 12
    assert "Traceback" not in caplog.text
    assert caplog.text.count("no space is left") <= 2
    bench.disk.trouble = None
    until(lambda: bench.engine.store.ends.save(), "the end in the file")
    assert bench.engine.submit(handle.request).wait(20).computed.all()


def test_jobs_that_wait_behind_it_end_too(bench: Bench) -> None:
    """More than are computed at a time; none of them was ever claimed."""
    handles = [bench.ask(seed) for seed in range(7)]
    bench.disk.trouble = FULL
    bench.engine.start()
    for handle in handles:
        with pytest.raises(EngineError, match="no space is left"):
            handle.wait(20)


def test_cancel_waits_for_no_disk(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """Within a second, while the dispatcher bears a full disk for a minute."""
    monkeypatch.setattr(patience, "GIVE_UP_AFTER_S", 60.0)
    monkeypatch.setattr(patience, "FIRST_PAUSE_S", 60.0)
    bench.near.answer = lambda tile: full_once(bench, tile)
    handle = bench.ask()
    bench.engine.start()
    until(lambda: bench.disk.refused > 0, "trouble")
    began = time.monotonic()
    handle.cancel()
    until(lambda: state(handle) == CANCELLED, "the cancel")
    assert time.monotonic() - began < 1.0


def test_cancel_waits_for_no_connection(bench: Bench) -> None:
    """The scheduler never answers; nothing was sent, and nobody is stuck."""
    bench.ready = lambda: None
    handle = bench.ask()
    bench.engine.start()
    until(lambda: state(handle) == RUNNING, "claimed")
    began = time.monotonic()
    handle.cancel()
    until(lambda: state(handle) == CANCELLED, "the cancel")
    assert time.monotonic() - began < 1.0
    assert bench.near.tiles == 0


def test_without_a_cluster_all_jobs_end_at_once(bench: Bench) -> None:
    """Those behind the first four, too, which would each wait for a connection of their own."""

    def refuse() -> None:
        raise EngineError("no compute cluster at tcp://desk:8786")

    bench.ready = refuse
    handles = [bench.ask(seed) for seed in range(9)]
    bench.engine.start()
    until(lambda: all(state(handle) == FAILED for handle in handles), "the end of all")


def test_a_fault_in_one_job_ends_that_one(bench: Bench, caplog: pytest.LogCaptureFixture) -> None:
    """A tile that cannot be saved for what is in it; the other job is none the worse."""
    bad, good = bench.ask(seed=1), bench.ask(seed=2)
    bench.near.answer = lambda tile: (
        TileResult(cast("Any", 7), 1.0, "{}") if bench.near.tiles == 1 else tile
    )
    bench.engine.start()
    with pytest.raises(EngineError, match="internal error, please report it: Type"):
        bad.wait(20)
    assert good.wait(20).computed.all()
    assert caplog.text.count("a job failed") == 1, "one of them is worth a look"


def test_what_nobody_foresaw_ends_too(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """It stumbled and went on for ever before, with four tracebacks a second."""
    monkeypatch.setattr(bench.engine.dispatcher, "_claim_jobs", lambda _jobs: 1 / 0)
    handle = bench.ask()
    bench.engine.start()
    with pytest.raises(EngineError, match="internal error, please report it: ZeroDivisionError"):
        handle.wait(20)
    assert caplog.text.count("Traceback") == 1


def test_a_store_that_is_damaged_meanwhile_keeps_nobody(bench: Bench) -> None:
    """Those that are computed, and those that wait: each hears it, and nothing is accepted."""
    handles = [bench.ask(seed) for seed in range(6)]
    bench.disk.trouble = StoreError("the result store is damaged")
    bench.engine.start()
    for handle in handles:
        with pytest.raises((StoreError, EngineError), match="is damaged"):
            handle.wait(20)
    with pytest.raises(StoreError, match="is damaged"):
        bench.ask(seed=9)


def test_a_lost_connection_is_no_fault(bench: Bench, caplog: pytest.LogCaptureFixture) -> None:
    """The client refuses as it is closed; the next one gets what was to be sent."""
    broken, whole = bench.near, Near()

    def refuse(*_: Any, **__: Any) -> Any:
        broken.status, bench.near = "closed", whole
        raise RuntimeError("cannot submit on a closed client")

    broken.submit = refuse
    handle = bench.ask()
    bench.engine.start()
    assert handle.wait(20).computed.all()
    assert state(handle) == DONE
    assert "Traceback" not in caplog.text
