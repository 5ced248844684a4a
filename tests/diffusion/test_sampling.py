"""Both samplers against chains whose every step is a known linear map of Gaussian data."""

import dataclasses
import itertools
import math

import numpy as np
import pytest
import torch
from torch import Tensor

from flatdiff.diffusion.process import DiffusionProcess
from flatdiff.diffusion.sampling import (
    ancestral_steps,
    chain_errors,
    ddim_steps,
    gaussian_noises,
    last_sample,
    to_uint8,
)
from tests.tiny import BAR, LINEAR, exact_denoiser, gaussian

STD = 0.5
SMALL = dataclasses.replace(LINEAR, sigma_small=True)


def noises_of(count: int, *shape: int, seed: int = 3) -> list[Tensor]:
    """One draw a step."""
    return list(gaussian(count, *shape, seed=seed))


@pytest.mark.parametrize("sigma_small", [False, True])
def test_full_ancestral_chain_returns_the_data_variance(sigma_small: bool) -> None:
    """1000 exact steps end at the data, N(0, s^2); 3 % is three standard errors."""
    process = DiffusionProcess(dataclasses.replace(LINEAR, sigma_small=sigma_small))
    x_T = gaussian(400, 1, 8, 8)
    noises = gaussian_noises(x_T, torch.Generator().manual_seed(1))
    chain = ancestral_steps(process, exact_denoiser(STD), x_T, noises, clip_denoised=False)
    sample = last_sample(chain)
    assert sample.var().item() == pytest.approx(STD**2, rel=0.03)
    assert abs(sample.mean().item()) < 4 * STD / math.sqrt(sample.numel())


def ddim_factor(timesteps: list[int]) -> float:
    """The product of the linear maps of every DDIM step, from Song et al. Eq. 12."""
    factor, levels = 1.0, [1.0, *BAR[timesteps]]
    for prev, bar in itertools.pairwise(levels):
        total = bar * STD**2 + 1 - bar
        x_start, eps = math.sqrt(bar) * STD**2 / total, math.sqrt(1 - bar) / total
        factor *= math.sqrt(prev) * x_start + math.sqrt(1 - prev) * eps
    return factor


@pytest.mark.parametrize("respacing", ["", "100", "20", "ddim25", "5"])
def test_ddim_is_the_closed_form_linear_map(respacing: str) -> None:
    """With the exact denoiser every step multiplies by a number known beforehand."""
    process, x_T = DiffusionProcess(LINEAR, respacing), gaussian(8, 1, 8, 8)
    sample = last_sample(ddim_steps(process, exact_denoiser(STD), x_T, clip_denoised=False))
    expected = ddim_factor(list(process.timestep_map)) * x_T
    torch.testing.assert_close(sample, expected, rtol=2e-3, atol=1e-4)


