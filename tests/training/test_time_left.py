"""The time left of a run, of simulated runs whose end is known."""

import numpy as np
import pytest

from flatdiff.training.run_cost import time_left
from flatdiff.training.run_history import HistoryRow


def rows_of(steps: list[int], seconds: list[float]) -> list[HistoryRow]:
    """Rows that end at these steps, so many seconds after the first step was over."""
    counts = np.diff([0, *steps]).tolist()
    return [
        HistoryRow(step, count, 1.0, 1.0, 1.0, at)
        for step, count, at in zip(steps, counts, seconds, strict=True)
    ]


def test_by_hand() -> None:
    """Ten steps a second from the first step on, 80 of 100 left: 8 s, in the middle."""
    found = time_left(rows_of([11, 20], [1.0, 1.9]), 0, 100)
    assert found is not None
    assert found.middle == pytest.approx(8)
    assert time_left([], 0, 100) is None
    assert time_left(rows_of([1], [0.0]), 0, 100) is None
    assert time_left(rows_of([100], [9.9]), 0, 100) is not None


def test_a_sitting_that_goes_on_counts_its_own_steps() -> None:
    """Rows of the one before are of a machine as it was then."""
    rows = [*rows_of([50], [500.0]), *rows_of([61, 71], [1.0, 2.0])]
    found = time_left(rows, 50, 81)
    assert found is not None
    assert found.middle == pytest.approx(1)


def test_few_steps_say_less() -> None:
    """Of a run with a row a step."""
    few = time_left(rows_of([1, 2, 3], [0.0, 0.1, 0.2]), 0, 100)
    many = time_left(rows_of(list(range(1, 31)), [k / 10 for k in range(30)]), 0, 100)
    assert few is not None
    assert many is not None
    assert few.high / few.low > many.high / many.low


@pytest.mark.parametrize("every", [1, 20])
def test_nine_of_ten_after_twenty_steps(every: int) -> None:
    """Steps scatter lognormally, the rest has another load: within 1.5, and in the range."""
    draw = np.random.default_rng(every)
    near, inside = [], []
    for _ in range(300):
        seconds = 0.1 * draw.lognormal(0, 0.4, 400)
        seconds[40:] *= draw.lognormal(0, 0.15)
        ends = np.cumsum(seconds) - seconds[0]
        steps = list(range(every, 21, every))
        span = time_left(rows_of(steps, [float(ends[step - 1]) for step in steps]), 0, 400)
        assert span is not None
        taken = float(ends[-1] - ends[19])
        near.append(abs(np.log(taken / span.middle)) <= np.log(1.5))
        inside.append(span.holds(taken))
    assert np.mean(near) >= 0.9
    assert np.mean(inside) >= 0.9
