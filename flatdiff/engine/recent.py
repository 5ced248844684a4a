"""Recent results are kept assembled: pages ask for the same ones at every click.

Of a measurement in the making only the newest state is kept, and of all together so many bytes: a
server that computes for weeks must not grow.
"""

import threading
from collections import OrderedDict
from collections.abc import Callable
from typing import Any

import numpy as np

from flatdiff.measures.request import Request

MOST_BYTES = 48 << 20  # a sheet of many checkpoints needs all of its results at once


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
        self._kept: OrderedDict[str, tuple[int, Any]] = OrderedDict()
        self._bytes = 0
        self._lock = threading.Lock()

    def __call__(self, request: Request, num_done: int) -> Any:
        """The result of so many items; assembled where it is not that of the last call."""
        with self._lock:
            known = self._kept.get(request.key)
            if known is not None and known[0] == num_done:
                self._kept.move_to_end(request.key)
                return known[1]
        result = self._assemble(request)
        with self._lock:
            self._forget(request.key)
            self._kept[request.key] = num_done, result
            self._bytes += size_of(result)
            while self._bytes > self._most_bytes and len(self._kept) > 1:
                self._forget(next(iter(self._kept)))
        return result

    def clear(self) -> None:
        """Forget all, as the store has."""
        with self._lock:
            self._kept.clear()
            self._bytes = 0

    def _forget(self, key: str) -> None:
        if (known := self._kept.pop(key, None)) is not None:
            self._bytes -= size_of(known[1])


def size_of(result: Any) -> int:
    """Bytes of the arrays of a result record."""
    return sum(value.nbytes for value in vars(result).values() if isinstance(value, np.ndarray))
