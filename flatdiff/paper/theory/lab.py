"""The lab evaluates the paper's statements for one random feature model and one perturbation.

Each check puts two numbers side by side that come by different roads: what a statement of arXiv
2503.11078, Sec. 3, predicts, and what it is about.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from jaxtyping import Float

from flatdiff.errors import SettingsError
from flatdiff.paper.theory.random_features import (
    DIMENSIONS,
    Delta,
    RandomFeatures,
    Slice,
    least_squares,
    needed_size,
    score_loss,
    tilt_of,
)
from flatdiff.paper.theory.tilted_priors import (
    STANDARD,
    Mixture,
    Tilt,
    ball_bound,
    complex_step_score,
    corrected_bound,
    kl_divergence,
    printed_bound,
    tilted,
)
from flatdiff.system.remembered import remembered

HALF_WIDTH = 3.0  # of the square that is drawn
NUM_POINTS = 41  # along each side of it
MeanAndCovariance = tuple[Float[np.ndarray, " d"], Float[np.ndarray, "d d"]]  # mean and covariance

LARGEST = 0.95  # Delta; from 1 on, some perturbations leave no prior
SIZES = np.linspace(0.0, LARGEST, 39)
MIXES = np.linspace(0.0, 360.0, 73)  # degrees


@dataclass(frozen=True)
class Equality:
    """Both sides of Eq. 11 at the points of a square grid, x1 by column and x2 by row."""

    ticks: Float[np.ndarray, " n"]
    left: Float[np.ndarray, "n n"]  # L(x; theta + delta, p)
    right: Float[np.ndarray, "n n"]  # L(x; theta, p^)
    prior: Float[np.ndarray, "n n"]  # p
    perturbed: Float[np.ndarray, "n n"] | None  # p^; None: no constant makes it a density
    lowest: Float[np.ndarray, "n n"]  # of W^T x + U^T e: all features are active where positive
    constant: float  # C in closed form; NaN where there is none
    integral: float  # the same from adding e^{-I} p up; NaN where there is none

    @cached_property
    def difference(self) -> Float[np.ndarray, "n n"]:
        """|left - right|."""
        return np.abs(self.left - self.right)

    @property
    def highest(self) -> float:
        """The largest loss where the prior is, above a hundredth of its peak."""
        known = self.prior > 0.01 * self.prior.max()
        return float(max(self.left[known].max(), self.right[known].max()))

    @property
    def share_equal(self) -> float:
        """Of the points, in [0, 1]: equal but for rounding."""
        return float((self.difference <= 1e-9 * (1 + self.left)).mean())

    def mean(self, values: np.ndarray, density: np.ndarray) -> float:
        """Of values over the drawn square, weighted by a density."""
        return float((values * density).sum() / density.sum())


def square(half_width: float, n: int, center: np.ndarray | None = None) -> np.ndarray:
    """Points of a square grid, (n, n, 2); x1 changes along the columns."""
    ticks = np.linspace(-half_width, half_width, n)
    points = np.stack(np.meshgrid(ticks, ticks), axis=-1)
    return points if center is None else points + center


@remembered
def check_equality(
    features: RandomFeatures, delta: Delta, prior: Mixture, *, as_printed: bool = False
) -> Equality:
    """Theorem 3.3, point by point.

    The left side asks the perturbed network and the closed form of the prior's score. The right
    asks the unperturbed network and differentiates log p - I numerically; it never sees delta
    but through the values of I.
    """
    x = square(HALF_WIDTH, NUM_POINTS)
    density, score = np.exp(prior.log_density(x)), prior.score(x)
    theta = least_squares(
        features, x.reshape(-1, DIMENSIONS), score.reshape(-1, DIMENSIONS), density.ravel()
    )
    tilt = tilt_of(features, delta, as_printed=as_printed)
    tilted_score = complex_step_score(lambda z: prior.log_density(z) - tilt.exponent(z), x)
    perturbed, constant, integral = None, np.nan, np.nan
    try:
        mixture, constant = tilted(prior, tilt)
        perturbed = np.exp(mixture.log_density(x))
        integral = log_integral(prior, tilt, mixture)
    except SettingsError:
        pass  # the record says so by None
    return Equality(
        ticks=x[0, :, 0],
        left=score_loss(features.score(theta + delta, x), score),
        right=score_loss(features.score(theta, x), tilted_score),
        prior=density,
        perturbed=perturbed,
        lowest=(x @ features.W + features.bias).min(-1),
        constant=constant,
        integral=integral,
    )


def wide_square(mixture: Mixture, n: int = 161) -> np.ndarray:
    """Points around nearly all of a mixture's mass; so close that sums are integrals."""
    variances = np.linalg.eigvalsh(mixture.precisions).min(axis=-1) ** -1
    center = mixture.weights @ mixture.means
    far = np.linalg.norm(mixture.means - center, axis=1) + 8 * np.sqrt(variances)
    return square(float(far.max()), n, center)


