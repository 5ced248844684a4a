r"""A tilted prior is a density p multiplied by exp(-I), with I quadratic in x.

    p^(x) = e^{-I(x)} p(x),   I(x) = 1/2 x^T A x + x^T b + C

A Gaussian, or a mixture of them, stays one: precisions grow by A, and the linear terms lose b. A
perturbation of the weights of a random feature model does this to the prior (arXiv 2503.11078,
Theorem 3.3), with A = delta W^T / m and b = delta U^T e / m. Divergences are in nats.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Inexact

from flatdiff.errors import SettingsError

Points = Float[np.ndarray, "... d"]
Values = Float[np.ndarray, "..."]
COMPLEX_STEP = 1e-30  # so small that its square is lost beside 1, so that no digit cancels


@dataclass(frozen=True)
class Tilt:
    """I without its constant; leading axes, if any, count tilts."""

    quadratic: Float[np.ndarray, "... d d"]  # A; I sees its symmetric part only
    linear: Float[np.ndarray, "... d"]  # b

    @property
    def precision(self) -> Float[np.ndarray, "... d d"]:
        """Sigma_delta^-1 = I + A, of the tilted N(0, I) (Eq. 13)."""
        symmetric = (self.quadratic + np.swapaxes(self.quadratic, -1, -2)) / 2
        return np.eye(self.linear.shape[-1]) + symmetric

    def exponent(self, x: Inexact[np.ndarray, "... d"]) -> Inexact[np.ndarray, "..."]:
        """1/2 x^T A x + x^T b of one tilt; x may be complex, and is then not conjugated."""
        bent = np.einsum("...i,ij,...j->...", x, self.quadratic, x)
        return np.asarray(0.5 * bent + x @ self.linear)


@dataclass(frozen=True)
class Mixture:
    """A mixture of Gaussians, sum_k w_k N(mu_k, P_k^-1)."""

    weights: Float[np.ndarray, " k"]  # positive, sum 1
    means: Float[np.ndarray, "k d"]
    precisions: Float[np.ndarray, "k d d"]

    def log_density(self, x: Inexact[np.ndarray, "... d"]) -> Inexact[np.ndarray, "..."]:
        """Log p(x), for complex x too, where it is the same formula."""
        logs = self._log_components(x)
        highest = np.real(logs).max(-1, keepdims=True)
        return np.asarray(np.log(np.exp(logs - highest).sum(-1)) + highest[..., 0])

    def score(self, x: Points) -> Points:
        """The gradient of log p at x, in closed form."""
        logs = self._log_components(x)
        shares = np.exp(logs - logs.max(-1, keepdims=True))
        shares /= shares.sum(-1, keepdims=True)
        pulls = np.einsum("kij,...kj->...ki", self.precisions, x[..., None, :] - self.means)
        return -np.einsum("...k,...ki->...i", shares, pulls)

    def _log_components(self, x: np.ndarray) -> np.ndarray:
        """Log w_k N(x; mu_k, P_k^-1), (..., k)."""
        away = x[..., None, :] - self.means
        bent = np.einsum("...ki,kij,...kj->...k", away, self.precisions, away)
        _, log_determinants = np.linalg.slogdet(self.precisions)
        constants = 0.5 * (log_determinants - self.means.shape[1] * np.log(2 * np.pi))
        return np.log(self.weights) + constants - 0.5 * bent


def single_gaussian(mean: Float[np.ndarray, " d"], precision: Float[np.ndarray, "d d"]) -> Mixture:
    """A mixture of one."""
    return Mixture(np.ones(1), mean[None], precision[None])


STANDARD = single_gaussian(np.zeros(2), np.eye(2))
THREE = Mixture(
    np.array([0.4, 0.35, 0.25]),
    np.array([[-1.3, -0.6], [1.2, -0.7], [0.2, 1.4]]),
    np.array([[[3.0, 0.8], [0.8, 2.0]], [[2.0, -0.6], [-0.6, 3.0]], [[4.0, 0.0], [0.0, 2.5]]]),
)


def tilted(prior: Mixture, tilt: Tilt) -> tuple[Mixture, float]:
    """e^{-I} p and its constant C (Eq. 12).

    Raises:
        SettingsError: e^{-I} grows faster than p falls, so that no C makes the integral 1.
    """
    added = tilt.precision - np.eye(len(tilt.linear))
    precisions = prior.precisions + added
    lowest = float(np.linalg.eigvalsh(precisions).min())
    if lowest <= 0:
        raise SettingsError(
            "there is no prior e^{-I} p: its precision must be positive in every direction, "
            f"got {lowest:.3g} in one; choose a smaller perturbation"
        )
    pulls = np.einsum("kij,kj->ki", prior.precisions, prior.means)
    means = np.linalg.solve(precisions, (pulls - tilt.linear)[..., None])[..., 0]
    logs = np.log(prior.weights) + 0.5 * (
        np.linalg.slogdet(prior.precisions)[1]
        - np.linalg.slogdet(precisions)[1]
        + np.einsum("ki,kij,kj->k", means, precisions, means)
        - np.einsum("ki,ki->k", prior.means, pulls)
    )
    constant = logs.max() + np.log(np.exp(logs - logs.max()).sum())  # log of the integral
    return Mixture(np.exp(logs - constant), means, precisions), float(constant)


def complex_step_score(
    log_density: Callable[[np.ndarray], np.ndarray], x: Float[np.ndarray, "... d"]
) -> Float[np.ndarray, "... d"]:
    """The gradient of an analytic log density from its values alone, exact to rounding.

    f'(x) = Im f(x + ih) / h for a tiny h (Squire and Trapp 1998): no derivative is derived by
    hand, and nothing cancels.
    """
    steps = 1j * COMPLEX_STEP * np.eye(x.shape[-1])
    return np.stack([np.imag(log_density(x + step)) / COMPLEX_STEP for step in steps], axis=-1)


def eigenvalues(tilt: Tilt) -> Float[np.ndarray, "... d"]:
    """sigma_1 <= .. <= sigma_d of Sigma_delta^-1; NaN where one is not positive."""
    found = np.linalg.eigvalsh(tilt.precision)
    return np.where(found[..., :1] > 0, found, np.nan)


def kl_divergence(tilt: Tilt) -> Values:
    """KL(N(0, I) || N(mu, Sigma)) in nats (Eq. 42); NaN where there is no tilted prior.

    >>> float(kl_divergence(Tilt(np.zeros((2, 2)), np.array([1.0, 0.0]))))
    0.5
    """
    pulled = np.linalg.solve(_where_prior(tilt), tilt.linear[..., None])[..., 0]
    return np.asarray(_shape(tilt) + 0.5 * np.einsum("...i,...i->...", tilt.linear, pulled))


def printed_bound(tilt: Tilt, reach: Values | float) -> Values:
    """The last line of Eq. 18 as it is printed; wrong where sigma_1 sigma_d < 1 and b is long.

    Args:
        tilt: of a perturbation delta with ||delta||_2 <= Delta.
        reach: ||U^T e|| Delta / m, which no ||b|| exceeds.
    """
    return np.asarray(_shape(tilt) + 0.5 * eigenvalues(tilt)[..., -1] * np.square(reach))


def corrected_bound(tilt: Tilt, reach: Values | float) -> Values:
    """Eq. 18 with 1 / sigma_1 in place of sigma_d: b^T Sigma b <= ||b||^2 / sigma_1."""
    return np.asarray(_shape(tilt) + 0.5 * np.square(reach) / eigenvalues(tilt)[..., 0])


def ball_bound(stretch: Values | float, reach: Values | float, dimensions: int) -> Values:
    """A bound on the KL of every perturbation in the ball, without naming one.

    Eigenvalues of A lie in [-stretch, stretch], and a - log(1 + a) is largest at the lower end.

    Args:
        stretch: ||W||_2 Delta / m, in [0, 1).
        reach: ||U^T e|| Delta / m.
        dimensions: d.
    """
    widest = 1 - np.asarray(stretch)
    found = dimensions * (widest - 1 - np.log(widest)) + np.square(reach) / widest
    return np.asarray(0.5 * found)


def _shape(tilt: Tilt) -> Values:
    """What the KL owes to the shape alone: 1/2 sum (sigma_i - log sigma_i - 1)."""
    found = eigenvalues(tilt)
    return np.asarray(0.5 * (found - np.log(found) - 1).sum(-1))


def _where_prior(tilt: Tilt) -> np.ndarray:
    """Sigma_delta^-1, NaN where it is none."""
    exists = np.asarray(np.isfinite(eigenvalues(tilt)).all(-1))
    return np.where(exists[..., None, None], tilt.precision, np.nan)
