"""Divergence and likelihood of Gaussians, against torch.distributions and the error function."""

import math

import pytest
import torch
from torch.distributions import Normal, kl_divergence

from flatdiff.diffusion.gaussians import discretized_nll, mean_over_pixels, normal_kl
from tests.tiny import gaussian

PIXELS = torch.arange(256, dtype=torch.float64).reshape(1, 1, 16, 16) * (2 / 255) - 1


def test_kl_is_the_one_of_torch_distributions() -> None:
    """Another implementation, which works with standard deviations instead of log variances."""
    mean1, mean2, log1, log2 = gaussian(4, 2, 3, 5, 5).double()
    expected = kl_divergence(Normal(mean1, (log1 / 2).exp()), Normal(mean2, (log2 / 2).exp()))
    torch.testing.assert_close(normal_kl(mean1, log1, mean2, log2), expected)


@pytest.mark.parametrize("mean", [-1.3, -1.0, -0.2, 0.0, 0.77, 1.0])
@pytest.mark.parametrize("log_scale", [-6.0, -4.0, -1.5, 0.0])
def test_bins_share_all_the_mass(mean: float, log_scale: float) -> None:
    """The 256 bins cut the real line, so whatever the density, their masses sum to 1."""
    nll = discretized_nll(
        PIXELS, torch.full_like(PIXELS, mean), torch.full_like(PIXELS, log_scale)
    )
    assert torch.exp(-nll).sum().item() == pytest.approx(1, abs=1e-6)


@pytest.mark.parametrize("log_scale", [-4.0, -2.0, -1.0])
def test_mass_of_a_bin_is_the_error_functions(log_scale: float) -> None:
    """math.erf against the tanh approximation, whose published error is below 5e-4."""
    x, mean, scale = -51 / 255, 0.1, math.exp(log_scale)
    edges = [(x - mean + side / 255) / scale / math.sqrt(2) for side in (1, -1)]
    expected = (math.erf(edges[0]) - math.erf(edges[1])) / 2
    value, centre = torch.full((1, 1, 1, 1), x), torch.full((1, 1, 1, 1), mean)
    nll = discretized_nll(value, centre, torch.full_like(centre, log_scale))
    assert torch.exp(-nll).item() == pytest.approx(expected, abs=5e-4)


def test_mean_over_pixels_keeps_samples_apart() -> None:
    """Constant images of known value: the means are those values."""
    values = torch.tensor([1.0, -2.0, 5.0])[:, None, None, None].expand(3, 2, 4, 4)
    assert mean_over_pixels(values).tolist() == [1.0, -2.0, 5.0]
