"""Sampling runs the process backwards, from noise to an image, one network call a step.

Both samplers are generators of `SamplerStep`, so that the caller can watch, measure or stop; both
take all their randomness as arguments, so that two networks can be fed the same.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from flatdiff.diffusion.gaussians import Image, mean_over_pixels
from flatdiff.diffusion.process import DiffusionProcess, Network


@dataclass(frozen=True)
class SamplerStep:
    """One step of a chain of B images."""

    index: int  # i of the respaced process, counting down to 0
    x_t: Tensor  # (B, C, H, W), the input of this step
    eps: Tensor  # (B, C, H, W), predicted noise before any clipping
    sample: Tensor  # (B, C, H, W), the output: x_{i-1}, the image at i = 0


def ancestral_steps(
    process: DiffusionProcess,
    network: Network,
    x_T: Image,
    noises: Iterable[Tensor],
    clip_denoised: bool = True,
    eps_scale: float = 1.0,
) -> Iterator[SamplerStep]:
    """DDPM's chain (Ho et al. 2020, Algorithm 2), T' steps.

    Args:
        process: respaced to T' steps.
        network: see `diffusion.Network`.
        x_T: standard normal, (B, C, H, W).
        noises: one (B, C, H, W) standard normal a step, the first for the largest timestep; that
            of the last step is drawn and not used.
        clip_denoised: clamp each predicted image to [-1, 1].
        eps_scale: lambda of epsilon scaling: each predicted noise is divided by it before it is
            used (Ning et al. 2023, arXiv 2308.15321, Sec. 4); what a step reports stays raw.
    """
    x = x_T
    draws = iter(noises)
    for index in reversed(range(process.num_steps)):
        noise = next(draws, None)
        assert noise is not None, f"the chain takes {process.num_steps} noises, one a step"
        step = process.p_mean_variance(network, x, _steps(x, index), clip_denoised, eps_scale)
        scale = torch.exp(0.5 * step.log_variance) if index > 0 else 0.0
        sample = step.mean + scale * noise
        yield SamplerStep(index, x, step.eps, sample)
        x = sample


def ddim_steps(
    process: DiffusionProcess,
    network: Network,
    x_T: Image,
    noises: Iterable[Tensor] | None = None,
    eta: float = 0.0,
    clip_denoised: bool = True,
) -> Iterator[SamplerStep]:
    """DDIM's chain (Song et al. 2021, arXiv 2010.02502, Eq. 12); eta 0 needs no noises."""
    assert eta == 0 or noises is not None, "eta above 0 needs one noise a step"
    x = x_T
    draws = iter(noises) if noises is not None else None
    for index in reversed(range(process.num_steps)):
        steps = _steps(x, index)
        step = process.p_mean_variance(network, x, steps, clip_denoised)
        eps = process.eps_from_x_start(x, steps, step.pred_x_start)
        # float32 like the images: early steps amplify every rounding that differs.
        bar = torch.tensor(process.alphas_cumprod[index], dtype=torch.float32)
        prev = torch.tensor(process.alphas_cumprod_prev[index], dtype=torch.float32)
        sigma = eta * torch.sqrt((1 - prev) / (1 - bar)) * torch.sqrt(1 - bar / prev)
        sample = step.pred_x_start * torch.sqrt(prev) + torch.sqrt(1 - prev - sigma**2) * eps
        if index > 0 and eta > 0 and draws is not None:
            sample = sample + sigma * next(draws)
        yield SamplerStep(index, x, step.eps, sample)
        x = sample


def chain_errors(
    process: DiffusionProcess,
    network: Network,
    x_start: Image,
    noises: Iterator[Tensor],
    clip_denoised: bool = True,
    eps_scale: float = 1.0,
) -> Float[Tensor, "steps b"]:
    """How far a chain that starts from a noised real image strays from that image.

    x_{T'-1} = q_sample(x_start, T'-1, noise), then the ancestral chain. Row i is the mean over
    pixels of (x_i - sqrt(alphas_cumprod[i]) x_start)^2, which q(x_i | x_start) would give the
    expectation 1 - alphas_cumprod[i].

    Args:
        process: respaced to T' steps.
        network: see `diffusion.Network`.
        x_start: clean images in [-1, 1], (B, C, H, W).
        noises: T' + 1 standard normal draws, the first for x_{T'-1}.
        clip_denoised: clamp each predicted image to [-1, 1].
        eps_scale: see `ancestral_steps`.
    """
    x_T = process.q_sample(x_start, _steps(x_start, process.num_steps - 1), next(noises))
    levels = np.sqrt(process.alphas_cumprod)
    rows = [
        mean_over_pixels((step.x_t - float(levels[step.index]) * x_start).square())
        for step in ancestral_steps(process, network, x_T, noises, clip_denoised, eps_scale)
    ]
    return torch.stack(rows[::-1])


def gaussian_noises(like: Image, generator: torch.Generator) -> Iterator[Tensor]:
    """Endless standard normal draws of one shape, made on the CPU so that every device agrees."""
    while True:
        yield torch.randn(like.shape, generator=generator).to(like.device)


def last_sample(chain: Iterable[SamplerStep]) -> Tensor:
    """Run a chain to its end; the images, (B, C, H, W)."""
    sample = None
    for step in chain:
        sample = step.sample
    assert sample is not None, "a chain has at least one step"
    return sample


def to_uint8(images: Tensor) -> Tensor:
    """[-1, 1] to [0, 255] by truncation, as the paper's FID samples are written."""
    return ((images + 1) * 127.5).clamp(0, 255).to(torch.uint8)


def _steps(x: Tensor, index: int) -> Tensor:
    return torch.full((x.shape[0],), index, device=x.device)
