"""The speed of repeated work: against simulated machines whose speed is known or changes."""

import numpy as np
import pytest

from flatdiff.system.span import span_of
from flatdiff.system.speed import GRANTED_SIGMA, Speed, noted


def after(times: list[float]) -> Speed:
    """What is known when all of them were noted."""
    speed = None
    for seconds in times:
        speed = noted(speed, seconds)
    assert speed is not None
    return speed


@pytest.mark.parametrize("sigma", [0.05, 0.15, 0.25])
def test_lognormal_speeds(sigma: float) -> None:
    """Of the next time, nine of ten are in the range, and within a factor of 1.5 of its middle."""
    generator = np.random.default_rng(1)
    inside, near = [], []
    for _ in range(1000):
        *before, taken = (3.0 * generator.lognormal(0, sigma, 13)).tolist()
        speed = after(before)
        inside.append(span_of(speed.seconds, speed.sigma).holds(taken))
        near.append(abs(np.log(taken / speed.seconds)) <= np.log(1.5))
    assert np.mean(inside) >= 0.9
    assert np.mean(near) >= (0.95 if sigma < 0.2 else 0.85)


def test_a_machine_that_becomes_slower() -> None:
    """Twice as slow from one moment on: ten times later nothing else is remembered."""
    generator = np.random.default_rng(2)
    times = [
        *generator.lognormal(0, 0.1, 50).tolist(),
        *(2 * generator.lognormal(0, 0.1, 10)).tolist(),
    ]
    assert after(times).seconds == pytest.approx(2, rel=0.2)


def test_few_times_say_little_of_their_scatter() -> None:
    """Equal ones at first leave most of what is granted, many of them less."""
    few, many = after([1.0] * 2).sigma, after([1.0] * 50).sigma
    assert GRANTED_SIGMA > few > many > 0


def test_the_mean_is_that_of_the_logarithm() -> None:
    """While there are few, each weighs the same: by hand."""
    speed = after([1.0, 10.0, 100.0])
    assert speed.seconds == pytest.approx(10)
    assert speed.log_var == pytest.approx(np.var(np.log([1.0, 10.0, 100.0])))
