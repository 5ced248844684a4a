"""A span is a time that is known as well as it can be: from so many seconds to so many.

Whatever tells a person how long something takes says it by `in_words`, on pages and in a terminal.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass

NINE_OF_TEN = 1.83  # standard deviations on either side, as known from ten times (Student's t)
SECONDS_UP_TO, MINUTES_UP_TO = 90, 5400  # each unit, in seconds
COARSE_FROM = 10  # of a unit: no decimals from here on


@dataclass(frozen=True)
class Span:
    """Both ends in seconds."""

    low: float
    high: float

    @property
    def middle(self) -> float:
        """As many times the low end as it goes into the high one."""
        return math.sqrt(self.low * self.high)

    def holds(self, seconds: float) -> bool:
        """Whether a time lies in it."""
        return self.low <= seconds <= self.high


def span_of(seconds: float, sigma: float) -> Span:
    """Nine of ten of what is scattered lognormally around a time.

    Args:
        seconds: the median.
        sigma: standard deviation of the logarithm.
    """
    factor = math.exp(NINE_OF_TEN * sigma)
    return Span(seconds / factor, seconds * factor)


def longest(spans: Iterable[Span | None]) -> Span | None:
    """Of things that go on at once, as far as any is known."""
    known = [span for span in spans if span is not None]
    return max(known, key=lambda span: span.high, default=None)


def duration(seconds: float) -> str:
    """A span of time that is known, in one or two words.

    >>> duration(0.4), duration(38.2), duration(150), duration(7300)
    ('under a second', '38 s', '2.5 min', '2.0 h')
    """
    if seconds < 1:
        return "under a second"
    if seconds < SECONDS_UP_TO:
        return f"{seconds:.0f} s"
    if seconds < MINUTES_UP_TO:
        return f"{seconds / 60:.1f} min"
    return f"{seconds / 3600:.1f} h"


def in_words(span: Span) -> str:
    """A range, as people say it.

    >>> in_words(Span(20.4, 35)), in_words(Span(50, 140)), in_words(Span(130, 700))
    ('20 to 35 s', '50 s to 2.3 min', '2.2 to 12 min')
    >>> in_words(Span(0.2, 0.7)), in_words(Span(0.4, 3)), in_words(Span(3.1, 3.3))
    ('under a second', 'up to 3 s', 'about 3 s')
    """
    if span.high < 1:
        return "under a second"
    (low, low_unit), (high, unit) = _number(span.low), _number(span.high)
    if span.low < 1:
        return f"up to {high} {unit}"
    if low_unit != unit:
        return f"{low} {low_unit} to {high} {unit}"
    return f"about {high} {unit}" if low == high else f"{low} to {high} {unit}"


def _number(seconds: float) -> tuple[str, str]:
    """Two digits at most, unless there are more before the point; and the unit."""
    if seconds < SECONDS_UP_TO:
        return f"{seconds:.0f}", "s"
    scale, unit = (60, "min") if seconds < MINUTES_UP_TO else (3600, "h")
    value = seconds / scale
    return f"{value:.{0 if value >= COARSE_FROM else 1}f}", unit
