"""Recent results are kept assembled: pages ask for the same ones at every click.

Of a measurement in the making only the newest state is kept, and of all together so many bytes: a
server that computes for weeks must not grow. While it is computed, that state serves everybody for
a second, as a class that watches it would have every item read again by every visitor.
"""

import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from flatdiff.measures.request import Request

MOST_BYTES = 48 << 20  # a sheet of many checkpoints needs all of its results at once
FRESH_S = 1.0  # that what is said of a measurement serves everybody while it is computed


@dataclass(frozen=True)
class _Known:
    """A result as it was."""

    num_done: int  # items, at least
    at: float  # on the monotonic clock
    result: Any

    def serves(self, num_done: int, *, growing: bool) -> bool:
        """Whether it will do for somebody who asks for so many items."""
        fresh = growing and time.monotonic() - self.at < FRESH_S
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
            known = _Known(num_done, time.monotonic(), self._assemble(request))
            with self._lock:
                self._keep(request.key, known)
        return known.result

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
