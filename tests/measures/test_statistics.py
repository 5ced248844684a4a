"""Means and standard errors, against scipy's and against strata by hand."""

import warnings

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from flatdiff.measures.statistics import mean, panel_error, standard_error


@given(st.lists(st.floats(-1e6, 1e6), min_size=2, max_size=50))
def test_standard_error_is_scipys(values: list[float]) -> None:
    """Another implementation of the same formula."""
    found = standard_error(np.array(values))
    assert found == pytest.approx(float(stats.sem(values)), rel=1e-9, abs=1e-9)


@pytest.mark.parametrize(
    "values", [[], [1.0], [1.0, float("nan")], [1.0, float("inf")], [float("-inf")] * 3]
)
def test_unknown_error_is_nan_without_a_warning(values: list[float]) -> None:
    """One value has no spread, and a NaN's or an infinity's is unknown, not a warning."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert np.isnan(standard_error(np.array(values)))


def test_panel_error_of_strata() -> None:
    """Against 4,000 draws of a loss that falls with t and has noise that does, too.

    The fall from one member to the next counts in full, so it may only be too large, and little.
    """
    rng = np.random.default_rng(0)
    t = (np.arange(256) + rng.random((4000, 256))) / 256
    losses = np.exp(-4 * t) + 0.1 * (1 - t) * rng.standard_normal(t.shape)
    foretold = [panel_error(*pair) ** 2 for pair in zip(losses, t, strict=True)]
    assert np.mean(foretold) == pytest.approx(losses.mean(axis=1).var(ddof=1), rel=0.07)


def test_panel_error_does_not_depend_on_the_members_order() -> None:
    """Members are dealt their timesteps at random."""
    rng = np.random.default_rng(1)
    losses, t, order = rng.random(20), np.arange(20), rng.permutation(20)
    assert panel_error(losses[order], t[order]) == pytest.approx(panel_error(losses, t))


@pytest.mark.parametrize("losses", [[], [1.0], [1.0, float("inf")], [float("nan")] * 3])
def test_unknown_panel_error_is_nan(losses: list[float]) -> None:
    """Of one member, and of a damaged network."""
    assert np.isnan(panel_error(np.array(losses), np.arange(len(losses))))


@pytest.mark.parametrize(
    ("values", "expected"),
    [([], np.nan), ([1, 2, 6], 3.0), ([np.nan, 1], np.nan), ([np.inf, 1], np.inf)],
)
def test_mean(values: list[float], expected: float) -> None:
    """By hand; NaN is an answer, never skipped."""
    np.testing.assert_equal(mean(np.array(values)), expected)


def test_mean_is_taken_in_float64() -> None:
    """In float32 the ones after 2^24 are lost; a large panel must not lose its tail."""
    values = np.full(1000, 0.1, np.float32)
    assert mean(values) == np.float64(np.float32(0.1))