def log_integral(prior: Mixture, tilt: Tilt, around: Mixture) -> float:
    """Log of the integral of e^{-I} p, by the trapezoidal rule: C without its closed form."""
    x = wide_square(around)
    values = np.exp(prior.log_density(x) - tilt.exponent(x))
    return float(np.log(values.sum() * (x[0, 1, 0] - x[0, 0, 0]) ** 2))


@dataclass(frozen=True)
class Moments:
    """Mean and covariance of e^{-I} N(0, I), three ways."""

    mean: Float[np.ndarray, " d"]  # -Sigma_delta delta U^T e / m
    printed_mean: Float[np.ndarray, " d"]  # Corollary 3.4's, without the minus
    cov: Float[np.ndarray, "d d"]  # Sigma_delta
    summed_mean: Float[np.ndarray, " d"]  # from adding e^{-I} N(0, I) up on a grid
    summed_cov: Float[np.ndarray, "d d"]


@remembered
def check_moments(tilt: Tilt) -> Moments:
    """Corollary 3.4 against sums over a grid.

    Raises:
        SettingsError: there is no such prior.
    """
    mixture, _ = tilted(STANDARD, tilt)
    x = wide_square(mixture)
    weights = np.exp(STANDARD.log_density(x) - tilt.exponent(x))
    weights /= weights.sum()
    mean = np.einsum("ij,ijk->k", weights, x)
    away = x - mean
    return Moments(
        mean=mixture.means[0],
        printed_mean=np.linalg.solve(tilt.precision, tilt.linear),
        cov=np.linalg.inv(mixture.precisions[0]),
        summed_mean=mean,
        summed_cov=np.einsum("ij,ijk,ijl->kl", weights, away, away),
    )


@dataclass(frozen=True)
class Bounds:
    """Corollary 3.9 along one direction, by the size of the perturbation; nats."""

    sizes: Float[np.ndarray, " n"]  # Delta
    kl: Float[np.ndarray, " n"]
    printed: Float[np.ndarray, " n"]
    corrected: Float[np.ndarray, " n"]
    ball: Float[np.ndarray, " n"]  # no perturbation of this size has a larger KL


@remembered
def bounds(
    features: RandomFeatures, direction: Delta, sizes: Float[np.ndarray, " n"] = SIZES
) -> Bounds:
    """KL and its bounds for delta = size * direction, with ||direction||_2 = 1."""
    tilt = tilt_of(features, direction)
    tilts = Tilt(sizes[:, None, None] * tilt.quadratic, sizes[:, None] * tilt.linear)
    reach, stretch = _reach(features) * sizes, _stretch(features) * sizes
    return Bounds(
        sizes=sizes,
        kl=kl_divergence(tilts),
        printed=printed_bound(tilts, reach),
        corrected=corrected_bound(tilts, reach),
        ball=ball_bound(stretch, reach, DIMENSIONS),
    )


