"""The share is how much of a processor core work of ours gets: 1 on an idle machine.

What the system's own counters call idle says little of it: Linux lets work of the lowest class
wait, or gives every session as much as every other (autogroups, sched(7)), or keeps to the limits
of a container. So a moment of the same work in the same class is tried now and then: its processor
time over that and what it waited for a processor is the share, whatever the reason. Linux counts
the waiting; elsewhere all time on the wall that was not worked is taken for it.
"""

import contextlib
import hashlib
import math
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil

from flatdiff.system.processor import (
    STARVED_SHARE,
    leave_idle_class,
    num_cores,
    yield_to_others,
)

TRY_S, TRY_EVERY_S = 0.02, 1.5  # at idle priority
FORGET_S = 8.0  # after which a sample weighs 1 / e
KEPT = 64  # samples
LEAST_SHARE = 0.005  # below which nothing can be foretold
BLOCK = bytes(1 << 19)  # a third of a millisecond, without Python's lock
SCHEDSTAT = Path("/proc/thread-self/schedstat")  # ns on a processor, ns waiting for one, turns


class ShareMeter:
    """What work of this process got lately, by itself or by trying."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        """Nothing is known yet."""
        self._clock = clock
        self._samples: deque[tuple[float, float]] = deque(maxlen=KEPT)
        self.working = False
        self.on_gpu = False  # it waits for another processor, whose time is the wall's

    @contextlib.contextmanager
    def at_work(self) -> Iterator[None]:
        """Nothing need be tried meanwhile: the work shows its share itself."""
        self.working = True
        try:
            yield
        finally:
            self.working = False

    def note(self, share: float) -> None:
        """What work has just shown."""
        self._samples.append((self._clock(), min(max(share, LEAST_SHARE), 1.0)))

    def share(self) -> float | None:
        """The mean, the newest weighing most; None before there is any."""
        if self.on_gpu:
            return 1.0
        samples = list(self._samples)
        if not samples:
            return None
        newest = samples[-1][0]  # of long ago, where a long piece of work goes on
        weights = [math.exp((when - newest) / FORGET_S) for when, _ in samples]
        total = sum(weight * share for weight, (_, share) in zip(weights, samples, strict=True))
        return total / sum(weights)


METER = ShareMeter()  # of this process


class Stretch:
    """What this thread has got of a processor since this was made."""

    def __init__(self) -> None:
        """It begins."""
        self._wall, self._processor = time.perf_counter(), time.thread_time()
        self._waited = _waited_s()

    def wall_s(self) -> float:
        """Since it began."""
        return time.perf_counter() - self._wall

    def share(self) -> float:
        """Of what it wanted; a wait for Python's lock, or for a disk, is none for a processor."""
        processor = time.thread_time() - self._processor
        waited = _waited_s()
        if self._waited is None or waited is None:
            wanted = self.wall_s()
        else:
            wanted = processor + waited - self._waited
        return min(max(processor / max(wanted, 1e-9), LEAST_SHARE), 1.0)


def _waited_s() -> float | None:
    """For a processor, of this thread; None where the system does not count it."""
    try:
        return int(SCHEDSTAT.read_text().split()[1]) / 1e9
    except (OSError, ValueError, IndexError):
        return None


def tried(seconds: float = TRY_S) -> float:
    """The share of this thread, by working so long."""
    stretch = Stretch()
    while stretch.wall_s() < seconds:
        hashlib.sha256(BLOCK)
    return stretch.share()


def keep_trying(meter: ShareMeter) -> None:
    """In a thread of its own, for ever; all processes at the same moments, as they would work."""
    yield_to_others()
    while True:
        time.sleep(TRY_EVERY_S - time.time() % TRY_EVERY_S)
        if meter.working or meter.on_gpu:
            continue
        meter.note(tried())
        if (meter.share() or 1.0) < STARVED_SHARE:
            leave_idle_class()


def start_trying() -> None:
    """For the meter of this process."""
    threading.Thread(target=keep_trying, args=(METER,), daemon=True, name="share").start()


def fair_share(num_threads: int) -> float:
    """What each of so many threads would get beside everything that has run this last minute.

    A first guess, without trying; never waits.

    >>> 0 < fair_share(1) <= 1
    True
    """
    return min(1.0, num_cores() / (psutil.getloadavg()[0] + num_threads))
