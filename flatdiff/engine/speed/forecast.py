"""A forecast is how long measurements will take on this machine, as busy as it is now.

What was timed (`speeds`) is put together: the start of what is not up or not loaded yet, the items
on so many workers, and the attendance that every job wants; divided by the share of a processor
that a worker gets. How far earlier forecasts missed widens the range, and moves it where all of
them missed to one side.
"""

import math
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

from flatdiff.engine.speed.speeds import (
    ATTENDING,
    FIRST_LOADING,
    GROWTH,
    LOADING,
    PREPARING,
    STARTING,
    Rate,
    Speeds,
    load_of,
    makespan,
    size_of,
)
from flatdiff.landscape.panel import Panel
from flatdiff.measures.request import Request
from flatdiff.system.span import Span, span_of
from flatdiff.system.speed import GRANTED_COUNT

PANEL_SIZE = Panel.size  # by default

Subject = tuple[object, ...]  # what a worker loads, and keeps for the next tile


def subject_of(request: Request) -> Subject:
    """Equal for requests of which a worker keeps the checkpoint and the panel."""
    return request.checkpoint_digest, request.partners, request.panel


@dataclass(frozen=True)
class Left:
    """What is left to do of a request."""

    request: Request
    positions: Sequence[int]  # of items that are needed as far as is known
    num_done: int = 0

    @property
    def open_ended(self) -> bool:
        """How many items there are depends on what the first ones show."""
        request = self.request
        return bool(self.positions) and len(request.first_plan) < len(request.items)


@dataclass(frozen=True)
class Machine:
    """What computes, as it is now."""

    speeds: Speeds
    num_workers: int
    share: float  # of a processor core, that each worker gets
    up: bool = True  # whether workers are there
    worked: bool = True  # whether they have computed anything yet
    kept: Collection[Subject] = ()  # what they have loaded

    @property
    def load(self) -> int:
        """See `load_of`."""
        return load_of(self.share)

    def forward_s(self, architecture: str) -> float | None:
        """Processor seconds of one image through a network, as far as is known."""
        rate = self.speeds.rate(architecture, "surface", "cell", size_of(PANEL_SIZE), self.load)
        return None if rate is None else rate.seconds

    def once(self, part: str, architecture: str = "", measure: str = "") -> float:
        """Seconds of what comes once, as busy as it is."""
        return self.speeds.once(self.load, part, architecture, measure)


@dataclass(frozen=True)
class Forecast:
    """Of some measurements together, and nothing else."""

    seconds: float
    off: float  # 0: all of it was timed; else a standard deviation of the logarithm


def forecast(work: Iterable[Left], machine: Machine) -> Forecast | None:
    """None where no item of one of the networks was ever timed here."""
    wanted = [left for left in work if left.positions]
    pieces = list[tuple[Rate, int]]()
    for left in wanted:
        each = _pieces(left, machine)
        if each is None:
            return None
        pieces += each
    busy = sum(piece.seconds * count for piece, count in pieces)
    if not busy:
        return Forecast(0.0, 0.0)
    off = sum(piece.seconds * count * piece.off for piece, count in pieces) / busy
    spent = makespan([(piece.seconds, count) for piece, count in pieces], machine.num_workers)
    spent += _start([left.request for left in wanted], machine)
    return Forecast(spent / machine.share + machine.once(ATTENDING), off)


def _pieces(left: Left, machine: Machine) -> list[tuple[Rate, int]] | None:
    """Seconds of an item and how far off that may be, with how many such items follow.

    By runs: a visitor's page asks once a second for each of dozens of jobs of thousands of items.
    """
    request, growth = left.request, _growth(left, machine)
    pieces = list[tuple[Rate, int]]()
    for run in request.runs(left.positions):
        forwards = max(run.image_forwards, 1)
        part = run.word, size_of(run.image_forwards)
        rate = machine.speeds.rate(request.architecture, request.measure, *part, machine.load)
        if rate is None:
            return None
        pieces.append((Rate(rate.seconds * forwards * growth, rate.off), run.count))
    return pieces


def _growth(left: Left, machine: Machine) -> float:
    """How many times more there will be to do than is known now."""
    request = left.request
    if not left.open_ended:
        return 1.0
    usual = machine.once(GROWTH, request.architecture, request.measure)
    expected = min(usual * len(request.first_plan), len(request.items)) - left.num_done
    return max(1.0, expected / len(left.positions))


def _start(requests: Sequence[Request], machine: Machine) -> float:
    """Processor seconds before each worker begins with the first items."""
    once = machine.once
    total = 0.0 if machine.up else once(STARTING)
    new = {subject_of(request): request for request in requests}
    new = {subject: one for subject, one in new.items() if subject not in machine.kept}
    for number, request in enumerate(new.values()):
        first = not number and not machine.worked
        part = FIRST_LOADING if first else LOADING
        total += once(part, request.architecture) or once(LOADING, request.architecture)
    return total + sum(once(PREPARING, one.architecture, one.measure) for one in requests)


def ranged(found: Forecast, measure: str, machine: Machine, besides_s: float = 0.0) -> Span:
    """Nine of ten such measurements end within it.

    Args:
        found: what is foretold.
        measure: of the one that decides, whose forecasts missed as the range tells.
        machine: as it is.
        besides_s: what is computed for others meanwhile.
    """
    missed = machine.speeds.missed(machine.load, measure)
    weight = missed.count / (missed.count + GRANTED_COUNT)
    seconds = (found.seconds + besides_s) * math.exp(weight * missed.log_mean)
    return span_of(seconds, math.hypot(missed.sigma, found.off))
