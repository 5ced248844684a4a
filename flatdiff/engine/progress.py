"""What a measurement will cost, and where a running one stands."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from flatdiff.engine.job import ACTIVE, QUEUED, RUNNING, Job, Rates
from flatdiff.measures.request import Request


@dataclass(frozen=True)
class Cost:
    """What a request will cost, before it is run."""

    evaluations: int  # items not in the store yet
    image_forwards: int  # images through the network for them
    seconds: float | None  # on this machine; None until its speed was measured
    open_ended: bool  # how many evaluations there are depends on what the first ones show


@dataclass(frozen=True)
class Progress:
    """Where a job stands."""

    state: str  # queued, running, done, failed or cancelled
    done: int  # evaluations in the store
    total: int
    eta: float | None  # seconds left; None where unknown or not running
    rate: float | None  # evaluations a second, of computing time on all workers
    queue_position: int  # jobs ahead that have not begun; 0 once it is running
    error: str | None
    finished_at: float | None  # seconds since 1970
    seconds: float  # of computing so far

    @property
    def active(self) -> bool:
        """Queued or running."""
        return self.state in ACTIVE


def cost_of(left: Iterable[tuple[Request, list[int]]], rates: Rates, num_workers: int) -> Cost:
    """Of several requests together.

    Args:
        left: each with the image forwards of every item that is needed and not done.
        rates: as far as they were measured.
        num_workers: of the cluster.
    """
    evaluations = forwards = 0
    seconds: float | None = 0.0
    open_ended = False
    for request, costs in left:
        open_ended |= bool(costs) and len(request.first_plan) < len(request.items)
        evaluations, forwards = evaluations + len(costs), forwards + sum(costs)
        rate = rates.of(request.architecture, request.measure)
        if seconds is None or rate is None:
            seconds = None
        else:
            seconds += sum(costs) * rate / num_workers
    return Cost(evaluations, forwards, seconds if evaluations else 0.0, open_ended)


def progress_of(
    job: Job, active: Sequence[Job], left: Mapping[str, float | None], num_workers: int
) -> Progress:
    """Of one job among those that are queued or running.

    Args:
        job: any.
        active: all of them.
        left: seconds that each would need with all workers to itself, by key; None: unknown.
        num_workers: of the cluster.
    """
    rate = None
    if job.num_done and job.seconds:
        rate = job.num_done / job.seconds * num_workers
    waiting = [other for other in active if other.state == QUEUED]
    return Progress(
        state=job.state,
        done=job.num_done,
        total=job.num_items,
        eta=_eta(job, active, left),
        rate=rate,
        queue_position=sum(other.position < job.position for other in waiting)
        if job.state == QUEUED
        else 0,
        error=job.error,
        finished_at=job.finished_at,
        seconds=job.seconds,
    )


def seconds_left(job: Job, rates: Rates, num_workers: int) -> float | None:
    """On all workers, if nothing else were running; None where no speed is known."""
    request = job.request
    rate = rates.of(request.architecture, request.measure)
    if rate is None:
        return None
    costs = [request.image_forwards[position] for position in request.first_plan]
    left = (job.num_items - job.num_done) * sum(costs) / len(costs)
    return left * rate / num_workers


def _eta(job: Job, active: Sequence[Job], left: Mapping[str, float | None]) -> float | None:
    """Seconds left; running jobs share the workers evenly until the shorter ones are done."""
    own = left.get(job.key)
    if own is None:
        return None
    sharing = [
        other
        for other in active
        if other.key != job.key and (other.state == RUNNING or other.position < job.position)
    ]
    return own + sum(min(left[other.key] or 0.0, own) for other in sharing)
