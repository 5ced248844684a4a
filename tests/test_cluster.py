"""A cluster of other machines: a scheduler and workers that share nothing with this program."""

import os
import pickle
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from distributed import Client

from flatdiff.cards import read_card
from flatdiff.checkpoints import load_model
from flatdiff.cluster import Cluster
from flatdiff.engine import Engine
from flatdiff.errors import EngineError
from flatdiff.files import PROJECT_ROOT
from flatdiff.freight import FreightMissingError, has, take_piece, unpack, unpacked
from flatdiff.measures.surface import SurfaceSettings
from flatdiff.panel import Panel
from flatdiff.requests import make_request
from flatdiff.store import Store
from flatdiff.subject import Subject
from flatdiff.worker import number_of

START_TIMEOUT_S = 60.0


def until(true: Callable[[], bool], what: str) -> None:
    """Wait for something that another process does."""
    deadline = time.monotonic() + START_TIMEOUT_S
    while not true():
        assert time.monotonic() < deadline, what
        time.sleep(0.05)


class Machines:
    """A scheduler, and workers with a state directory each, as if each were a machine."""

    def __init__(self, folder: Path) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        self.folder, self.address = folder, f"tcp://127.0.0.1:{port}"
        self.workers: list[subprocess.Popen] = []
        words = ["--host", "127.0.0.1", "--port", str(port), "--no-dashboard", "--no-show"]
        self.scheduler = subprocess.Popen(
            [sys.executable, "-m", "distributed.cli.dask_scheduler", *words],
            stderr=subprocess.DEVNULL,
        )
        self.client = Client(self.address, timeout=START_TIMEOUT_S, set_as_default=False)

    def add(self) -> None:
        """One more machine, waited for."""
        number = len(self.workers)
        self.workers.append(
            subprocess.Popen(
                [sys.executable, "-m", "flatdiff", "worker", self.address, "--num-workers", "1"],
                cwd=PROJECT_ROOT,
                env={**os.environ, "FLATDIFF_HOME": str(self.folder / str(number))},
                stderr=subprocess.DEVNULL,
                start_new_session=True,
            )
        )

    @property
    def number(self) -> int:
        """Of workers that the scheduler knows."""
        return len(self.client.scheduler_info(n_workers=-1)["workers"])

    def kill(self, number: int) -> None:
        """A machine goes up in smoke, with all its processes."""
        os.killpg(self.workers[number].pid, signal.SIGKILL)
        self.workers[number].wait()

    def freight(self, number: int) -> list[str]:
        """Digests of the checkpoints that came to a machine, and whatever else lies there."""
        return sorted(path.name for path in (self.folder / str(number) / "freight").glob("*"))

    def close(self) -> None:
        """End all of it."""
        self.client.close()
        for worker in self.workers:
            if worker.poll() is None:
                os.killpg(worker.pid, signal.SIGKILL)
                worker.wait()
        self.scheduler.terminate()
        self.scheduler.wait()


@pytest.fixture
def machines(tmp_path: Path) -> Iterator[Machines]:
    """A scheduler without a worker."""
    made = Machines(tmp_path / "machines")
    yield made
    made.close()


def loss_of(path: Path, cluster: Cluster, root: Path, settings: SurfaceSettings) -> np.ndarray:
    """A surface of tiny/adm, computed there into a new store."""
    engine = Engine(store=Store(path), cluster=cluster, root=root)
    engine.start()
    request = make_request("surface", read_card(root, "tiny/adm"), settings)
    try:
        return engine.submit(request).wait(timeout_s=120).loss
    finally:
        engine.close()


