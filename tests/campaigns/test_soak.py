"""What a soak looks for is found where it is; the soak itself takes an hour."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from tests.campaigns.conftest import Aside
from tests.campaigns.soak import Reading, kept, soak

STEADY = [
    Reading(hours, 250 + noise, 30, 12)
    for hours, noise in zip(
        np.linspace(0, 1, 361), np.random.default_rng(0).normal(0, 5, 361), strict=True
    )
]


def test_a_server_that_keeps_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    """Its first ten minutes, in which it grows, do not count."""
    growing = [
        replace(one, memory_mb=one.memory_mb - 100 * max(0, 0.15 - one.hours)) for one in STEADY
    ]
    assert kept(STEADY) == kept(growing) == []
    assert "at most" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("last", "words"),
    [
        (lambda one: replace(one, memory_mb=one.memory_mb + 20 * one.hours), "5 MB an hour"),
        (lambda one: replace(one, memory_mb=one.memory_mb + 160), "400 MB"),
        (lambda one: replace(one, files=30 + int(60 * one.hours)), "files open"),
        (lambda one: replace(one, threads=12 + int(60 * one.hours)), "threads"),
    ],
)
def test_what_it_keeps_is_told(last: Callable[[Reading], Reading], words: str) -> None:
    """One thing each."""
    (fault,) = kept([last(one) for one in STEADY])
    assert words in fault


@pytest.mark.slow
def test_two_minutes_of_visitors(aside: Aside) -> None:
    """No error on a page, none in the log."""
    assert aside(lambda: soak(minutes=2, visitors=3)) == 0