@remembered
def kl_over_printed(features: RandomFeatures, along: Slice) -> Float[np.ndarray, "sizes mixes"]:
    """KL / Eq. 18 as printed, by size (SIZES but 0) and mix (MIXES); above 1 it fails."""
    tilts = _tilts(features, SIZES[1:, None, None, None] * along.perturbations(MIXES))
    return kl_divergence(tilts) / printed_bound(tilts, _reach(features) * SIZES[1:, None])


@dataclass(frozen=True)
class Coverage:
    """Which Gaussians a Delta-flat minimum covers, of those moved and stretched along one axis."""

    means: Float[np.ndarray, " n"]
    stds: Float[np.ndarray, " n"]
    needed: Float[np.ndarray, "n n"]  # the least ||delta||_2 for each, by std and mean
    kl: Float[np.ndarray, "n n"]  # KL(N(0, I) || it), nats


@remembered
def coverage(features: RandomFeatures, along: Slice, size: float, n: int = 61) -> Coverage:
    """Of a window around what one size covers."""
    tilts = _tilts(features, size * along.perturbations(MIXES))
    std = (1 + np.einsum("i,nij,j->n", along.v, tilts.quadratic, along.v)) ** -0.5
    mean = -(tilts.linear @ along.v) * std**2
    far = 1.3 * float(np.abs(mean).max())
    low, high = 1 + 1.4 * (float(std.min()) - 1), 1 + 1.25 * (float(std.max()) - 1)
    means, stds = np.linspace(-far, far, n), np.linspace(max(low, 0.3), high, n)
    mean, std = np.meshgrid(means, stds)
    kl = np.log(std) + (1 + np.square(mean)) / (2 * np.square(std)) - 0.5
    return Coverage(means, stds, needed_size(features, along.v, mean, std), kl)


@dataclass(frozen=True)
class Radii:
    """How far the covered set of a slice reaches, by Delta."""

    sizes: Float[np.ndarray, " n"]
    inner: Float[np.ndarray, " n"]  # every Gaussian of the slice with a smaller KL is covered
    outer: Float[np.ndarray, " n"]  # none with a larger KL is: Eq. 17
    ball: Float[np.ndarray, " n"]  # no perturbation of the whole ball has a larger KL
    rise: Float[np.ndarray, " n"]  # of the mean loss of an exact fit to N(0, I), at the worst mix


@remembered
def radii(features: RandomFeatures, along: Slice, sizes: Float[np.ndarray, " n"]) -> Radii:
    """From the edge of the set, where KL is largest, being convex in delta."""
    edge = along.perturbations(np.arange(360.0))
    tilts = _tilts(features, sizes[:, None, None, None] * edge)
    kl = kl_divergence(tilts)
    rise = np.square(tilts.quadratic).sum((-1, -2)) + np.square(tilts.linear).sum(-1)
    ball = ball_bound(_stretch(features) * sizes, _reach(features) * sizes, DIMENSIONS)
    return Radii(sizes, kl.min(-1), kl.max(-1), ball, rise.max(-1))


def gaussians(
    features: RandomFeatures, deltas: Float[np.ndarray, "n d m"]
) -> list[MeanAndCovariance]:
    """What becomes of N(0, I): mean and covariance for each perturbation."""
    tilts = _tilts(features, deltas)
    covs = np.linalg.inv(tilts.precision)
    means = -np.einsum("nij,nj->ni", covs, tilts.linear)
    return list(zip(means, covs, strict=True))


def _tilts(features: RandomFeatures, deltas: np.ndarray) -> Tilt:
    """Of many perturbations, (..., d, m)."""
    return Tilt(deltas @ features.W.T / features.m, deltas @ features.bias / features.m)


def _reach(features: RandomFeatures) -> float:
    """||U^T e|| / m: no ||b|| of a perturbation of norm 1 is larger."""
    return float(np.linalg.norm(features.bias)) / features.m


def _stretch(features: RandomFeatures) -> float:
    """||W||_2 / m: no eigenvalue of A of a perturbation of norm 1 is larger."""
    return float(np.linalg.norm(features.W, 2)) / features.m
