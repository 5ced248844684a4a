"""The engine: one computation a key, nothing lost to kills, cancels that keep what is done."""

import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import psutil
import pytest
import torch

from flatdiff.checkpoints.card import read_card
from flatdiff.checkpoints.weights_file import load_model
from flatdiff.engine import cluster as cluster_module
from flatdiff.engine.cluster import Cluster
from flatdiff.engine.engine import Engine, Handle
from flatdiff.engine.progress import Progress
from flatdiff.engine.store import Store
from flatdiff.errors import EngineError, StoreError
from flatdiff.landscape.panel import Panel
from flatdiff.landscape.subject import Subject
from flatdiff.measures.lpf import LpfSettings
from flatdiff.measures.request import Request, make_request
from flatdiff.measures.surface import SurfaceSettings
from tests.conftest import write_tiny_checkpoint

LONG = SurfaceSettings(resolution=151)  # a minute of tiles on the tiny network
PANEL = Panel(size=16)


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    """One private cluster for the module; starting it costs seconds."""
    made = Cluster(num_workers=1)
    yield made
    made.close()


@pytest.fixture
def engine(store: Store, tiny_root: Path, cluster: Cluster) -> Iterator[Engine]:
    """A started engine on an empty store; the cluster outlives it."""
    made = Engine(store=store, cluster=cluster, root=tiny_root, adopt=True)
    made.start()
    yield made
    made.dispatcher.stop()


def request_for(root: Path, settings: object, name: str = "adm") -> Request:
    """A request on a tiny checkpoint."""
    measure = "lpf" if isinstance(settings, LpfSettings) else "surface"
    return make_request(measure, read_card(root, f"tiny/{name}"), settings, PANEL)


def until(condition: Callable[[], bool], seconds: float = 60) -> None:
    """Wait for something that must happen."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.05)


def state_of(store: Store, request: Request) -> str:
    """Of the job behind a request."""
    job = store.job(request.key)
    return job.state if job is not None else "absent"


def progress_of(handle: Handle) -> Progress:
    """Of a job that exists."""
    progress = handle.progress()
    assert progress is not None
    return progress


def tiles_of(store: Store, key: str) -> dict[int, str]:
    """The digest of every finished tile by its first item."""
    rows = store.database.connection().execute(
        "SELECT first_item, sha256 FROM tiles WHERE key = ?", (key,)
    )
    return dict(rows.fetchall())


def test_engine_equals_the_measure_run_by_hand(engine: Engine, tiny_root: Path) -> None:
    """Tiles, workers and store add nothing: the bits are those of a plain loop in this process."""
    request = request_for(tiny_root, LpfSettings(num_perturbations=6))
    result = engine.submit(request).wait(60)
    card = read_card(tiny_root, "tiny/adm")
    subject = Subject(card, load_model(tiny_root, card, torch.device("cpu")), PANEL)
    measure = request.definition
    done = {
        position: measure.evaluate(subject, request.settings, item)
        for position, item in enumerate(request.items)
    }
    by_hand = measure.assemble(request.settings, done)
    assert np.array_equal(result.perturbed_losses, by_hand.perturbed_losses)
    assert result.lpf == by_hand.lpf


def tiles_sent(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The key of each tile that an engine sends from now on."""
    sent: list[str] = []
    send = (tiles := engine.dispatcher._tiles)._send_one

    def counted(client, active, items) -> None:
        sent.append(active.request.key)
        send(client, active, items)

    monkeypatch.setattr(tiles, "_send_one", counted)
    return sent


