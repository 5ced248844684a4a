"""A watcher is somebody who waits for a job; it stops when the last one has had enough of it.

One computation serves everybody who asked for it, so one person's Cancel must not take it from the
others. A watcher who has not looked for a while, because the tab is closed, no longer counts; a
job that nobody watches goes on.
"""

import threading
import time
from collections.abc import Callable

LOOKS_FOR_S = 10.0  # an open page looks once a second


class Watchers:
    """Who looked at which job, and when."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._looked: dict[str, dict[str, float]] = {}
        self._lock = threading.Lock()

    def look(self, key: str, watcher: str) -> None:
        """Note that somebody is looking at a job now."""
        with self._lock:
            self._looked.setdefault(key, {})[watcher] = self._clock()

    def leave(self, key: str, watcher: str) -> int:
        """Note that somebody is not interested any more; returns how many others are."""
        with self._lock:
            looked = self._looked.pop(key, {})
            looked.pop(watcher, None)
            since = self._clock() - LOOKS_FOR_S
            others = {name: at for name, at in looked.items() if at >= since}
            if others:
                self._looked[key] = others
            return len(others)