@pytest.mark.parametrize("clip", [False, True])
@pytest.mark.parametrize("respacing", ["50", "ddim25"])
def test_ddim_with_eta_1_is_the_ancestral_chain(clip: bool, respacing: str) -> None:
    """Song et al. Sec. 4.1: two derivations, one chain, given the posterior's variance."""
    process, x_T = DiffusionProcess(SMALL, respacing), gaussian(8, 1, 8, 8)
    noises = noises_of(process.num_steps, 8, 1, 8, 8)
    network = exact_denoiser(STD)
    ddim = ddim_steps(process, network, x_T, noises, eta=1.0, clip_denoised=clip)
    ancestral = ancestral_steps(process, network, x_T, noises, clip_denoised=clip)
    for ours, theirs in zip(ddim, ancestral, strict=True):
        torch.testing.assert_close(ours.sample, theirs.sample, rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("eta", [None, 0.5, 1.0])
def test_every_noise_but_the_last_is_used(eta: float | None) -> None:
    """One noise at a time is replaced; only that of the last step may leave no trace."""
    process, x_T = DiffusionProcess(LINEAR, "5"), gaussian(2, 1, 8, 8)

    def sample(noises: list[Tensor]) -> Tensor:
        network = exact_denoiser(STD)
        if eta is None:
            return last_sample(ancestral_steps(process, network, x_T, noises))
        return last_sample(ddim_steps(process, network, x_T, noises, eta))

    base = noises_of(5, 2, 1, 8, 8)
    changed = [
        not torch.equal(sample(base), sample([*base[:k], base[k] + 1, *base[k + 1 :]]))
        for k in range(5)
    ]
    assert changed == [True, True, True, True, False]


def test_eta_0_ignores_noises() -> None:
    """Deterministic by definition: bits, not tolerances."""
    process, x_T = DiffusionProcess(LINEAR, "10"), gaussian(2, 1, 8, 8)
    without, noisy = (
        last_sample(ddim_steps(process, exact_denoiser(STD), x_T, noises))
        for noises in (None, noises_of(10, 2, 1, 8, 8))
    )
    assert torch.equal(without, noisy)


@pytest.mark.parametrize("eta", [None, 0.7])
def test_equal_noises_give_equal_bits(eta: float | None) -> None:
    """Two chains fed alike must not differ in one bit; fed otherwise they must."""
    process, x_T = DiffusionProcess(LINEAR, "10"), gaussian(2, 1, 8, 8)

    def sample(seed: int) -> Tensor:
        noises = gaussian_noises(x_T, torch.Generator().manual_seed(seed))
        if eta is None:
            return last_sample(ancestral_steps(process, exact_denoiser(STD), x_T, noises))
        return last_sample(ddim_steps(process, exact_denoiser(STD), x_T, noises, eta))

    assert torch.equal(sample(1), sample(1))
    assert not torch.equal(sample(1), sample(2))


def test_chain_reports_what_went_in_and_out() -> None:
    """Each step starts where the one before ended, and counts down to 0."""
    process, x_T = DiffusionProcess(LINEAR, "10"), gaussian(2, 1, 8, 8)
    chain = list(ancestral_steps(process, exact_denoiser(STD), x_T, noises_of(10, 2, 1, 8, 8)))
    assert [step.index for step in chain] == list(range(9, -1, -1))
    inputs = [step.x_t for step in chain]
    outputs = [x_T, *(step.sample for step in chain)]
    assert all(torch.equal(a, b) for a, b in zip(inputs, outputs, strict=False))
    steps = torch.full((2,), process.timestep_map[9])
    assert torch.equal(chain[0].eps, exact_denoiser(STD)(x_T, steps))


def test_too_few_noises_are_not_a_shorter_chain() -> None:
    """An unfinished chain would look like a sample; it must not come back as one."""
    process, x_T = DiffusionProcess(LINEAR, "10"), gaussian(2, 1, 8, 8)
    with pytest.raises(AssertionError, match="10 noises"):
        last_sample(ancestral_steps(process, exact_denoiser(STD), x_T, noises_of(9, 2, 1, 8, 8)))


@pytest.mark.parametrize(
    ("value", "pixel"),
    [
        (-2.0, 0),
        (-1.0, 0),
        (-0.9922, 0),
        (-0.992, 1),
        (0.0, 127),
        (0.999, 254),
        (1.0, 255),
        (9, 255),
    ],
)
def test_pixels_are_truncated(value: float, pixel: int) -> None:
    """By hand: floor((x + 1) * 127.5) inside [0, 255], never rounded up."""
    assert to_uint8(torch.full((1, 1, 2, 2), float(value))).unique().tolist() == [pixel]


def test_noises_are_standard_normal() -> None:
    """Sample moments of 64,000 draws, within four standard errors."""
    draws = next(gaussian_noises(torch.zeros(1000, 1, 8, 8), torch.Generator().manual_seed(0)))
    assert np.abs(draws.mean().item()) < 4 / math.sqrt(64_000)
    assert draws.var().item() == pytest.approx(1, abs=4 * math.sqrt(2 / 64_000))


def gaussian_chain_errors(timesteps: list[int], std: float, eps_scale: float) -> list[float]:
    """Mean squared error of every x_i for data N(0, std^2), by step, in closed form.

    Each step is linear: x_i = u x_start + noise of variance w, so that its error has variance
    (u - sqrt(bar_i))^2 std^2 + w. Posterior and variance are Ho et al. Eq. 7 and beta_i.
    """
    bars = BAR[timesteps]
    u, w, errors = math.sqrt(bars[-1]), 1 - bars[-1], []
    for i in reversed(range(len(bars))):
        bar, prev = bars[i], bars[i - 1] if i else 1.0
        errors.append((u - math.sqrt(bar)) ** 2 * std**2 + w)
        beta, total = 1 - bar / prev, bar * std**2 + 1 - bar
        pred_x_start = (1 - (1 - bar) / total / eps_scale) / math.sqrt(bar)
        factor = math.sqrt(prev) * beta / (1 - bar) * pred_x_start
        factor += math.sqrt(1 - beta) * (1 - prev) / (1 - bar)
        u, w = factor * u, factor**2 * w + beta
    return errors[::-1]


@pytest.mark.parametrize("eps_scale", [1.0, 1.05, 0.9])
@pytest.mark.parametrize("respacing", ["20", "5"])
def test_errors_of_a_chain_from_gaussian_images(respacing: str, eps_scale: float) -> None:
    """The exact denoiser makes every step linear; 4 % is four standard errors of 400 images."""
    process = DiffusionProcess(LINEAR, respacing)
    x_start = STD * gaussian(400, 1, 8, 8)
    noises = gaussian_noises(x_start, torch.Generator().manual_seed(1))
    errors = chain_errors(process, exact_denoiser(STD), x_start, noises, False, eps_scale)
    expected = gaussian_chain_errors(list(process.timestep_map), STD, eps_scale)
    assert errors.shape == (process.num_steps, 400)
    assert errors.double().mean(dim=1).tolist() == pytest.approx(expected, rel=0.04)


def test_scaled_noise_of_either_kind_of_network_is_the_same_chain() -> None:
    """One network predicts the noise, the other the image that it implies; they must agree.

    And what a step reports is the prediction before it is scaled.
    """
    process, x_T = DiffusionProcess(LINEAR, "10"), gaussian(2, 1, 8, 8)
    noises, denoise = noises_of(10, 2, 1, 8, 8), exact_denoiser(STD)

    def predict_xstart(x_t: Tensor, timesteps: Tensor) -> Tensor:
        bar = torch.from_numpy(BAR).float()[timesteps][:, None, None, None]
        return (x_t - (1 - bar).sqrt() * denoise(x_t, timesteps)) / bar.sqrt()

    other = DiffusionProcess(dataclasses.replace(LINEAR, predict_xstart=True), "10")
    ours = list(ancestral_steps(process, denoise, x_T, noises, eps_scale=1.05))
    theirs = list(ancestral_steps(other, predict_xstart, x_T, noises, eps_scale=1.05))
    for one, two in zip(ours, theirs, strict=True):
        torch.testing.assert_close(one.sample, two.sample, rtol=1e-3, atol=1e-3)
        steps = torch.full((2,), process.timestep_map[one.index])
        assert torch.equal(one.eps, denoise(one.x_t, steps))
    plain = last_sample(ancestral_steps(process, denoise, x_T, noises))
    assert not torch.allclose(plain, ours[-1].sample, rtol=1e-3, atol=1e-3)