@pytest.mark.slow  # five workers load torch on as many cores as there are
def test_four_machines_one_lost_and_one_added(
    machines: Machines, tmp_path: Path, tiny_root: Path
) -> None:
    """The numbers are those of this machine's own worker, bit by bit; weights travelled once."""
    settings = SurfaceSettings(resolution=21, seed=2)
    store = Store(tmp_path / "far.sqlite")
    for _ in range(4):
        machines.add()
    until(lambda: machines.number == 4, "four workers")
    engine = Engine(store=store, cluster=Cluster(machines.address), root=tiny_root)
    engine.start()
    card = read_card(tiny_root, "tiny/adm")
    handle = engine.submit(make_request("surface", card, settings))
    until(lambda: (job := handle.job()) is not None and job.num_done > 20, "first tiles")
    machines.kill(0)
    machines.add()
    far = handle.wait(timeout_s=120).loss
    engine.close()
    near = loss_of(tmp_path / "near.sqlite", Cluster(num_workers=1), tiny_root, settings)
    assert np.isfinite(far).all()
    np.testing.assert_array_equal(far, near)
    assert {tuple(machines.freight(k)) for k in range(1, 4)} == {(card.digest,)}


def test_weights_travel_and_damaged_ones_end_the_job(
    machines: Machines, tmp_path: Path, tiny_root: Path
) -> None:
    """Damaged: a sentence, and nothing of them stays. Whole: the loss that is computed here."""
    machines.add()
    root = tmp_path / "checkpoints"
    folder = root / "tiny" / "adm"
    folder.mkdir(parents=True)
    (folder / "card.json").write_bytes((tiny_root / "tiny/adm/card.json").read_bytes())
    (folder / "weights.safetensors").write_bytes(b"none at all")
    settings = SurfaceSettings(resolution=3)
    with pytest.raises(EngineError, match="arrived as other bytes"):
        loss_of(tmp_path / "1.sqlite", Cluster(machines.address), root, settings)
    assert machines.freight(0) == []
    loss = loss_of(tmp_path / "2.sqlite", Cluster(machines.address), tiny_root, settings)
    card = read_card(tiny_root, "tiny/adm")
    here = Subject(card, load_model(tiny_root, card, torch.device("cpu")), Panel())
    assert loss[1, 1] == pytest.approx(here.losses().mean(), rel=1e-6)
    assert machines.freight(0) == [card.digest]


def test_freight_is_taken_whole_or_not_at_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, tiny_root: Path
) -> None:
    """Damaged on the way, it leaves nothing; whole, it is a root like any other."""
    monkeypatch.setenv("FLATDIFF_HOME", str(tmp_path))
    card = read_card(tiny_root, "tiny/adm")
    folder = tiny_root / "tiny" / "adm"
    content, text = ((folder / name).read_bytes() for name in ("weights.safetensors", "card.json"))
    take_piece("a", content[:100])
    take_piece("a", b"x" + content[101:])
    with pytest.raises(Exception, match="arrived as other bytes"):
        unpack("a", card.id, card.digest, text)
    assert not has(card.id, card.digest)
    for sender in "bc":  # two workers of one machine asked at the same time
        take_piece(sender, content[:100])
        take_piece(sender, content[100:])
    unpack("b", card.id, card.digest, text)
    unpack("c", card.id, card.digest, text)
    assert read_card(unpacked(card.id, card.digest), card.id) == card
    assert [path.name for path in (tmp_path / "freight").iterdir()] == [card.digest]


def test_what_is_lacking_survives_the_way_back() -> None:
    """An exception of a worker arrives pickled."""
    error = pickle.loads(pickle.dumps(FreightMissingError("tiny/adm", "tcp://10.0.0.2:1")))
    assert (error.checkpoint, error.worker) == ("tiny/adm", "tcp://10.0.0.2:1")


@pytest.mark.parametrize(
    ("name", "number"), [("0", 0), ("12", 12), ("desk-3", 3), ("tcp://10.0.0.2:40123", 40123)]
)
def test_number_that_ends_a_name(name: str, number: int) -> None:
    """By hand; workers of one machine have numbers in a row, so they share out its GPUs."""
    assert number_of(name) == number
