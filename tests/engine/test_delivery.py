"""Weights on their way: only the jobs that need them wait, and every job ends.

The cluster is a stand-in in this process with one worker, who has an empty disk of his own: no
network can lose or delay anything but when a test says so.
"""

import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from flatdiff.checkpoints.card import WEIGHTS_FILE, read_card
from flatdiff.engine import delivery
from flatdiff.engine.cluster import Cluster
from flatdiff.engine.dispatcher import Dispatcher
from flatdiff.engine.job import TileResult
from flatdiff.engine.store import CANCELLED, DONE, FAILED, RUNNING, Store
from flatdiff.measures.request import Request, make_request
from flatdiff.measures.surface import SurfaceSettings
from tests.conftest import write_tiny_checkpoint
from tests.machines import until
from tests.pages.stored import arrays_for

WORKER = "tcp://far:1"


class Tile:
    """A Dask future that was computed at once."""

    def __init__(self, number: int, compute: Callable[[], TileResult]) -> None:
        self.key, self.value, self.error = f"tile-{number}", None, None
        try:
            self.value = compute()
        except delivery.WeightsMissingError as error:
            self.error = error
        self.status = "error" if self.error else "finished"

    def result(self, timeout: float) -> Any:
        """Of the worker."""
        return self.value

    def exception(self, timeout: float) -> Any:
        """Of the worker."""
        return self.error

    def add_done_callback(self, call: Callable[["Tile"], None]) -> None:
        """It is done."""
        call(self)


class Far:
    """A client whose worker keeps what is sent to it; `gate` holds up the pieces."""

    def __init__(self) -> None:
        self.status, self.gate, self.pieces, self.tiles = "running", threading.Event(), 0, 0

    def submit(self, _evaluate: Any, request: str, first: int, count: int, *_: Any, **__: Any):
        """Compute a tile."""
        self.tiles += 1
        return Tile(self.tiles, lambda: self.compute(Request.from_json(request), first, count))

    def compute(self, request: Request, first: int, count: int) -> TileResult:
        """Made up, where the weights are."""
        if not delivery.has(request.checkpoint, request.checkpoint_digest, request.architecture):
            raise delivery.WeightsMissingError(request.checkpoint, WORKER)
        items = request.items[first : first + count]
        return TileResult([arrays_for(item, request.settings) for item in items], 1e-3, "{}")

    def run(self, function: Callable[..., Any], *arguments: Any, workers: list[str]) -> Any:
        """On the worker."""
        assert workers == [WORKER]
        if function in (delivery.take_piece, delivery.take_last_piece):
            assert self.gate.wait(20)
            if self.status != "running":
                raise RuntimeError("IOLoop is closed")
            self.pieces += 1
        return {WORKER: function(*arguments)}

    def cancel(self, *_: Any, **__: Any) -> None:
        """Nothing is computing."""


class Bench:
    """A dispatcher whose rounds are turned by hand."""

    def __init__(self, store: Store, root: Path) -> None:
        self.store, self.root, self.far = store, root, Far()
        for number, name in enumerate(("adm", "sam")):
            write_tiny_checkpoint(root, name, number)
        self.cluster = SimpleNamespace(
            address="far", num_workers=1, share=1.0, start_s=None, up=True, ready=lambda: self.far
        )
        self.dispatcher = Dispatcher(
            store, cast("Cluster", self.cluster), root, accept=lambda _job: True, warm_up=False
        )

    def ask(self, name: str, seed: int = 0) -> Request:
        """A surface of 25 points."""
        settings = SurfaceSettings(resolution=5, seed=seed)
        request = make_request("surface", read_card(self.root, f"tiny/{name}"), settings)
        self.store.submit(request)
        return request

    def state(self, request: Request) -> tuple[str, str]:
        """Of a job, and its error."""
        job = self.store.job(request.key)
        assert job is not None
        return job.state, job.error or ""

    def turn(self, rounds: int = 40) -> None:
        """That many rounds."""
        for _ in range(rounds):
            self.dispatcher._round()

    def turn_until(self, request: Request, state: str) -> None:
        """Rounds until a job is there."""

        def there() -> bool:
            self.turn(1)
            return self.state(request)[0] == state

        until(there, state)


