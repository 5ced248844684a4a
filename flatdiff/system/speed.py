"""A speed is what the same piece of work took each time, the newest weighing most.

Kept as the mean and the variance of the logarithm: machines are so many times faster or slower,
and a time is so many times off. Few times say little of how far they scatter, so that a variance
taken for granted counts as some of them.
"""

import math
from dataclasses import dataclass

NEWEST = 0.2  # weight of the newest, once there are several
MOST = 2 / NEWEST - 1  # times of equal weight, whose mean is as certain
GRANTED_SIGMA, GRANTED_COUNT = 0.3, 2.0  # scatter before anything is known of it


@dataclass(frozen=True)
class Speed:
    """Of one kind of work; see the module."""

    log_mean: float  # of seconds
    log_var: float = 0.0
    count: float = 1.0  # times, as many as still count

    @property
    def seconds(self) -> float:
        """The median."""
        return math.exp(self.log_mean)

    @property
    def sigma(self) -> float:
        """Standard deviation of the logarithm of the next one, the mean's own error included."""
        seen = (self.count + 1) / (self.count - 1) * self.log_var if self.count > 1 else 0.0
        known = GRANTED_COUNT * GRANTED_SIGMA**2 + self.count * seen
        return math.sqrt(known / (GRANTED_COUNT + self.count))


def noted(speed: Speed | None, seconds: float) -> Speed:
    """With one more time, the newest; it must be above 0.

    >>> noted(noted(None, 1.0), 4.0).seconds
    2.0
    """
    log = math.log(seconds)
    if speed is None:
        return Speed(log)
    weight = max(1 / (speed.count + 1), NEWEST)
    off = log - speed.log_mean
    return Speed(
        speed.log_mean + weight * off,
        (1 - weight) * (speed.log_var + weight * off**2),
        min(speed.count + 1, MOST),
    )
