"""Rank correlations against SciPy's, and intervals against repetition."""

import numpy as np
import pytest
from scipy import stats

from flatdiff.measures.statistics import rank_correlation


@pytest.mark.parametrize("seed", range(5))
def test_agrees_with_scipy(seed: int) -> None:
    """With ties, which share their ranks."""
    draw = np.random.default_rng(seed)
    x, y = draw.integers(0, 6, 12).astype(float), draw.normal(size=12)
    expected = stats.spearmanr(x, y)[0]
    assert rank_correlation(x, y).rho == pytest.approx(expected, abs=1e-12)


def test_only_the_order_counts() -> None:
    """Any rising function of a column changes nothing."""
    x = np.random.default_rng(0).normal(size=9)
    found = rank_correlation(x, np.exp(3 * x))
    assert (found.rho, found.low, found.high) == (1, 1, 1)
    assert rank_correlation(x, -(x**3)).rho == -1


def test_what_is_not_measured_is_left_out() -> None:
    """A row counts where both are known; fewer than four rows say nothing."""
    x = np.array([1.0, 2.0, np.nan, 3.0, 4.0, 5.0])
    y = np.array([1.0, 2.0, 3.0, np.inf, 4.0, 5.0])
    found = rank_correlation(x, y)
    assert (found.rho, found.count) == (1, 4)
    assert np.isnan(rank_correlation(x[:4], y[:4]).rho)
    assert np.isnan(rank_correlation(np.ones(6), np.arange(6.0)).rho), "no order at all"


def test_interval_covers_the_truth() -> None:
    """A Gaussian pair of correlation 1/2 has Spearman's 6/pi asin(1/4); 40 rows, 100 times."""
    truth = 6 / np.pi * np.arcsin(0.25)
    covered = 0
    for seed in range(100):
        draw = np.random.default_rng(seed)
        x = draw.normal(size=40)
        y = 0.5 * x + 0.75**0.5 * draw.normal(size=40)
        found = rank_correlation(x, y, seed)
        covered += found.low <= truth <= found.high
    assert covered >= 87


def test_nine_unrelated_checkpoints_have_a_wide_interval() -> None:
    """Few rows must not look sure."""
    draw = np.random.default_rng(3)
    found = rank_correlation(draw.normal(size=9), draw.normal(size=9))
    assert found.high - found.low > 0.8
