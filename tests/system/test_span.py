"""A range in words and numbers: the share of a lognormal that it holds, by simulation."""

import numpy as np
import pytest

from flatdiff.system.span import Span, in_words, longest, span_of


def test_nine_of_ten_lie_in_it() -> None:
    """Drawn by NumPy; some more, as here the scatter is known and not judged by a few times."""
    draws = (7.0 * np.random.default_rng(0).lognormal(0, 0.3, 20_000)).tolist()
    span = span_of(7.0, 0.3)
    assert 0.9 <= np.mean([span.holds(seconds) for seconds in draws]) <= 0.95
    assert span.middle == pytest.approx(7)


@pytest.mark.parametrize(
    ("low", "high", "words"),
    [
        (0.0, 0.0, "under a second"),
        (20, 35, "20 to 35 s"),
        (0.9, 1.2, "up to 1 s"),
        (80, 100, "80 s to 1.7 min"),
        (660, 5000, "11 to 83 min"),
        (3000, 9000, "50 min to 2.5 h"),
        (7200, 7201, "about 2.0 h"),
    ],
)
def test_words(low: float, high: float, words: str) -> None:
    """By hand."""
    assert in_words(Span(low, high)) == words


def test_longest_of_those_that_are_known() -> None:
    """By its high end; nothing where none is known."""
    assert longest([None, Span(1, 9), Span(5, 6)]) == Span(1, 9)
    assert longest([None]) is None
