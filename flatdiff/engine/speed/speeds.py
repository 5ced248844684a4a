"""Speeds of this machine: what items, starts and whole jobs took here, the newest weighing most.

Items and starts are told in processor seconds, which other work does not stretch as it does those
on the wall (see `system/share`); of a GPU, in seconds on the wall. An item's size is its power of
two of image forwards, as a small item has more beside its forwards than a large one; the load is
how little of a processor it got, as shared caches make each processor second do less. What was not
measured at one size and load is taken from the nearest, and said to be less certain.
"""

import heapq
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from flatdiff.measures.request import Request
from flatdiff.system.speed import Speed

# Architecture, measure, part, size and load; "" and 0: of all of them.
Place = tuple[str, str, str, int, int]

# Parts beside the words of items.
LOADING = "(loading)"  # checkpoint and panel, by a worker that does not keep them
FIRST_LOADING = "(first loading)"  # of a worker's life, with all that is imported for it
PREPARING = "(preparing)"  # what a worker keeps for all items, such as directions
STARTING = "(starting)"  # the workers themselves
ATTENDING = "(attending)"  # a job, beyond what its workers do; on the wall
GROWTH = "(growth)"  # not a time: items that an open-ended job needed, to those of its first plan
MISSED = "(missed)"  # how many times longer a job took than was foretold

MOST_LOAD = 4

# What is taken for an item that was not measured may be off by so much: standard deviations of the
# logarithm.
OFF_A_SIZE, OFF_A_LOAD, OFF_OTHER_ITEM, OFF_OTHER_MEASURE = 0.1, 0.15, 0.3, 0.5


@dataclass(frozen=True)
class Rate:
    """Of an item."""

    seconds: float  # an image forward
    off: float  # 0: measured; else standard deviation of the logarithm of what stands in


@dataclass(frozen=True)
class Speeds:
    """Every speed that is known."""

    by_place: Mapping[Place, Speed]

    def once(self, load: int, part: str, architecture: str = "", measure: str = "") -> float:
        """Seconds of what comes once; 0 where it was never seen."""
        found = _nearest(self._at(architecture, measure, part), 0, load)
        return found[0].seconds if found else 0.0

    def rate(
        self, architecture: str, measure: str, part: str, size: int, load: int
    ) -> Rate | None:
        """Of an item as it was measured, or as the most alike was; None for a new network."""
        if found := _nearest(self._at(architecture, measure, part), size, load):
            return Rate(found[0].seconds, found[1])
        items = self._items(architecture)
        own = {place: speed for place, speed in items.items() if place[1] == measure}
        for others, off in ((own, OFF_OTHER_ITEM), (items, OFF_OTHER_MEASURE)):
            if found := _nearest(others, size, load):
                return Rate(found[0].seconds, math.hypot(found[1], off))
        return None

    def knows(self, architecture: str) -> bool:
        """Whether any item of such a network was ever timed here."""
        return bool(self._items(architecture))

    def missed(self, load: int, measure: str) -> Speed:
        """How forecasts for a measure missed, on a machine as busy, as far as is known."""
        for of in (measure, ""):
            if found := _nearest(self._at("", of, MISSED), 0, load):
                return found[0]
        return Speed(0.0, count=0.0)

    def _at(self, *place: str) -> dict[Place, Speed]:
        """Of every size and load."""
        return {known: speed for known, speed in self.by_place.items() if known[:3] == place}

    def _items(self, architecture: str) -> dict[Place, Speed]:
        """Of a network, whatever the measure."""
        return {
            place: speed
            for place, speed in self.by_place.items()
            if place[0] == architecture and not place[2].startswith("(")
        }


def _nearest(known: Mapping[Place, Speed], size: int, load: int) -> tuple[Speed, float] | None:
    """In size and load, the slowest of several, and how far off that may be."""

    def off(place: Place) -> float:
        return OFF_A_SIZE * abs(place[3] - size) + OFF_A_LOAD * abs(place[4] - load)

    nearest = min(known, key=lambda place: (off(place), -known[place].log_mean), default=None)
    return None if nearest is None else (known[nearest], off(nearest))


def part_of(request: Request, position: int) -> tuple[str, int]:
    """The word of an item, and its size."""
    return str(request.items[position][0]), size_of(request.image_forwards(position))


def size_of(forwards: float) -> int:
    """The nearest power of two.

    >>> size_of(1), size_of(100), size_of(256)
    (0, 7, 8)
    """
    return round(math.log2(max(forwards, 1)))


def load_of(share: float) -> int:
    """How often the share of a processor halves; beyond a few times it is all the same.

    >>> load_of(1.0), load_of(0.5), load_of(0.1), load_of(0.001)
    (0, 1, 3, 4)
    """
    return min(round(-math.log2(share)), MOST_LOAD)


def makespan(runs: Iterable[tuple[float, int]], num_workers: int) -> float:
    """Until the last of consecutive pieces of work is done; the next goes to whoever is free.

    Args:
        runs: seconds of a piece, and how many such pieces there are.
        num_workers: that work at once.

    >>> makespan([(1, 7)], 2), makespan([(5, 1), (1, 2)], 2), makespan([], 2)
    (4.0, 5.0, 0.0)
    """
    free = [0.0] * num_workers
    for seconds, count in runs:
        left = count
        while left:
            # Once nobody is behind by more than a piece, each does one in every round.
            rounds = left // num_workers if max(free) - free[0] <= seconds else 0
            free = [until + rounds * seconds for until in free]
            if left := left - rounds * num_workers:
                heapq.heapreplace(free, free[0] + seconds)
                left -= 1
    return max(free)
