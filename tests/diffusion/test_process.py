"""The process against Bayes' rule on scalars, and against Gaussian data, whose denoiser is exact.

For x_start ~ N(0, s^2 I) the best noise prediction is linear in x_t:
eps*(x_t) = sqrt(1 - abar) x_t / (abar s^2 + 1 - abar); its mean squared error is
abar s^2 / (abar s^2 + 1 - abar).
"""

import dataclasses
import math

import pytest
import torch
from torch import Tensor

from flatdiff.diffusion.process import DiffusionProcess
from tests.tiny import BAR, BETAS, LINEAR, exact_denoiser, gaussian

LEARNED = dataclasses.replace(LINEAR, learn_sigma=True)
SHAPE = (4, 1, 8, 8)


def steps_of(t: int, batch: int = 4) -> Tensor:
    """One timestep for all of a batch."""
    return torch.full((batch,), t)


@pytest.mark.parametrize("std", [0.3, 1.0])
@pytest.mark.parametrize("t", [0, 50, 400, 999])
def test_loss_of_the_exact_denoiser_is_its_closed_form(std: float, t: int) -> None:
    """The expectation is known without any process; 1 % is four standard errors."""
    process = DiffusionProcess(LINEAR)
    x_start, noise = std * gaussian(5000, 1, 8, 8), gaussian(5000, 1, 8, 8, seed=1)
    losses = process.training_losses(exact_denoiser(std), x_start, steps_of(t, 5000), noise)
    signal = BAR[t] * std**2
    assert losses.loss.mean().item() == pytest.approx(signal / (signal + 1 - BAR[t]), rel=0.01)
    assert losses.vb is None