def test_same_key_is_computed_once(
    engine: Engine, tiny_root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Counts the tiles that are sent, which no result can hide: two askers, one set of tiles."""
    sent = tiles_sent(engine, monkeypatch)
    request = request_for(tiny_root, SurfaceSettings(resolution=5))
    first, second = engine.submit(request), engine.submit(request)
    assert first.wait(60).loss.tobytes() == second.wait(60).loss.tobytes()
    once = len(sent)
    again = engine.submit(request).wait(1)
    assert len(sent) == once == len(tiles_of(engine.store, request.key))
    assert engine.estimate([request]).evaluations == 0
    assert again.computed.all()


def test_cancel_keeps_what_is_done_and_run_goes_on(engine: Engine, tiny_root: Path) -> None:
    """Compares tile digests before and after: one computed again would have to equal them all."""
    request = request_for(tiny_root, LONG)
    handle = engine.submit(request)
    until(lambda: progress_of(handle).done > 20)
    asked = time.monotonic()
    handle.cancel()
    until(lambda: progress_of(handle).state == "cancelled", 5)
    assert time.monotonic() - asked < 1.0
    kept = tiles_of(engine.store, request.key)
    with pytest.raises(EngineError, match="cancelled"):
        handle.wait(1)
    partial = handle.result()
    assert 0 < partial.computed.sum() < partial.computed.size
    engine.submit(request)
    until(lambda: len(tiles_of(engine.store, request.key)) > len(kept))
    handle.cancel()
    until(lambda: not progress_of(handle).active, 5)
    assert kept.items() <= tiles_of(engine.store, request.key).items()


def worker_processes() -> list[psutil.Process]:
    """The Dask worker processes below this one, by their command line."""
    found = []
    for process in psutil.Process().children(recursive=True):
        line = " ".join(process.cmdline())
        if "spawn_main" in line and "resource_tracker" not in line:
            found.append(process)
    return found


def test_killed_worker_loses_no_finished_tile(engine: Engine, tiny_root: Path) -> None:
    """SIGKILL gives the worker no chance to tidy up; finished tiles must be byte-equal after."""
    request = request_for(tiny_root, SurfaceSettings(resolution=9))
    handle = engine.submit(request)
    until(lambda: progress_of(handle).done > 20)
    before = tiles_of(engine.store, request.key)
    for process in worker_processes():
        process.kill()
    result = handle.wait(120)
    assert result.computed.all()
    assert np.isfinite(result.loss).all()
    assert before.items() <= tiles_of(engine.store, request.key).items()


def test_failed_job_says_why(store: Store, tmp_path: Path, cluster: Cluster) -> None:
    """One byte of the weights is flipped on disk; only their digest can tell."""
    write_tiny_checkpoint(tmp_path, "adm", 0)
    weights = tmp_path / "tiny" / "adm" / "weights.safetensors"
    content = bytearray(weights.read_bytes())
    content[-1] ^= 1
    weights.write_bytes(content)
    engine = Engine(store=store, cluster=cluster, root=tmp_path, adopt=True)
    engine.start()
    request = request_for(tmp_path, SurfaceSettings(resolution=3))
    with pytest.raises(EngineError, match="SHA-256"):
        engine.submit(request).wait(60)
    assert "SHA-256" in (progress_of(engine.handle(request)).error or "")
    engine.dispatcher.stop()


def test_unreachable_scheduler_is_a_sentence(
    store: Store, tiny_root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing listens on the address, so the only right outcome is a failure that names it."""
    monkeypatch.setattr(cluster_module, "CONNECT_TIMEOUT_S", 1)
    absent = Cluster("tcp://127.0.0.1:9")
    engine = Engine(store=store, cluster=absent, root=tiny_root, adopt=True)
    engine.start()
    with pytest.raises(EngineError, match=r"tcp://127\.0\.0\.1:9"):
        engine.submit(request_for(tiny_root, SurfaceSettings(resolution=3))).wait(90)
    engine.dispatcher.stop()


PROGRAM = """
import sys, time
from pathlib import Path
from flatdiff.checkpoints.card import read_card
from flatdiff.engine.cluster import Cluster
from flatdiff.engine.engine import Engine, Handle
from flatdiff.engine.progress import Progress
from flatdiff.measures.surface import SurfaceSettings
from flatdiff.landscape.panel import Panel
from flatdiff.measures.request import make_request
from flatdiff.engine.store import Store

root, home, resolution = Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3])
if __name__ == "__main__":
    store = Store(home)
    engine = Engine(store=store, cluster=Cluster(num_workers=1), root=root, adopt=True)
    engine.start()
    card = read_card(root, "tiny/adm")
    request = make_request("surface", card, SurfaceSettings(resolution=resolution), Panel(size=16))
    engine.submit(request)
    time.sleep(600)
"""


def program(root: Path, store: Store, resolution: int) -> subprocess.Popen:
    """Another program on the same store, as a dashboard of its own."""
    arguments = [sys.executable, "-c", PROGRAM, str(root), str(store.database.path)]
    return subprocess.Popen([*arguments, str(resolution)])


def test_programs_share_a_job_and_a_killed_one_leaves_it_to_the_next(
    store: Store, tiny_root: Path, cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    """SIGKILL lets a program say nothing; another finds its job and its tiles in the store.

    Beside it, while it lived, a program that asked for the same had nothing to compute.
    """
    request = request_for(tiny_root, SurfaceSettings(resolution=11))
    victim = program(tiny_root, store, 11)
    until(lambda: state_of(store, request) == "running")
    guest = Engine(store=store, cluster=cluster, root=tiny_root, adopt=False)
    sent = tiles_sent(guest, monkeypatch)
    guest.start()
    guest.submit(request)
    until(lambda: len(store.positions_done(request.key)) > 20)
    family = psutil.Process(victim.pid).children(recursive=True)
    guest.dispatcher.stop()
    victim.send_signal(signal.SIGKILL)
    victim.wait()
    assert sent == [], "the other program held the job"
    saved = tiles_of(store, request.key)
    assert len(family) >= 3, "scheduler, nanny and worker"
    _, alive = psutil.wait_procs(family, timeout=10)
    assert not alive
    engine = Engine(store=store, cluster=cluster, root=tiny_root, adopt=True)
    assert state_of(store, request) == "running"
    engine.start()  # nobody submits again
    until(lambda: state_of(store, request) == "done", 120)
    engine.dispatcher.stop()
    assert saved.items() <= tiles_of(store, request.key).items()
    assert engine.handle(request).result().computed.all()


def test_a_tile_that_could_not_be_written_is_computed_again(
    store: Store, tiny_root: Path, cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A disk that is full once, at the last tile: the job must not stay running for ever."""
    put_tile, failures = store.put_tile, []

    def failing(*arguments: object) -> None:
        if not failures:
            failures.append(arguments)
            raise sqlite3.OperationalError("database or disk is full")
        put_tile(*arguments)  # pyright: ignore[reportArgumentType]

    monkeypatch.setattr(store, "put_tile", failing)
    engine = Engine(store=store, cluster=cluster, root=tiny_root, adopt=True)
    engine.start()
    settings = SurfaceSettings(dimensions=1, resolution=3)
    engine.submit(request_for(tiny_root, settings)).wait(60)
    assert len(failures) == 1
    engine.dispatcher.stop()


def test_a_damaged_store_refuses_new_work(store: Store, tiny_root: Path, cluster: Cluster) -> None:
    """Nothing would ever compute it: the sentence comes at once, not a wait for ever."""
    engine = Engine(store=store, cluster=cluster, root=tiny_root, adopt=True)
    engine.dispatcher.failure = StoreError("the result store is damaged")
    with pytest.raises(StoreError, match="is damaged"):
        engine.submit(request_for(tiny_root, SurfaceSettings()))
    assert store.jobs() == []
