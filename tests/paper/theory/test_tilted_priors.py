"""Tilted priors against torch's distributions, scipy's quadrature and numbers by hand."""

import math

import numpy as np
import pytest
import torch
from hypothesis import assume, given
from hypothesis import strategies as some
from hypothesis.extra.numpy import arrays
from scipy.integrate import dblquad
from torch.distributions import Categorical, MixtureSameFamily, MultivariateNormal, kl_divergence

from flatdiff.errors import SettingsError
from flatdiff.paper.theory import tilted_priors
from flatdiff.paper.theory.tilted_priors import STANDARD, THREE, Mixture, Tilt

TILT = Tilt(np.array([[0.3, -0.2], [-0.2, -0.4]]), np.array([0.5, -0.7]))
POINTS = np.random.default_rng(0).normal(size=(50, 2)) * 2


def by_torch(mixture: Mixture) -> MixtureSameFamily:
    """The same mixture in torch, which knows nothing of ours."""
    components = MultivariateNormal(
        torch.from_numpy(mixture.means), precision_matrix=torch.from_numpy(mixture.precisions)
    )
    return MixtureSameFamily(Categorical(torch.from_numpy(mixture.weights)), components)


def perturbed_gaussian(tilt: Tilt) -> MultivariateNormal:
    """N(mu, Sigma) with Sigma = (I + A)^-1 and mu = -Sigma b, written down once more."""
    cov = np.linalg.inv(np.eye(2) + tilt.quadratic)
    return MultivariateNormal(torch.from_numpy(-cov @ tilt.linear), torch.from_numpy(cov))


@pytest.mark.parametrize("mixture", [STANDARD, THREE])
def test_density_and_score_are_torchs(mixture: Mixture) -> None:
    """The score by autograd, and by our complex step, which sees values only."""
    x = torch.from_numpy(POINTS).requires_grad_()
    logs = by_torch(mixture).log_prob(x)
    (gradient,) = torch.autograd.grad(logs.sum(), x)
    np.testing.assert_allclose(mixture.log_density(POINTS), logs.detach(), atol=1e-12)
    np.testing.assert_allclose(mixture.score(POINTS), gradient, atol=1e-12)
    stepped = tilted_priors.complex_step_score(mixture.log_density, POINTS)
    np.testing.assert_allclose(stepped, gradient, atol=1e-12)


@pytest.mark.parametrize("mixture", [STANDARD, THREE])
def test_tilted_prior_is_the_product(mixture: Mixture) -> None:
    """e^{-I} p, multiplied out, and its integral by scipy's adaptive quadrature."""
    found, constant = tilted_priors.tilted(mixture, TILT)

    def product(x2: float, x1: float) -> float:
        x = np.array([x1, x2])
        bent = 0.5 * x @ TILT.quadratic @ x + x @ TILT.linear
        return float(np.exp(-bent + mixture.log_density(x)))

    assert dblquad(product, -9, 9, -9, 9, epsabs=1e-6, epsrel=1e-6)[0] == pytest.approx(
        math.exp(constant), rel=1e-6
    )
    multiplied = [math.log(product(x[1], x[0])) - constant for x in POINTS]
    np.testing.assert_allclose(found.log_density(POINTS), multiplied, atol=1e-10)
    assert found.weights.sum() == pytest.approx(1)


def test_no_prior_where_the_tilt_outgrows_it() -> None:
    """1 - 1.5 is no precision."""
    wild = Tilt(np.diag([-1.5, 0.0]), np.zeros(2))
    with pytest.raises(SettingsError, match=r"got -0\.5"):
        tilted_priors.tilted(STANDARD, wild)
    assert np.isnan(tilted_priors.kl_divergence(wild))
    assert np.isnan(tilted_priors.corrected_bound(wild, 1.0))


def test_kl_is_that_of_eq_17_and_not_of_the_heading_of_eq_41() -> None:
    """Both directions by torch."""
    noise = MultivariateNormal(torch.zeros(2).double(), torch.eye(2).double())
    moved = perturbed_gaussian(TILT)
    found = float(tilted_priors.kl_divergence(TILT))
    assert found == pytest.approx(float(kl_divergence(noise, moved)), rel=1e-12)
    assert found != pytest.approx(float(kl_divergence(moved, noise)), rel=0.05)


def test_kl_is_the_mean_log_ratio() -> None:
    """Its definition, by Monte Carlo: the mean of I over noise, plus C; within five errors."""
    x = np.random.default_rng(1).normal(size=(200_000, 2))
    ratios = TILT.exponent(x) + tilted_priors.tilted(STANDARD, TILT)[1]
    error = ratios.std() / math.sqrt(len(x))
    assert abs(ratios.mean() - float(tilted_priors.kl_divergence(TILT))) < 5 * error


def test_printed_bound_fails_by_hand() -> None:
    """A = diag(-1/2, 0), b = (1/2, 0): sigma = (1/2, 1), b^T Sigma b = 1/2, r^2 = 1/4."""
    tilt = Tilt(np.diag([-0.5, 0.0]), np.array([0.5, 0.0]))
    shape = 0.5 - math.log(0.5) - 1
    assert tilted_priors.kl_divergence(tilt) == pytest.approx((shape + 0.5) / 2)
    assert tilted_priors.printed_bound(tilt, 0.5) == pytest.approx((shape + 0.25) / 2)
    assert tilted_priors.corrected_bound(tilt, 0.5) == pytest.approx((shape + 0.5) / 2)


def test_no_reading_of_eq_18_holds_in_one_dimension() -> None:
    """W = g^T, so a = b in [-1/2, 1/2]: the numbers of docs/theory.md, over the whole ball."""
    a = np.linspace(-0.5, 0.5, 1001)
    tilts = Tilt(a[:, None, None], a[:, None])
    kl, printed = tilted_priors.kl_divergence(tilts), tilted_priors.printed_bound(tilts, 0.5)
    assert (round(kl.max(), 3), round(printed[0], 3), round(printed.max(), 3)) == (
        (0.347, 0.159, 0.235)
    )
    assert kl.argmax() == 0
    eq_48 = -np.log(1 + a) + a + a * 0.25  # its last term with an eigenvalue of delta W^T / m
    assert eq_48[0] / 2 < printed[0]


@given(
    arrays(float, (2, 2), elements=some.floats(-1, 1)),
    arrays(float, 2, elements=some.floats(-2, 2)),
    some.floats(1, 3),
)
def test_corrected_bounds_hold(quadratic: np.ndarray, linear: np.ndarray, slack: float) -> None:
    """Against the divergence of torch, for any tilt that leaves a prior and any larger reach."""
    tilt = Tilt((quadratic + quadratic.T) / 2, linear)
    stretch = float(np.abs(np.linalg.eigvalsh(tilt.quadratic)).max())
    assume(stretch < 0.99)
    reach = slack * float(np.linalg.norm(linear))
    noise = MultivariateNormal(torch.zeros(2).double(), torch.eye(2).double())
    kl = float(kl_divergence(noise, perturbed_gaussian(tilt)))
    corrected = float(tilted_priors.corrected_bound(tilt, reach))
    assert kl <= corrected + 1e-9 * (1 + kl)
    assert corrected <= float(tilted_priors.ball_bound(stretch, reach, 2)) * (1 + 1e-9) + 1e-9
    low, high = np.linalg.eigvalsh(np.eye(2) + tilt.quadratic)
    if low * high >= 1:
        assert kl <= float(tilted_priors.printed_bound(tilt, reach)) + 1e-9 * (1 + kl)