@pytest.mark.parametrize("t", [0, 1, 500, 999])
def test_q_sample_has_the_products_of_the_paper(t: int) -> None:
    """Ho et al. Eq. 4 with abar multiplied out here."""
    x_start, noise = gaussian(*SHAPE), gaussian(*SHAPE, seed=1)
    expected = math.sqrt(BAR[t]) * x_start + math.sqrt(1 - BAR[t]) * noise
    got = DiffusionProcess(LINEAR).q_sample(x_start, steps_of(t), noise)
    torch.testing.assert_close(got, expected, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("t", [1, 2, 300, 999])
def test_posterior_is_bayes_rule(t: int) -> None:
    """Two Gaussians multiplied: precisions add, means are weighted by precision."""
    process = DiffusionProcess(LINEAR)
    x_start, x_t = 0.4, -0.9
    beta, prev = BETAS[t], BAR[t - 1]
    precision = (1 - beta) / beta + 1 / (1 - prev)
    mean = (math.sqrt(1 - beta) / beta * x_t + math.sqrt(prev) / (1 - prev) * x_start) / precision
    got = process.posterior_mean(torch.full(SHAPE, x_start), torch.full(SHAPE, x_t), steps_of(t))
    torch.testing.assert_close(got, torch.full(SHAPE, mean), rtol=1e-5, atol=1e-6)
    assert process.posterior_variance[t] == pytest.approx(1 / precision, rel=1e-8)


@pytest.mark.parametrize("t", [0, 1, 500, 999])
@pytest.mark.parametrize("respacing", ["", "20"])
def test_image_and_noise_are_recovered_from_each_other(t: int, respacing: str) -> None:
    """A round trip through q_sample, in which neither inverse can hide the other's error."""
    process = DiffusionProcess(LINEAR, respacing)
    steps = steps_of(min(t, process.num_steps - 1))
    x_start, noise = gaussian(*SHAPE), gaussian(*SHAPE, seed=1)
    x_t = process.q_sample(x_start, steps, noise)
    close = {"rtol": 0, "atol": 3e-3}  # at t = 999 rounding is divided by sqrt(abar) = 0.006
    torch.testing.assert_close(process.x_start_from_eps(x_t, steps, noise), x_start, **close)
    torch.testing.assert_close(process.eps_from_x_start(x_t, steps, x_start), noise, **close)


@pytest.mark.parametrize("t", [0, 1, 500, 999])
@pytest.mark.parametrize(
    ("value", "weight_of_beta"), [(1.0, 1.0), (-1.0, 0.0), (0.0, 0.5), (3.0, 2.0)]
)
def test_learned_range_runs_from_posterior_to_beta(
    t: int, value: float, weight_of_beta: float
) -> None:
    """N&D Eq. 15 at its end points, between and beyond; both ends are computed here."""
    output = torch.cat([gaussian(*SHAPE), torch.full(SHAPE, value)], dim=1)
    step = DiffusionProcess(LEARNED).read_output(output, gaussian(*SHAPE, seed=1), steps_of(t))
    # The posterior of step 0 is a point; its variance is replaced by that of step 1.
    s = max(t, 1)
    low = math.log(BETAS[s] * (1 - BAR[s - 1]) / (1 - BAR[s]))
    expected = weight_of_beta * math.log(BETAS[t]) + (1 - weight_of_beta) * low
    torch.testing.assert_close(step.log_variance, torch.full(SHAPE, expected), rtol=1e-5, atol=0)
    torch.testing.assert_close(step.variance, step.log_variance.exp())


@pytest.mark.parametrize(("sigma_small", "t"), [(s, t) for s in (False, True) for t in (1, 999)])
def test_fixed_variance_is_beta_or_the_posteriors(sigma_small: bool, t: int) -> None:
    """Ho et al. Sec. 3.2 names both choices in closed form."""
    process = DiffusionProcess(dataclasses.replace(LINEAR, sigma_small=sigma_small))
    step = process.read_output(gaussian(*SHAPE), gaussian(*SHAPE, seed=1), steps_of(t))
    small = BETAS[t] * (1 - BAR[t - 1]) / (1 - BAR[t])
    expected = torch.full(SHAPE, small if sigma_small else BETAS[t])
    torch.testing.assert_close(step.variance, expected, rtol=1e-5, atol=0)


def test_clip_touches_the_image_and_not_the_reported_noise() -> None:
    """A prediction of zero noise at t = 999 is an image 150 times too bright."""
    x_t = 0.1 * gaussian(*SHAPE).sign()
    output = torch.zeros(SHAPE)
    step = DiffusionProcess(LINEAR).read_output(output, x_t, steps_of(999))
    assert torch.equal(step.pred_x_start, torch.sign(x_t))
    assert torch.equal(step.eps, output)


@pytest.mark.parametrize("t", [1, 10, 500, 999])
def test_bound_is_zero_for_the_true_posterior(t: int) -> None:
    """Both Gaussians are then the same one; no divergence formula gives anything but 0."""
    process = DiffusionProcess(LEARNED)
    x_start, noise = gaussian(*SHAPE).clamp(-1, 1), gaussian(*SHAPE, seed=1)
    x_t = process.q_sample(x_start, steps_of(t), noise)
    truth = torch.cat([noise, torch.full(SHAPE, -1.0)], dim=1)
    vb = process.variational_bound(truth, x_start, x_t, steps_of(t))
    torch.testing.assert_close(vb, torch.zeros(4), rtol=0, atol=1e-5)


def test_bound_at_step_0_is_the_nll_of_the_bin() -> None:
    """With the true noise the mean is x_start itself: the mass within 1/255, by math.erf."""
    process = DiffusionProcess(LEARNED)
    x_start, noise = torch.zeros(SHAPE), gaussian(*SHAPE, seed=1)
    x_t = process.q_sample(x_start, steps_of(0), noise)
    truth = torch.cat([noise, torch.full(SHAPE, 1.0)], dim=1)
    vb = process.variational_bound(truth, x_start, x_t, steps_of(0))
    mass = math.erf(1 / 255 / math.sqrt(BETAS[0]) / math.sqrt(2))
    torch.testing.assert_close(vb, torch.full((4,), -math.log2(mass)), rtol=2e-3, atol=0)


def test_bound_teaches_the_variance_only() -> None:
    """Autograd decides, not the formula: d vb / d mean must not exist."""
    mean = gaussian(*SHAPE).requires_grad_()
    values = gaussian(*SHAPE, seed=1).requires_grad_()
    losses = DiffusionProcess(LEARNED).training_losses(
        lambda x, t: torch.cat([mean, values], dim=1),
        gaussian(*SHAPE, seed=2),
        steps_of(400),
        gaussian(*SHAPE, seed=3),
    )
    assert losses.vb is not None
    assert losses.mse is not None
    of_mean, of_values = torch.autograd.grad(
        losses.vb.sum(), [mean, values], allow_unused=True, retain_graph=True
    )
    assert of_mean is None or not of_mean.any()
    assert of_values.abs().min() > 0
    of_mean, of_values = torch.autograd.grad(losses.mse.sum(), [mean, values], allow_unused=True)
    assert of_mean.abs().min() > 0
    assert of_values is None or not of_values.any()


@pytest.mark.parametrize(
    ("changes", "factor"),
    [
        ({"rescale_learned_sigmas": True}, 500 / 1000),
        ({"use_kl": True}, 500),
        ({"use_kl": True, "rescale_learned_sigmas": True}, 500),
    ],
)
def test_rescaled_bounds_differ_by_the_factor_of_the_reference(
    changes: dict[str, bool], factor: float
) -> None:
    """guided-diffusion multiplies by T/1000 (RESCALED_MSE), or by T whenever use_kl is set."""
    flags = dataclasses.replace(LEARNED, diffusion_steps=500)
    output = torch.cat([gaussian(*SHAPE), gaussian(*SHAPE, seed=1)], dim=1)
    plain, rescaled = (
        DiffusionProcess(f).training_losses(
            lambda x, t: output, gaussian(*SHAPE, seed=2), steps_of(200), gaussian(*SHAPE, seed=3)
        )
        for f in (flags, dataclasses.replace(flags, **changes))
    )
    assert plain.vb is not None
    assert rescaled.vb is not None
    assert plain.mse is not None
    torch.testing.assert_close(rescaled.vb, plain.vb * factor)
    mse = 0 if "use_kl" in changes else plain.mse
    torch.testing.assert_close(rescaled.loss, mse + rescaled.vb)


def test_predict_xstart_reads_the_output_as_the_image() -> None:
    """With the true image as output the loss is 0 and the noise is the one put in."""
    process = DiffusionProcess(dataclasses.replace(LINEAR, predict_xstart=True))
    x_start, noise = gaussian(*SHAPE).clamp(-1, 1), gaussian(*SHAPE, seed=1)
    losses = process.training_losses(lambda x, t: x_start, x_start, steps_of(300), noise)
    assert not losses.loss.any()
    x_t = process.q_sample(x_start, steps_of(300), noise)
    step = process.read_output(x_start, x_t, steps_of(300))
    torch.testing.assert_close(step.eps, noise, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    ("respacing", "rescale", "index", "told"),
    [("", False, 7, 7), ("20", False, 1, 210), ("", True, 7, 1.75), ("20", True, 1, 52.5)],
)
def test_network_is_told_the_full_processes_timestep(
    respacing: str, rescale: bool, index: int, told: float
) -> None:
    """By hand, of 4000 steps: stride 3999/19 = 210.47; rescaled to 1000 it is a quarter."""
    flags = dataclasses.replace(LINEAR, diffusion_steps=4000, rescale_timesteps=rescale)
    got = DiffusionProcess(flags, respacing).network_timesteps(steps_of(index))
    assert got.tolist() == [told] * 4