@pytest.fixture
def bench(store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Bench]:
    """The worker's disk is empty; pieces of a few kB."""
    monkeypatch.setenv("FLATDIFF_HOME", str(tmp_path / "far"))
    monkeypatch.setattr(delivery, "PIECE_BYTES", 1 << 16)
    made = Bench(store, tmp_path / "checkpoints")
    yield made
    made.far.gate.set()
    made.dispatcher._dismiss_sender()


def num_pieces(bench: Bench, name: str) -> int:
    """Of a file that travels once."""
    size = (bench.root / "tiny" / name / WEIGHTS_FILE).stat().st_size
    return -(-size // (1 << 16))


def test_others_go_on_while_weights_travel(bench: Bench) -> None:
    """One has come before; the other is held up, and no tile of it is sent meanwhile."""
    bench.far.gate.set()
    bench.turn_until(bench.ask("sam"), DONE)
    bench.far.gate.clear()
    slow = bench.ask("adm")
    bench.turn(5)
    quick = bench.ask("sam", seed=1)
    bench.turn()
    assert (bench.state(quick)[0], bench.state(slow)[0]) == (DONE, RUNNING)
    tiles = bench.far.tiles
    bench.turn()
    assert bench.far.tiles == tiles
    bench.far.gate.set()
    bench.turn_until(slow, DONE)


def test_two_jobs_at_once_are_sent_weights_once(bench: Bench) -> None:
    """Counted in pieces; both were told that they lack them before the first came."""
    first, second = bench.ask("adm"), bench.ask("adm", seed=1)
    bench.turn(5)
    waiting = [active.deliveries for active in bench.dispatcher._active.values()]
    assert len(waiting) == 2
    assert all(waiting)
    bench.far.gate.set()
    bench.turn_until(first, DONE)
    bench.turn_until(second, DONE)
    assert bench.far.pieces == num_pieces(bench, "adm") > 2


def test_weights_that_cannot_be_sent_end_their_job_alone(bench: Bench) -> None:
    """With the sentence; the other's come behind them."""
    (bench.root / "tiny" / "adm" / WEIGHTS_FILE).write_bytes(b"none at all")
    bad, good = bench.ask("adm"), bench.ask("sam")
    bench.turn(5)
    bench.far.gate.set()
    bench.turn_until(good, DONE)
    bench.turn_until(bad, FAILED)
    assert "arrived as other bytes" in bench.state(bad)[1]


def test_a_bug_on_the_way_ends_the_job_too(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """The thread survives it, and the next delivery comes."""

    def stumble(*_: Any) -> Any:
        raise ZeroDivisionError("of ours")

    bench.far.gate.set()
    with monkeypatch.context() as patched:
        patched.setattr(delivery, "send", stumble)
        bad = bench.ask("adm")
        bench.turn_until(bad, FAILED)
    assert "ZeroDivisionError: of ours" in bench.state(bad)[1]
    bench.turn_until(bench.ask("sam"), DONE)


@pytest.mark.parametrize("hangs", [True, False])
def test_a_new_connection_takes_over_what_was_on_its_way(bench: Bench, hangs: bool) -> None:
    """The old one never answers, or says that it is closed: no job is lost, none fails."""
    request, old = bench.ask("adm"), bench.far
    bench.turn(5)
    (active,) = bench.dispatcher._active.values()
    old.status, bench.far = "closed", Far()
    bench.far.gate.set()
    if not hangs:
        old.gate.set()
        until(lambda: all(one.done() for one in active.deliveries), "the end of the old one")
    bench.turn_until(request, DONE)
    old.gate.set()
    assert bench.far.pieces == num_pieces(bench, "adm")
    assert old.pieces == 0


def test_a_cancelled_job_leaves_its_place_in_the_queue(bench: Bench) -> None:
    """Weights that nobody wants any more are not sent; asked again, they are."""
    first, second = bench.ask("adm"), bench.ask("sam")
    bench.turn(5)
    bench.store.request_cancel(second.key)
    bench.turn(1)
    assert bench.state(second)[0] == CANCELLED
    bench.far.gate.set()
    bench.turn_until(first, DONE)
    assert bench.far.pieces == num_pieces(bench, "adm")
    bench.turn_until(bench.ask("sam"), DONE)
