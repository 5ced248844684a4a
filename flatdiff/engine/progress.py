"""What a measurement will cost, and where a running one stands."""

import time
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

from flatdiff.engine.job import ACTIVE, QUEUED, RUNNING, Job
from flatdiff.engine.recent import FRESH_S
from flatdiff.engine.speed.forecast import Forecast, Left, Machine, forecast, ranged
from flatdiff.engine.store import Store
from flatdiff.measures.request import Request
from flatdiff.system.span import Span


@dataclass(frozen=True)
class Cost:
    """What a request will cost, before it is run."""

    evaluations: int  # items not in the store yet
    image_forwards: int  # images through the network for them
    seconds: Span | None  # on this machine as it is now; None until its speed was measured
    open_ended: bool  # how many evaluations there are depends on what the first ones show


@dataclass(frozen=True)
class Progress:
    """Where a job stands."""

    state: str  # queued, running, done, failed or cancelled
    done: int  # evaluations in the store
    total: int
    eta: Span | None  # seconds left; None where unknown or not running
    rate: float | None  # evaluations a second, of computing time on all workers
    queue_position: int  # jobs ahead that have not begun; 0 once it is running
    error: str | None
    finished_at: float | None  # seconds since 1970
    seconds: float  # of computing so far

    @property
    def active(self) -> bool:
        """Queued or running."""
        return self.state in ACTIVE


def cost_of(requests: Iterable[Request], store: Store, machine: Machine, alone: "Alone") -> Cost:
    """Of several requests together, beside what is computed already."""
    work = [left for request in requests if (left := _needed(request, store)).positions]
    keys = {left.request.key for left in work}
    foretold = alone(store.jobs(ACTIVE), store, machine)
    besides = [found for key, found in foretold.items() if key not in keys]
    runs = (run for left in work for run in left.request.runs(left.positions))
    return Cost(
        evaluations=sum(len(left.positions) for left in work),
        image_forwards=sum(run.image_forwards * run.count for run in runs),
        seconds=_among(besides, forecast(work, machine), _measure_of(work), machine),
        open_ended=any(left.open_ended for left in work),
    )


def _needed(request: Request, store: Store) -> Left:
    """Items that are needed, as far as is known, and not done."""
    needed, done = store.items_needed(request), store.positions_done(request.key)
    return Left(request, [p for p in needed if p not in done] if done else needed, len(done))


class Alone:
    """What each job would still take if there were no others: foretold once a second for all.

    Every visitor's page asks once a second, for jobs of thousands of items.
    """

    def __init__(self) -> None:
        self._kept: dict[str, tuple[float, Forecast | None]] = {}  # by key: when, and what

    def __call__(
        self, jobs: Iterable[Job], store: Store, machine: Machine
    ) -> dict[str, Forecast | None]:
        """By key."""
        now, kept = time.monotonic(), self._kept
        found = {
            job.key: known
            if (known := kept.get(job.key)) is not None and now - known[0] < FRESH_S
            else (now, forecast([left_of(job, _done(job, store))], machine))
            for job in jobs
        }
        self._kept = found  # read no more: another thread may have replaced it
        return {key: one for key, (_, one) in found.items()}


def _done(job: Job, store: Store) -> Collection[int]:
    return store.positions_done(job.key) if job.num_done else ()


def _measure_of(work: Sequence[Left]) -> str:
    """That most is left to do of; "" where nothing is."""
    most = max(work, key=lambda left: len(left.positions), default=None)
    return most.request.measure if most else ""


def progress_of(
    job: Job, active: Sequence[Job], alone: Mapping[str, Forecast | None], machine: Machine
) -> Progress:
    """Of one job among those that are queued or running.

    Args:
        job: any.
        active: all of them.
        alone: what each of these would still take alone, by key.
        machine: as it is now.
    """
    rate = None
    if job.num_done and job.seconds:
        rate = job.num_done / job.seconds * machine.num_workers
    waiting = [other for other in active if other.state == QUEUED]
    before = [
        alone[other.key]
        for other in active
        if other.key != job.key and (other.state == RUNNING or other.position < job.position)
    ]
    return Progress(
        state=job.state,
        done=job.num_done,
        total=job.num_items,
        eta=_among(before, alone.get(job.key), job.request.measure, machine),
        rate=rate,
        queue_position=sum(other.position < job.position for other in waiting)
        if job.state == QUEUED
        else 0,
        error=job.error,
        finished_at=job.finished_at,
        seconds=job.seconds,
    )


def left_of(job: Job, done: Collection[int]) -> Left:
    """What a job has left to do; of items that its plan did not begin with, how many alone."""
    plan = job.request.first_plan
    missing = [position for position in plan if position not in done] if done else plan
    further = max(0, job.num_items - job.num_done - len(missing))
    if further:
        missing = [*missing, *further * [plan[-1]]]
    return Left(job.request, missing, job.num_done)


def _among(
    others: Iterable[Forecast | None], own: Forecast | None, measure: str, machine: Machine
) -> Span | None:
    """Running jobs share the workers evenly until the shorter ones are done."""
    if own is None:
        return None
    besides = sum(min(other.seconds, own.seconds) for other in others if other is not None)
    return ranged(own, measure, machine, besides)
