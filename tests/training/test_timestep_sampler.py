"""The loss-aware sampler against the formula written out, and against what it must not change."""

import math

import numpy as np
import pytest
import torch

from flatdiff.training.timestep_sampler import HISTORY, LossSecondMoment, make_sampler
from tests.tiny import gaussian


def warm(losses: np.ndarray) -> LossSecondMoment:
    """After hearing each column of (T, K) losses in turn."""
    sampler = LossSecondMoment(len(losses))
    for column in losses.T:
        sampler.update(torch.arange(len(losses)), torch.from_numpy(column.copy()).float())
    return sampler


def test_probabilities_are_the_root_mean_squares() -> None:
    """By NumPy, from the last ten of twenty-three losses."""
    losses = np.abs(gaussian(5, 23).numpy()) + 0.1
    rms = np.sqrt((losses[:, -10:].astype(float) ** 2).mean(axis=1))
    expected = rms / rms.sum() * 0.999 + 0.001 / 5
    np.testing.assert_allclose(warm(losses).probabilities().numpy(), expected, rtol=1e-6)


@pytest.mark.parametrize("seen", [0, 1, HISTORY - 1])
def test_uniform_until_every_timestep_was_seen_ten_times(seen: int) -> None:
    """One timestep short of ten keeps all of them even, and every weight at 1."""
    sampler = warm(np.ones((4, HISTORY)) * np.arange(1, 5)[:, None])
    cold = warm(np.ones((4, seen)) * np.arange(1, 5)[:, None])
    assert torch.equal(cold.probabilities(), torch.full((4,), 0.25, dtype=torch.float64))
    _, weights = cold.draw(9, torch.Generator().manual_seed(0))
    assert weights is not None
    assert torch.equal(weights, torch.ones(9))
    assert not torch.equal(sampler.probabilities(), cold.probabilities())


def test_one_batch_may_hold_a_timestep_many_times() -> None:
    """Twelve losses of one timestep at once: the ten last stay, in their order."""
    sampler = LossSecondMoment(2)
    sampler.update(torch.zeros(12, dtype=torch.int64), torch.arange(12.0))
    assert sampler.history[0].tolist() == list(range(2, 12))
    assert sampler.counts.tolist() == [10, 0]


def test_weighted_mean_is_the_mean_over_all_timesteps() -> None:
    """Exactly, in expectation: sum of p w f = mean of f, whatever f is."""
    sampler = warm(np.abs(gaussian(50, HISTORY).numpy()))
    p, f = sampler.probabilities(), gaussian(50, seed=3).double()
    t, weights = sampler.draw(4000, torch.Generator().manual_seed(1))
    assert weights is not None
    by_step = torch.zeros(50, dtype=torch.float64)
    by_step[t] = weights.double()
    seen = by_step > 0
    assert seen.sum() > 45
    torch.testing.assert_close((p * by_step)[seen], torch.full((50,), 1 / 50).double()[seen])
    error = (weights * f[t]).std().item() / math.sqrt(4000)
    assert (weights * f[t]).mean().item() == pytest.approx(f.mean().item(), abs=4 * error)


def test_draws_follow_the_probabilities() -> None:
    """Counts of 20,000 draws within five standard errors of a multinomial law."""
    sampler = warm(np.repeat(np.array([[1.0], [2.0], [7.0]]), HISTORY, axis=1))
    t, _ = sampler.draw(20_000, torch.Generator().manual_seed(0))
    p = np.array([0.1, 0.2, 0.7]) * 0.999 + 0.001 / 3
    counts = np.bincount(t.numpy(), minlength=3)
    assert (np.abs(counts - 20_000 * p) < 5 * np.sqrt(20_000 * p * (1 - p))).all()


def test_restored_sampler_is_the_same() -> None:
    """Half-way through warming up, through its tensors."""
    sampler = LossSecondMoment(6)
    sampler.update(torch.tensor([0, 1, 1, 5]), torch.tensor([1.0, 2.0, 3.0, 4.0]))
    other = make_sampler("loss-second-moment", 6)
    other.restore({name: value.clone() for name, value in sampler.tensors().items()})
    assert all(torch.equal(other.tensors()[n], v) for n, v in sampler.tensors().items())
    assert make_sampler("uniform", 6).tensors() == {}
