"""Chains of a checkpoint: norms and errors at their steps, the same noise for the same seed."""

import dataclasses

import numpy as np
import pytest
import torch
from torch import Tensor

from flatdiff.errors import DataError
from tests.subjects import digits_subject
from tests.tiny import TINY

# '20' of 1000, as guided-diffusion respaces it.
RESPACED = [0, 53, 105, 158, 210, 263, 315, 368, 421, 473]
RESPACED += [526, 578, 631, 684, 736, 789, 841, 894, 946, 999]


@pytest.mark.parametrize("curve", ["sampling_eps_norms", "training_eps_norms"])
def test_norms_stand_at_their_step(curve: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A network that predicts its own timestep has norm t sqrt(64) at the row of timestep t.

    The chain runs from the last row to the first; the published respacing says which is which.
    """
    chains = digits_subject().chains

    def predict(x: Tensor, t: Tensor, y: Tensor | None = None) -> Tensor:
        return t.float()[:, None, None, None].expand(len(x), 2, 8, 8)

    monkeypatch.setattr(chains, "network", predict)
    norms = getattr(chains, curve)(3, 20, seed=0)
    expected = np.repeat(8.0 * np.array(RESPACED)[:, None], 3, axis=1)
    assert norms == pytest.approx(expected, rel=1e-6)


def test_samples_share_their_noise_and_follow_their_seed() -> None:
    """Equal seeds, equal images, whatever was drawn between; other seeds, other images."""
    chains = digits_subject().chains
    first = chains.sample(3, 4, seed=5)
    assert first.shape == (3, 8, 8, 1)
    assert not np.array_equal(first, chains.sample(3, 4, seed=6))
    torch.rand(7)
    assert np.array_equal(first, chains.sample(3, 4, seed=5))
    assert not np.array_equal(first[0], first[1])


def test_forward_std_is_the_published_one() -> None:
    """Three of the constants that the authors of delta print for 20 cosine steps."""
    std = digits_subject().chains.forward_std(20)
    assert std.shape == (20,)
    assert std[18] == pytest.approx(0.9965907318569104, rel=1e-9)
    assert std[17] == pytest.approx(0.9866412419612515, rel=1e-9)
    assert std[0] == pytest.approx(0.0064252801356804, rel=1e-9)


def test_a_chain_errs_as_noise_where_it_starts() -> None:
    """The last row is a noised real image, so its errors average 1 - alphas_cumprod there.

    4 % are four standard errors of 300 images of 64 pixels.
    """
    chains = digits_subject().chains
    errors = chains.errors(300, 4, seed=0)
    assert errors.shape == (4, 300)
    assert errors[-1].mean() == pytest.approx(chains.forward_std(4)[-1] ** 2, rel=0.04)
    assert not np.array_equal(errors, chains.errors(300, 4, seed=1))


def test_scaling_moves_the_chain_and_not_its_first_prediction() -> None:
    """All steps but the first start elsewhere; the first input is x_T whatever the scale."""
    chains = digits_subject().chains
    plain, scaled = (chains.sampling_eps_norms(4, 5, 0, scale) for scale in (1.0, 1.1))
    assert np.array_equal(plain[-1], scaled[-1])
    assert (plain[:-1] != scaled[:-1]).any(axis=1).all()
    assert np.array_equal(plain, chains.sampling_eps_norms(4, 5, 0))


def test_a_conditional_network_is_told_classes() -> None:
    """Without labels such a network refuses to run; with them everything is finite."""
    chains = digits_subject(flags=dataclasses.replace(TINY, num_classes=10)).chains
    for norms in (
        chains.sampling_eps_norms(3, 3, 0),
        chains.training_eps_norms(3, 3, 0),
        chains.errors(3, 3, 0),
    ):
        assert np.isfinite(norms).all()


def test_samples_of_chosen_classes() -> None:
    """The same noise: images of one class are the same, those of another class are others."""
    chains = digits_subject(flags=dataclasses.replace(TINY, num_classes=10)).chains
    mixed, zeros, ones = (chains.sample(4, 3, 0, y) for y in ((0, 0, 1, 1), [0] * 4, [1] * 4))
    assert np.array_equal(mixed, np.concatenate([zeros[:2], ones[2:]]))
    assert not np.array_equal(zeros, ones)
    assert np.array_equal(chains.sample(4, 3, 0), chains.sample(4, 3, 0))
    with pytest.raises(DataError, match="no class 10; its labels are 0 to 9"):
        chains.sample(1, 3, 0, [10])
    with pytest.raises(DataError, match="none: it is unconditional"):
        digits_subject().chains.sample(1, 3, 0, [0])
