"""Ends work on images in time: before each batch, and not after the one too many."""

import time
from collections.abc import Callable

from flatdiff.errors import DataError


class OutOfTimeError(DataError):
    """What is left to do would not be done in time."""


class Deadline:
    """So many seconds from now on; a batch is taken to go as fast as the one before it."""

    def __init__(self, limit_s: float, clock: Callable[[], float] = time.monotonic) -> None:
        self.clock = clock
        self.limit_s = limit_s
        self.end = clock() + limit_s
        self.seconds_an_image = 0.0  # of the last batch; 0: there was none
        self._since, self._num_images = 0.0, 0  # of the batch that is under way

    def require_time_for(self, num_images: int) -> None:
        """Begin a batch.

        Raises:
            OutOfTimeError: it would end too late.
        """
        now = self.clock()
        if self._num_images:
            self.seconds_an_image = (now - self._since) / self._num_images
        self._num_images = 0
        if now + num_images * self.seconds_an_image > self.end:
            raise OutOfTimeError(f"the machine is too busy: {self.limit_s:.0f} s were not enough")
        self._since, self._num_images = now, num_images
