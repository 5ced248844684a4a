"""The forecaster watches jobs as they are computed, and keeps what they show of the speed.

Speeds of items are noted every second of computing; a job that was alone from beginning to end,
on workers that had worked before, also shows how far its forecast missed.
"""

import time
from collections import deque
from dataclasses import dataclass, field

from flatdiff.engine.cluster import Cluster
from flatdiff.engine.job import MAX_ACTIVE_JOBS, Effort, TileResult
from flatdiff.engine.speed.forecast import Forecast, Left, Machine, Subject, forecast, subject_of
from flatdiff.engine.speed.speeds import (
    ATTENDING,
    FIRST_LOADING,
    GROWTH,
    LOADING,
    MISSED,
    PREPARING,
    STARTING,
    Place,
    load_of,
    makespan,
    part_of,
)
from flatdiff.engine.speed.timings import Timings
from flatdiff.measures.request import Request
from flatdiff.system.share import LEAST_SHARE

NOTE_EVERY_S = 1.0  # of computing between two notes of the speed
SHORTEST_S = 0.01  # that a job is attended to
LOADED_S = 0.02  # what takes less was kept by the worker
MEASURED = 0.15  # a forecast that is less off than this rests on what was timed


@dataclass
class _Watched:
    """A job while it is computed."""

    request: Request
    said: Forecast | None  # as it was begun
    load: int  # then
    began: float  # on the monotonic clock
    alone: bool  # in all of its life
    new: bool  # begun before any worker had computed anything
    walls: list[float] = field(default_factory=list)  # seconds of its tiles
    # Since speeds were noted: seconds of items, on the wall and by the processor, and of each part
    # with its forwards.
    wall: float = 0.0
    seconds: float = 0.0
    parts: dict[tuple[str, int], list[float]] = field(default_factory=dict)

    def take(self, items: range, wall: float, effort: Effort) -> None:
        """Add up a tile."""
        self.wall += wall
        self.seconds += sum(effort.items)
        for position, seconds in zip(items, effort.items, strict=True):
            sums = self.parts.setdefault(part_of(self.request, position), [0.0, 0.0])
            sums[0] += seconds
            sums[1] += max(self.request.image_forwards(position), 1)

    def rates(self) -> dict[Place, float]:
        """Seconds a forward of each part lately; what follows is added up anew."""
        if not self.parts:
            return {}
        load = load_of(min(max(self.seconds / max(self.wall, SHORTEST_S), LEAST_SHARE), 1.0))
        of = self.request.architecture, self.request.measure
        found = {
            (*of, *part, load): seconds / forwards
            for part, (seconds, forwards) in self.parts.items()
        }
        self.wall, self.seconds, self.parts = 0.0, 0.0, {}
        return found


class Forecaster:
    """Watches what is computed, and foretells what will be."""

    def __init__(self, timings: Timings, cluster: Cluster) -> None:
        """Nothing is computed yet."""
        self._timings, self._cluster = timings, cluster
        self._kept: deque[Subject] = deque(maxlen=MAX_ACTIVE_JOBS)  # as each worker has it
        self._client: object = None
        self._worked = False
        self._jobs: dict[str, _Watched] = {}

    def machine(self) -> Machine:
        """As it is now; never waits for anybody."""
        cluster = self._cluster
        return Machine(
            speeds=self._timings.speeds(),
            num_workers=cluster.num_workers,
            share=cluster.share,
            up=cluster.up,
            worked=self._worked and cluster.up,
            kept=tuple(self._kept) if cluster.up else (),
        )

    def connected(self, client: object) -> None:
        """A new connection has new workers, as far as is known."""
        if client is not self._client:
            self._client, self._worked = client, False
            self._kept.clear()
            if self._cluster.start_s is not None:
                share = self._cluster.share
                taken = self._cluster.start_s * share
                self._timings.note({("", "", STARTING, 0, load_of(share)): taken})

    def begun(self, left: Left) -> None:
        """A job is begun, or goes on."""
        machine = self.machine()
        for other in self._jobs.values():
            other.alone = False
        self._jobs[left.request.key] = _Watched(
            request=left.request,
            said=forecast([left], machine),
            load=machine.load,
            began=time.monotonic(),
            alone=not self._jobs,
            new=not machine.worked,
        )

    def tile(self, key: str, items: range, tile: TileResult) -> None:
        """A tile has come."""
        job, effort = self._jobs.get(key), tile.effort
        if job is None or effort is None:
            return
        self._worked = True
        if (subject := subject_of(job.request)) in self._kept:
            self._kept.remove(subject)
        self._kept.append(subject)
        job.walls.append(effort.wall)
        job.take(items, tile.seconds, effort)
        if starts := _starts(job.request, effort, self._cluster.share):
            self._timings.note(starts)
        if job.seconds >= NOTE_EVERY_S:
            self._timings.note(job.rates())

    def ended(self, key: str, num_items: int | None = None) -> None:
        """A job is over; one that is done with so many items shows how far its forecast missed."""
        job = self._jobs.pop(key, None)
        if job is None or num_items is None:
            return
        self._timings.note(job.rates())
        shown = _growth_shown(job.request, num_items)
        if job.alone and job.walls and not job.new:
            elapsed = time.monotonic() - job.began
            shown |= _misses(
                job,
                elapsed,
                makespan([(wall, 1) for wall in job.walls], self._cluster.num_workers),
            )
        self._timings.note(shown)


def _starts(request: Request, effort: Effort, share: float) -> dict[Place, float]:
    """What had to be loaded and prepared for a tile."""
    loading, load = FIRST_LOADING if effort.first else LOADING, load_of(share)
    taken = {
        (request.architecture, "", loading, 0, load): effort.loading,
        (request.architecture, request.measure, PREPARING, 0, load): effort.preparing,
    }
    return {place: seconds for place, seconds in taken.items() if seconds > LOADED_S}


def _growth_shown(request: Request, num_items: int) -> dict[Place, float]:
    if len(request.first_plan) == len(request.items):
        return {}
    place = (request.architecture, request.measure, GROWTH, 0, 0)
    return {place: num_items / len(request.first_plan)}


def _misses(job: _Watched, elapsed: float, busy: float) -> dict[Place, float]:
    """What a job took beyond its tiles, and how many times longer than was foretold."""
    shown: dict[Place, float] = {("", "", ATTENDING, 0, job.load): max(elapsed - busy, SHORTEST_S)}
    if job.said is not None and job.said.seconds and job.said.off < MEASURED:
        for measure in (job.request.measure, ""):
            shown["", measure, MISSED, 0, job.load] = elapsed / job.said.seconds
    return shown
