"""A cluster of other machines: a scheduler and workers that share nothing with this program."""

import dataclasses
import itertools
import os
import pickle
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import numpy as np
import pytest
import torch
from distributed import Client

from flatdiff.checkpoints.card import Card, read_card
from flatdiff.checkpoints.weights_file import load_model
from flatdiff.engine.cluster import Cluster
from flatdiff.engine.delivery import (
    WeightsMissingError,
    has,
    received_root,
    take_last_piece,
    take_piece,
)
from flatdiff.engine.engine import Engine
from flatdiff.engine.store import Store
from flatdiff.engine.worker import number_of
from flatdiff.errors import CheckpointError, EngineError
from flatdiff.landscape.panel import Panel
from flatdiff.landscape.subject import Subject
from flatdiff.measures.request import architecture_of, make_request
from flatdiff.measures.surface import SurfaceSettings
from tests.machines import Machines, until


@pytest.fixture
def machines(tmp_path: Path) -> Iterator[Machines]:
    """A scheduler without a worker."""
    made = Machines(tmp_path / "machines")
    yield made
    made.close()


def kept_as(card: Card) -> str:
    """The folder of a received checkpoint."""
    return f"{card.digest}-{architecture_of(card)[:16]}"


def loss_of(path: Path, cluster: Cluster, root: Path, settings: SurfaceSettings) -> np.ndarray:
    """A surface of tiny/adm, computed there into a new store."""
    engine = Engine(store=Store(path), cluster=cluster, root=root, adopt=True)
    engine.start()
    request = make_request("surface", read_card(root, "tiny/adm"), settings)
    try:
        return engine.submit(request).wait(timeout_s=120).loss
    finally:
        engine.close()


class Idle:
    """A client that is answered at once, and that has nothing to do."""

    def __init__(self) -> None:
        self.status, self.rounds, self.scheduler = "running", 0, SimpleNamespace(identity=None)

    def sync(self, _question: object, callback_timeout: float) -> dict[str, list[str]]:
        """No worker; there is an end to it in any case."""
        self.rounds += 1
        self.status = "running" if self.rounds < 5 else "lost"
        return {"workers": []}

    def close(self, timeout: float) -> None:
        """As Dask's."""
        self.status = "closed"


@pytest.mark.parametrize(
    ("jumps", "ends"),
    [([0, -2], "closed"), ([0, 9e9, 9e9 - 2], "closed"), ([0, 7200], "lost"), ([0], "lost")],
)
def test_a_clock_that_is_set_back_costs_a_connection(
    jumps: list[float], ends: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Dask's waits for the time to come round again, and its jobs with it."""
    moments = itertools.chain(jumps, itertools.repeat(jumps[-1]))
    monkeypatch.setattr("flatdiff.engine.cluster.wall_ahead_s", lambda: next(moments))
    monkeypatch.setattr("flatdiff.engine.cluster.COUNT_EVERY_S", 0.0)
    client = Idle()
    Cluster(num_workers=1)._watch(cast("Client", client))
    assert client.status == ends


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
    engine = Engine(store=store, cluster=Cluster(machines.address), root=tiny_root, adopt=True)
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
    assert {tuple(machines.received(k)) for k in range(1, 4)} == {(kept_as(card),)}


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
    # A second tile of the job may have asked for them too; what it is sent goes the same way.
    until(lambda: machines.received(0) == [], "nothing of them")
    loss = loss_of(tmp_path / "2.sqlite", Cluster(machines.address), tiny_root, settings)
    card = read_card(tiny_root, "tiny/adm")
    here = Subject(card, load_model(tiny_root, card, torch.device("cpu")), Panel())
    assert loss[1, 1] == pytest.approx(here.losses().mean(), rel=1e-6)
    assert machines.received(0) == [kept_as(card)]


def test_weights_are_taken_whole_or_not_at_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, tiny_root: Path
) -> None:
    """Damaged on the way, it leaves nothing; whole, it is a root like any other."""
    monkeypatch.setenv("FLATDIFF_HOME", str(tmp_path))
    card = read_card(tiny_root, "tiny/adm")
    what = card.id, card.digest, architecture_of(card)
    folder = tiny_root / "tiny" / "adm"
    content, text = ((folder / name).read_bytes() for name in ("weights.safetensors", "card.json"))
    take_piece("a", content[:100])
    with pytest.raises(Exception, match="arrived as other bytes"):
        take_last_piece("a", b"x" + content[101:], *what, text)
    assert not has(*what)
    for sender in "bc":  # two workers of one machine asked at the same time
        take_piece(sender, content[:100])
    for sender in "bc":
        take_last_piece(sender, content[100:], *what, text)
    assert read_card(received_root(*what), card.id) == card
    assert [path.name for path in (tmp_path / "received").iterdir()] == [kept_as(card)]
    other = dataclasses.replace(card.flags, noise_schedule="linear")
    flags = architecture_of(dataclasses.replace(card, flags=other))
    assert not has(card.id, card.digest, flags), "the same bytes under other flags are another"


def test_a_machine_that_cannot_keep_weights_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file where the folder should be: as good as a full disk, and no lost connection."""
    (tmp_path / "received").write_text("")
    monkeypatch.setenv("FLATDIFF_HOME", str(tmp_path))
    with pytest.raises(CheckpointError, match="cannot keep weights"):
        take_piece("a", b"x")


def test_weights_that_stopped_coming_is_thrown_away(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its last piece came two days ago; that of another sender just now."""
    monkeypatch.setenv("FLATDIFF_HOME", str(tmp_path))
    for sender in "ab":
        take_piece(sender, b"x")
    old = time.time() - 2 * 86_400
    os.utime(tmp_path / "received" / "incoming-a", (old, old))
    take_piece("c", b"x")
    left = {path.name for path in (tmp_path / "received").iterdir()}
    assert left == {"incoming-b", "incoming-c"}


def test_what_is_lacking_survives_the_way_back() -> None:
    """An exception of a worker arrives pickled."""
    error = pickle.loads(pickle.dumps(WeightsMissingError("tiny/adm", "tcp://10.0.0.2:1")))
    assert (error.checkpoint, error.worker) == ("tiny/adm", "tcp://10.0.0.2:1")


@pytest.mark.parametrize(
    ("name", "number"), [("0", 0), ("12", 12), ("desk-3", 3), ("desk-4711-0", 0)]
)
def test_number_that_ends_a_name(name: str, number: int) -> None:
    """By hand; workers of one machine have numbers in a row, so they share out its GPUs."""
    assert number_of(name) == number
