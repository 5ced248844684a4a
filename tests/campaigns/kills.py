"""Workers are killed while jobs are computed; every result must be that of an undisturbed run."""

import dataclasses
import os
import random
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import psutil

from flatdiff.checkpoints.card import read_card
from flatdiff.engine.cluster import Cluster
from flatdiff.engine.engine import Engine
from flatdiff.engine.store import ACTIVE, DONE, FAILED, Store
from flatdiff.landscape.panel import Panel
from flatdiff.measures.request import Request, make_request
from flatdiff.measures.surface import SurfaceSettings
from flatdiff.system.arrays import encode_arrays
from tests.conftest import write_tiny_checkpoint
from tests.processes import workers_of

PANEL = Panel(size=32)
POLL_S = 0.02


@dataclasses.dataclass(frozen=True)
class Counts:
    """What a run with kills left behind."""

    kills: int
    jobs: int
    done: int
    failed: int  # with a reason
    lost: int  # neither done nor failed
    doubled: int  # items that lie in two tiles
    different: int  # results that are not those of the undisturbed run, byte by byte
    tracebacks: int  # in the log
    seconds: float

    @property
    def clean(self) -> bool:
        """Nothing lost, nothing doubled, nothing changed, no traceback for what is handled."""
        bad = self.failed + self.lost + self.doubled + self.different + self.tracebacks
        return self.done == self.jobs and bad == 0


def kills(
    num_kills: int = 300,
    num_jobs: int = 600,
    num_workers: int = 2,
    seed: int = 0,
    log: Path | None = None,
) -> int:
    """Kill workers over some jobs.

    Args:
        num_kills: of worker processes, by SIGKILL, spread over the jobs.
        num_jobs: surfaces of 25 points on a network of milliseconds.
        num_workers: processes.
        seed: of the moments and of who is killed.
        log: keeps what program and workers wrote to their standard error.
    """
    with tempfile.TemporaryDirectory(prefix="flatdiff-kills-") as folder:
        counts = campaign(Path(folder), num_kills, num_jobs, num_workers, random.Random(seed))
        if log is not None:
            shutil.copy(Path(folder) / "log", log)
    sys.stdout.write(f"kills: {counts}\n")
    return 0 if counts.clean else 1


def campaign(
    folder: Path, num_kills: int, num_jobs: int, num_workers: int, draw: random.Random
) -> Counts:
    """The same, in a folder."""
    root = folder / "checkpoints"
    write_tiny_checkpoint(root, "adm", 0)
    card = read_card(root, "tiny/adm")
    requests = [
        make_request("surface", card, SurfaceSettings(resolution=5, seed=seed), PANEL)
        for seed in range(num_jobs)
    ]
    stores = [Store(folder / f"{name}.sqlite") for name in ("calm", "killed")]
    compute(stores[0], root, requests, num_workers, 0, draw)
    began, log = time.monotonic(), folder / "log"
    with said_into(log):
        kills = compute(stores[1], root, requests, num_workers, num_kills, draw)
    states = [job.state for job in stores[1].jobs()]
    counts = Counts(
        kills=kills,
        jobs=num_jobs,
        done=states.count(DONE),
        failed=states.count(FAILED),
        lost=num_jobs - states.count(DONE) - states.count(FAILED),
        doubled=sum(num_doubled(stores[1], request) for request in requests),
        different=sum(content(stores[0], r) != content(stores[1], r) for r in requests),
        tracebacks=log.read_text(errors="replace").count("Traceback"),
        seconds=round(time.monotonic() - began, 1),
    )
    for store in stores:
        store.close()
    return counts


def compute(
    store: Store,
    root: Path,
    requests: Sequence[Request],
    num_workers: int,
    num_kills: int,
    draw: random.Random,
) -> int:
    """Run jobs to their end and kill on the way; returns how often that was possible.

    A kill is due whenever so many jobs are over as there are jobs for each of them.
    """
    kills = 0
    with Engine(store=store, cluster=Cluster(num_workers=num_workers), root=root) as engine:
        for request in requests:
            engine.submit(request)
        while active := len(store.jobs(ACTIVE)):
            over = len(requests) - active
            if kills < num_kills and over * num_kills >= kills * len(requests):
                kills += kill_one(draw)
            time.sleep(POLL_S * (1 + draw.random()))
    return kills


def kill_one(draw: random.Random) -> bool:
    """One worker process of this program, whatever it is about; False where there is none."""
    found = workers_of(psutil.Process())
    if not found:
        return False
    draw.choice(found).kill()
    return True


def content(store: Store, request: Request) -> dict[int, bytes]:
    """Every item's arrays as bytes: how items lie in tiles depends on how fast they were."""
    return {
        item: encode_arrays([arrays]) for item, arrays in store.items_done(request.key).items()
    }


def num_doubled(store: Store, request: Request) -> int:
    """Items that lie in more than one tile."""
    rows = store.database.rows("SELECT num_items FROM tiles WHERE key = ?", (request.key,))
    return sum(count for (count,) in rows) - len(store.positions_done(request.key))


@contextmanager
def said_into(path: Path) -> Iterator[None]:
    """What this program and its workers write to their standard error goes into a file."""
    sys.stderr.flush()
    before = os.dup(2)
    with path.open("wb") as file:
        os.dup2(file.fileno(), 2)
    try:
        yield
    finally:
        os.dup2(before, 2)
        os.close(before)
