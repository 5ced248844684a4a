"""What a network predicts, the noise or the image, is told from its losses."""

import dataclasses
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from flatdiff.conversion.diagnosis import diagnose as module
from flatdiff.conversion.diagnosis.deadline import Deadline
from flatdiff.conversion.diagnosis.fit import Diagnosis, Fit, lowest_of, noise_levels
from flatdiff.conversion.diagnosis.noisy_images import draw_members, member_losses
from flatdiff.diffusion.flags import AdmFlags
from flatdiff.diffusion.process import DiffusionProcess
from flatdiff.diffusion.unet import AdmUNet
from flatdiff.images.image_set import ImageSet, load_images
from tests.tiny import BAR, LINEAR, TINY, exact_denoiser

STEPS = 40
STD = 0.25  # of pixels around 0
PLAIN = dataclasses.replace(TINY, learn_sigma=False, rescale_learned_sigmas=False)
IMAGE = dataclasses.replace(PLAIN, predict_xstart=True)


@pytest.fixture(scope="module")
def of_images() -> dict[str, Tensor]:
    """Weights after two seconds of digits; what they predict, their training's loss decided."""
    torch.manual_seed(0)
    model, process = AdmUNet(IMAGE), DiffusionProcess(IMAGE)
    images = load_images("digits", "train", IMAGE.image_size, IMAGE.in_channels)
    optimizer = torch.optim.AdamW(model.parameters(), 2e-3)
    for _ in range(STEPS):
        x_start = images.images(torch.randint(len(images), (32,)))
        steps, noise = torch.randint(1000, (32,)), torch.randn_like(x_start)
        optimizer.zero_grad()
        process.training_losses(model, x_start, steps, noise).loss.mean().backward()
        optimizer.step()
    return model.state_dict()


def diagnosed(flags: AdmFlags, state: dict[str, Tensor]) -> Diagnosis:
    """Of digits."""
    images = load_images("digits", "held_out", flags.image_size, flags.in_channels)
    members = draw_members(images, flags, module.NUM_MEMBERS)
    return module.diagnose(flags, state, members, Deadline(module.DEADLINE_S))


def test_a_network_that_predicts_the_image_is_confirmed(of_images: dict[str, Tensor]) -> None:
    """Its training minimised this very loss."""
    found = diagnosed(IMAGE, of_images)
    assert not found.wrong
    assert not found.senseless


@pytest.mark.parametrize("beside", [{}, {"noise_schedule": "linear"}])
def test_a_network_that_predicts_the_image_is_told(
    beside: dict[str, Any], of_images: dict[str, Tensor]
) -> None:
    """Said to predict the noise, perhaps beside another mistake; one for noise is in WRONG."""
    found = diagnosed(dataclasses.replace(PLAIN, **beside), of_images)
    assert found.best.flags.predict_xstart
    sentence = str(found)
    assert "--predict_xstart True better than" in sentence
    assert "squared error of the noise in x_t 0.0" in sentence


def of_noise(x_t: Tensor, timesteps: Tensor, y: None) -> Tensor:
    """The best prediction of the noise for x_start ~ N(0, STD^2 I)."""
    return exact_denoiser(STD)(x_t, timesteps)


def of_image(x_t: Tensor, timesteps: Tensor, y: None) -> Tensor:
    """The best prediction of the image, from the regression of jointly Gaussian variables."""
    bar = torch.from_numpy(BAR)[timesteps.long()][:, None, None, None]
    return (bar.sqrt() * STD**2 * x_t / (bar * STD**2 + 1 - bar)).float()


def test_both_errors_are_one_in_x_t() -> None:
    """The exact denoiser of Gaussian pixels; its errors are bar s^2 (1 - bar) / (...) in x_t."""
    generator = torch.Generator().manual_seed(2)
    values = 127.5 * (1 + STD * torch.randn(64, 1, 8, 8, generator=generator))
    images = ImageSet(values.clamp(0, 255).round().to(torch.uint8), 255)
    members = draw_members(images, LINEAR, 64)
    fits = {
        truth: Fit(
            dataclasses.replace(LINEAR, predict_xstart=truth),
            member_losses(network, LINEAR, members, slice(0, 64))[truth],
        )
        for truth, network in ((False, of_noise), (True, of_image))
    }
    assert fits[True].parted == pytest.approx(fits[False].parted, rel=0.15), (
        "but for half a timestep"
    )
    gap, stderr = fits[True].above(fits[False])
    assert abs(gap) < 3 * stderr
    assert not fits[True].worse_than(fits[False])
    bar = 1 / (1 + np.exp(-noise_levels(64)))
    exact = bar * (1 - bar) * STD**2 / (bar * STD**2 + 1 - bar)
    assert fits[False].parted.mean() == pytest.approx(exact.mean(), rel=0.08)


def test_the_lowest_of_two_kinds() -> None:
    """An image is easily guessed where there is little noise: a low loss of it proves nothing."""
    bar = 1 / (1 + np.exp(-noise_levels(16)))
    poor = Fit(IMAGE, 0.03 / bar)  # 0.03 in x_t
    good = Fit(PLAIN, 0.02 / (1 - bar))  # 0.02 in x_t, and the higher loss where it is clear
    worse = Fit(dataclasses.replace(PLAIN, num_heads=2), 0.04 / (1 - bar))
    assert lowest_of([worse, poor, good]) is good
    assert poor.worse_than(good)
    assert not good.worse_than(poor)
