"""Bins of timesteps, against a loop over members."""

import numpy as np

from flatdiff.measures.timesteps import NUM_TIMESTEP_BINS, binned, timestep_edges


def test_each_member_counts_in_its_bin() -> None:
    """A loop that asks the edges, not the formula that makes them."""
    draw = np.random.default_rng(0)
    values, timesteps = draw.normal(size=(4, 3, 60)), draw.integers(0, 1000, 60)
    edges, found = timestep_edges(1000), binned(values, timesteps, 1000)
    assert found.shape == (4, 3, NUM_TIMESTEP_BINS)
    for k in range(NUM_TIMESTEP_BINS):
        inside = [n for n, t in enumerate(timesteps) if edges[k] <= t < edges[k + 1]]
        np.testing.assert_allclose(found[..., k], values[..., inside].mean(axis=-1))


def test_an_infinite_member_stays_in_its_bin() -> None:
    """Other bins are numbers, empty ones are not."""
    found = binned(np.array([np.inf, 1.0]), np.array([0, 150]), 1000)
    assert found[0] == np.inf
    assert found[1] == 1
    assert np.isnan(found[2:]).all()


def test_odd_numbers_of_steps_fill_every_bin() -> None:
    """4000 and 997 steps: the last step is in the last bin."""
    for steps in (10, 997, 4000):
        found = binned(np.arange(steps, dtype=float), np.arange(steps), steps)
        assert np.isfinite(found).all()
        assert (np.diff(found) > 0).all()
