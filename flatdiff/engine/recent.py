"""Recent results are kept assembled, recent rows read: pages ask for the same ones at every click.

Of a measurement in the making only the newest state is kept, and of all together so many bytes: a
server that computes for weeks must not grow. While it is computed, that state serves everybody for
a moment, as a class that watches it would have every item read again by every visitor: a second
where it took long to assemble, less where it did not, so that the first picture is soon there.

Rows serve until this process writes of them, and for a moment at most, as other programs write,
too. Each question to the file lets go of Python's lock, and where thirty pages are drawn at once,
a thread that has let go waits for all others.
"""

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import numpy as np

from flatdiff.measures.request import Request

MOST_BYTES = 48 << 20  # a sheet of many checkpoints needs all of its results at once
LOOK_S = 0.3  # that what was read of the file serves, if nobody here writes of it
MOST_ROWS = 5000
FRESH_S = 1.0  # that what is said of a measurement serves everybody while it is computed
MOST_SHARE = 0.05  # of the time, at most, goes into assembling one that changes; or once a second


@dataclass(frozen=True)
class _Known:
    """A result as it was."""

    num_done: int  # items, at least
    at: float  # on the monotonic clock, when its assembling began
    took_s: float
    result: Any

    def serves(self, num_done: int, *, growing: bool) -> bool:
        """Whether it will do for somebody who asks for so many items."""
        for_s = min(FRESH_S, self.took_s / MOST_SHARE)
        fresh = growing and time.monotonic() - self.at < for_s
        return num_done == self.num_done or (fresh and num_done > self.num_done)


class Recent:
    """Results by request, the one that was asked for last kept longest."""

    def __init__(self, assemble: Callable[[Request], Any], most_bytes: int = MOST_BYTES) -> None:
        """Keep what was assembled.

        Args:
            assemble: of what is done of a request.
            most_bytes: of all arrays that are kept; one that is larger is kept alone.
        """
        self._assemble = assemble
        self._most_bytes = most_bytes
        self._kept: OrderedDict[str, _Known] = OrderedDict()
        self._bytes = 0
        self._lock = threading.Lock()
        self._assembling = threading.Lock()  # one at a time, or all would assemble the same

    def __call__(self, request: Request, num_done: int, *, growing: bool = False) -> Any:
        """The result of so many items; assembled where it is not that of the last call.

        Args:
            request: whose.
            num_done: items that are done.
            growing: more are on their way, so that one of a moment ago will do.
        """
        with self._lock:
            if (known := self._look(request.key, num_done, growing)) is not None:
                return known.result
        with self._assembling:
            with self._lock:  # by another, meanwhile
                if (known := self._look(request.key, num_done, growing)) is not None:
                    return known.result
            began = time.monotonic()
            result = self._assemble(request)
            known = _Known(num_done, began, time.monotonic() - began, result)
            with self._lock:
                self._keep(request.key, known)
        return result

    def _look(self, key: str, num_done: int, growing: bool) -> _Known | None:
        known = self._kept.get(key)
        if known is None or not known.serves(num_done, growing=growing):
            return None
        self._kept.move_to_end(key)
        return known

    def _keep(self, key: str, known: _Known) -> None:
        self._forget(key)
        self._kept[key] = known
        self._bytes += size_of(known.result)
        while self._bytes > self._most_bytes and len(self._kept) > 1:
            self._forget(next(iter(self._kept)))

    def clear(self) -> None:
        """Forget all, as the store has."""
        with self._lock:
            self._kept.clear()
            self._bytes = 0

    def _forget(self, key: str) -> None:
        if (known := self._kept.pop(key, None)) is not None:
            self._bytes -= size_of(known.result)


def size_of(result: Any) -> int:
    """Bytes of the arrays of a result record."""
    return sum(value.nbytes for value in vars(result).values() if isinstance(value, np.ndarray))


T = TypeVar("T")
Stamp = tuple[int, int]


class Changes:
    """What this process has written, by key: numbers that grow."""

    def __init__(self) -> None:
        """Nothing yet."""
        self._all = 0
        self._of: dict[str, int] = {}
        self._lock = threading.Lock()

    def note(self, key: str | None = None) -> None:
        """Something was written of a key; of any, without one."""
        with self._lock:
            if key is None:
                self._all += 1
                self._of.clear()
            else:
                self._of[key] = self._of.get(key, 0) + 1

    def stamp(self, key: str) -> Stamp:
        """Another one after every change."""
        with self._lock:
            return self._all, self._of.get(key, 0)


class Looks(Generic[T]):
    """Rows by key, as they were read a moment ago."""

    def __init__(
        self, changes: Changes, read: Callable[[Sequence[str]], Mapping[str, T]], for_s: float
    ) -> None:
        """Read what is asked for and not known.

        Args:
            changes: of what is read.
            read: rows of some keys; none of a key that has none.
            for_s: seconds that a look serves.
        """
        self._changes, self._read, self._for_s = changes, read, for_s
        self._kept: dict[str, tuple[Stamp, float, T | None]] = {}

    def __call__(self, keys: Iterable[str]) -> dict[str, T]:
        """Rows of those that have one."""
        stamps = {key: self._changes.stamp(key) for key in keys}
        now = time.monotonic()
        found = {
            key: look[2]
            for key, stamp in stamps.items()
            if (look := self._kept.get(key)) and look[0] == stamp and now - look[1] < self._for_s
        }
        if missing := [key for key in stamps if key not in found]:
            read = self._read(missing)
            found |= {key: read.get(key) for key in missing}
            if len(self._kept) > MOST_ROWS:
                self._kept.clear()
            # A change meanwhile has another stamp, so that what was read before it serves nobody.
            self._kept |= {key: (stamps[key], now, found[key]) for key in missing}
        return {key: row for key in stamps if (row := found[key]) is not None}
