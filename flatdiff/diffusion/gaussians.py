"""Divergence and likelihood of diagonal Gaussians, elementwise, in nats.

As used by the variational bound of Ho et al. 2020 (arXiv 2006.11239).
"""

import math

import torch
from jaxtyping import Float
from torch import Tensor

Image = Float[Tensor, "b c h w"]


def mean_over_pixels(values: Float[Tensor, "b ..."]) -> Float[Tensor, " b"]:
    """Mean over everything but the batch, (B, ...) to (B,)."""
    return values.flatten(1).mean(1)


def normal_kl(mean1: Image, log_variance1: Image, mean2: Image, log_variance2: Image) -> Image:
    """KL(N1 || N2) for every pixel, in nats."""
    ratio = torch.exp(log_variance1 - log_variance2)
    distance = (mean1 - mean2) ** 2 * torch.exp(-log_variance2)
    return 0.5 * (log_variance2 - log_variance1 + ratio - 1 + distance)


def discretized_nll(x: Image, mean: Image, log_scale: Image) -> Image:
    """-log of a Gaussian's mass in the 8-bit bin around x in [-1, 1], nats (Ho et al. Eq. 13)."""
    inverse = torch.exp(-log_scale)
    above = _approx_normal_cdf(inverse * (x - mean + 1 / 255))
    below = _approx_normal_cdf(inverse * (x - mean - 1 / 255))
    inner = torch.where(x > 0.999, 1 - below, above - below)
    return -torch.log(torch.where(x < -0.999, above, inner).clamp(min=1e-12))


def _approx_normal_cdf(x: Tensor) -> Tensor:
    """The tanh form that guided-diffusion uses, so that losses agree with it to float32."""
    return 0.5 * (1 + torch.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3)))
