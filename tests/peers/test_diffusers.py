"""Our process against diffusers' DDPM scheduler, which is other people's code throughout."""

import dataclasses

import numpy as np
import pytest
import torch

from flatdiff.diffusion.process import DiffusionProcess
from flatdiff.diffusion.schedule import make_betas
from tests.their_diffusers import diffusers
from tests.tiny import TINY, gaussian

SCHEDULES = {"linear": "linear", "cosine": "squaredcos_cap_v2"}  # their names


@pytest.mark.parametrize("ours", SCHEDULES)
def test_schedules_agree(ours: str) -> None:
    """Betas of 1000 steps; theirs are float32."""
    theirs = diffusers.DDPMScheduler(beta_schedule=SCHEDULES[ours]).betas.numpy()
    np.testing.assert_allclose(make_betas(ours, 1000), theirs, rtol=2e-4)  # pyright: ignore


@pytest.mark.parametrize("step", [0, 1, 137, 500, 998, 999])
def test_noising_agrees(step: int) -> None:
    """q_sample at one step."""
    process, scheduler = DiffusionProcess(TINY), their_scheduler("fixed_large")
    x_start, noise = gaussian(3, 1, 8, 8), gaussian(3, 1, 8, 8, seed=1)
    steps = torch.full((3,), step)
    theirs = scheduler.add_noise(x_start, noise, steps)
    torch.testing.assert_close(
        process.q_sample(x_start, steps, noise), theirs, rtol=1e-4, atol=1e-5
    )


@pytest.mark.parametrize("learn_sigma", [True, False])
@pytest.mark.parametrize("step", [1, 137, 500, 998])
def test_one_step_back_agrees(step: int, learn_sigma: bool) -> None:
    """Mean, variance and clipping at once: the sample from the same noise."""
    flags = dataclasses.replace(TINY, learn_sigma=learn_sigma)
    process = DiffusionProcess(flags)
    scheduler = their_scheduler("learned_range" if learn_sigma else "fixed_large")
    output = gaussian(3, 2 if learn_sigma else 1, 8, 8, seed=2)
    x_t, steps = gaussian(3, 1, 8, 8, seed=3), torch.full((3,), step)
    found = process.read_output(output, x_t, steps)
    noise = torch.randn(x_t.shape, generator=torch.Generator().manual_seed(4))
    theirs = scheduler.step(
        output, step, x_t, generator=torch.Generator().manual_seed(4)
    ).prev_sample
    ours = found.mean + torch.exp(0.5 * found.log_variance) * noise
    torch.testing.assert_close(ours, theirs, rtol=1e-3, atol=1e-4)


def their_scheduler(variance: str):
    """Of TINY's cosine process."""
    return diffusers.DDPMScheduler(
        beta_schedule="squaredcos_cap_v2", variance_type=variance, clip_sample=True
    )
