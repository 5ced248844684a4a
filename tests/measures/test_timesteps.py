"""Bins of timesteps, against a loop over members."""

import numpy as np
import pytest
from scipy import stats

from flatdiff.errors import SettingsError
from flatdiff.measures.timesteps import NUM_TIMESTEP_BINS, binned, by_timestep


@pytest.mark.parametrize("num_bins", [1, 4, NUM_TIMESTEP_BINS])
def test_each_member_counts_in_its_bin(num_bins: int) -> None:
    """A loop that asks the edges, not the formula that makes them."""
    draw = np.random.default_rng(0)
    values, timesteps = draw.normal(size=(4, 3, 60)), draw.integers(0, 1000, 60)
    found = by_timestep(values, timesteps, 1000, num_bins)
    assert found.gap.shape == found.stderr.shape == (3, num_bins)
    for k in range(num_bins):
        low, high = found.edges[k : k + 2]
        inside = [n for n, t in enumerate(timesteps) if low <= t < high]
        draws = values[..., inside].mean(axis=-1)
        np.testing.assert_allclose(found.gap[:, k], draws.mean(axis=0))
        np.testing.assert_allclose(found.stderr[:, k], stats.sem(draws))


def test_an_infinite_member_stays_in_its_bin() -> None:
    """Other bins are numbers, empty ones are not."""
    found = binned(np.array([np.inf, 1.0]), np.array([0, 150]), 1000)
    assert found[0] == np.inf
    assert found[1] == 1
    assert np.isnan(found[2:]).all()


@pytest.mark.parametrize("num_bins", [0, -1, 101])
def test_bins_that_make_no_sense(num_bins: int) -> None:
    """A sentence that says what was expected."""
    with pytest.raises(SettingsError, match=r"timestep bins.*\[1, 100\]"):
        by_timestep(np.zeros((1, 2)), np.arange(2), 10, num_bins)


def test_odd_numbers_of_steps_fill_every_bin() -> None:
    """4000 and 997 steps: the last step is in the last bin."""
    for steps in (10, 997, 4000):
        found = binned(np.arange(steps, dtype=float), np.arange(steps), steps)
        assert np.isfinite(found).all()
        assert (np.diff(found) > 0).all()
