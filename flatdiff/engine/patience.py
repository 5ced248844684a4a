"""Patience is how long something that may pass is waited for: longer each time, and not for ever.

A full disk is tidied up, a lock is let go; a job that waits for either must not wait longer than
a person would.
"""

import time
from collections.abc import Callable

FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.25, 4.0
GIVE_UP_AFTER_S = 20.0


class Patience:
    """With one kind of trouble."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._since: float | None = None  # None: there is no trouble
        self._pause_s, self._again_at = 0.0, 0.0

    @property
    def new(self) -> bool:
        """Whether there is no trouble as far as is known."""
        return self._since is None

    def left_s(self) -> float:
        """Seconds until the next try; 0 where there is nothing to wait for."""
        return max(0.0, self._again_at - self._clock())

    def failed(self) -> bool:
        """Note that a try has failed; whether that is to be borne any longer."""
        now = self._clock()
        if self._since is None:
            self._since, self._pause_s = now, FIRST_PAUSE_S / 2
        self._pause_s = min(2 * self._pause_s, LONGEST_PAUSE_S)
        self._again_at = now + self._pause_s
        return now - self._since < GIVE_UP_AFTER_S

    def passed(self) -> None:
        """Note that all is well."""
        self._since, self._again_at = None, 0.0
