"""Programs that compute what is in a store: an engine in this process, or a server."""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil

from benchmarks.first_page import start_server
from flatdiff.engine.cluster import Cluster
from flatdiff.engine.engine import Engine
from flatdiff.engine.store import ACTIVE, Job, Store
from flatdiff.measures.request import Request
from tests.campaigns.kills import content
from tests.machines import until

ENDS_WITHIN_S = 150.0  # of a fault: what is silent is given up after a minute, and replaced
POLL_S = 0.02


@dataclass(frozen=True)
class Program:
    """Who computes what is in a store, and how a job there is cancelled."""

    process: psutil.Process
    store: Store
    cancel: Callable[[Request], None]
    url: str = ""  # of a server


def undisturbed(
    place: Path, root: Path, requests: Sequence[Request], num_workers: int
) -> list[dict[int, bytes]]:
    """Every item's arrays, for each request, of a run in which nothing happens."""
    with engine(place / "calm", root, num_workers) as program:
        for request in requests:
            program.store.submit(request)
        for request in requests:
            ended(program.store, request)
        return [content(program.store, request) for request in requests]


@contextmanager
def engine(home: Path, root: Path, num_workers: int) -> Iterator[Program]:
    """In this process."""
    cluster = Cluster(num_workers=num_workers)
    made = Engine(store=Store(home / "results.sqlite"), cluster=cluster, root=root, adopt=True)
    with made:
        yield Program(psutil.Process(), made.store, lambda request: made.handle(request).cancel())


@contextmanager
def server(home: Path, root: Path, num_workers: int, **environment: str) -> Iterator[Program]:
    """Which takes jobs that another program leaves in its store, and cancels, too."""
    environment |= {"FLATDIFF_CHECKPOINTS": str(root), "FLATDIFF_WORKERS": str(num_workers)}
    process, url = start_server(str(home), **environment)
    store = Store(home / "results.sqlite")
    try:
        yield Program(
            psutil.Process(process.pid),
            store,
            lambda request: store.request_cancel(request.key),
            url,
        )
    finally:
        store.close()
        process.terminate()
        process.wait(60)


STARTS = {"engine": engine, "server": server}


def reached(program: Program, request: Request, num_done: int) -> None:
    """Wait until so many items are done."""
    until(lambda: _done(program.store, request) >= num_done, "items")


def _done(store: Store, request: Request) -> int:
    job = store.job(request.key)
    return job.num_done if job is not None else 0


def ended(store: Store, request: Request) -> Job:
    """The job when it is over; as it is when its time is up."""
    deadline = time.monotonic() + ENDS_WITHIN_S
    while True:
        job = store.job(request.key)
        assert job is not None
        if job.state not in ACTIVE or time.monotonic() > deadline:
            return job
        time.sleep(POLL_S)
