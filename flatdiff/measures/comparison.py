"""A comparison says whether one checkpoint is flatter than another, and how sure that is.

Both were perturbed by the same noise on the same panel, so their rises are compared pair by pair
and member by member: a mean over both (see `crossed_mean`), whose interval covers other noise and
other panels. It does not cover another training run.
"""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from flatdiff.measures.statistics import CONFIDENCE, CrossedMean, crossed_mean, t_quantile
from flatdiff.settings import require


@dataclass(frozen=True)
class Comparison:
    """Mean rise of the loss of A minus that of B."""

    effect: float  # below 0: A is flatter
    low: float  # 95 % interval of effect
    high: float
    ratio: float  # mean rise of A / mean rise of B

    @property
    def decided(self) -> bool:
        """Whether the interval leaves out 0."""
        return self.low > 0 or self.high < 0


@dataclass(frozen=True)
class Rises:
    """Of one checkpoint, by perturbation and panel member.

    Attributes:
        gaps: (pairs, N), rise of each panel member's loss under each perturbation.
        timesteps: of the members, (N,).
    """

    gaps: NDArray[np.float64]
    timesteps: NDArray[np.int64]

    def first(self, pairs: int) -> "Rises":
        """Of the first perturbations alone."""
        return Rises(self.gaps[:pairs], self.timesteps)

    def minus(self, other: "Rises") -> CrossedMean:
        """The mean difference to another's, under the same perturbations on the same panel."""
        return crossed_mean(self.gaps - other.gaps, self.timesteps)


def compare(a: Rises, b: Rises) -> Comparison:
    """Compare the rises of two checkpoints.

    Args:
        a: of one.
        b: of the other, under the same perturbations on the same panel.

    Raises:
        SettingsError: the two do not share perturbations and panel.
    """
    require(a.gaps.shape == b.gaps.shape, "gaps", f"of shape {b.gaps.shape}", a.gaps.shape)
    require(min(a.gaps.shape) >= 2, "gaps", "of two pairs and members at least", a.gaps.shape)
    found = a.minus(b)
    half = found.stderr * t_quantile(found.degrees_of_freedom)
    return Comparison(
        effect=found.value,
        low=found.value - half,
        high=found.value + half,
        ratio=float(a.gaps.mean() / b.gaps.mean()),
    )


def sentence(name_a: str, name_b: str, found: Comparison) -> str:
    """The answer in one sentence.

    >>> sentence("A", "B", Comparison(-0.09, -0.1, -0.08, 0.15)).split(":")[0]
    'A is flatter than B'
    """
    if not found.decided:
        return (
            f"{name_a} and {name_b} cannot be told apart: their rises differ by "
            f"{found.effect:+.2g} (95 % interval {found.low:+.2g} to {found.high:+.2g})."
        )
    flatter, less, bounds = (
        ("flatter", "less", (-found.high, -found.low))
        if found.effect < 0
        else ("sharper", "more", (found.low, found.high))
    )
    return (
        f"{name_a} is {flatter} than {name_b}: its loss rises by {abs(found.effect):.2g} {less} "
        f"(95 % interval {bounds[0]:.2g} to {bounds[1]:.2g}), {found.ratio:.2g} times as much."
    )


@dataclass(frozen=True)
class Estimate:
    """A number of one checkpoint; the less, the better.

    Attributes:
        value: the number.
        error: its standard error.
        rises: what it is the mean of, for pairs that share perturbations and panel.
    """

    value: float
    error: float
    rises: Rises | None = field(default=None, compare=False)


@dataclass(frozen=True)
class Ratio:
    """Of two estimates, A over B, with the interval of Fieller (1954).

    Attributes:
        ratio: NaN where B may be 0: then only the difference means anything.
        low: of the interval.
        high: of the same.
        decided: whether the interval of the difference leaves out 0.
    """

    ratio: float
    low: float
    high: float
    decided: bool


def ratio_of(a: Estimate, b: Estimate, confidence: float = CONFIDENCE) -> Ratio:
    """Compare two estimates, in pairs where both have their rises, else as if independent.

    Of checkpoints on one panel under one noise numbers rise and fall together, so that the latter
    errs on the wide side.

    >>> found = ratio_of(Estimate(6.0, 0.1), Estimate(3.0, 0.0))
    >>> found.ratio, round(found.low, 3), round(found.high, 3), found.decided
    (2.0, 1.935, 2.065, True)
    """
    variance, shared, freedom = _together(a, b)
    t = t_quantile(freedom, confidence)
    decided = abs(a.value - b.value) > t * np.sqrt(variance)
    share = (t * b.error / b.value) ** 2 if b.value else np.inf
    if not share < 1 or a.value <= 0 or b.value <= 0:
        return Ratio(np.nan, np.nan, np.nan, decided)
    ratio, slope = a.value / b.value, shared / b.error**2 if b.error else 0.0
    own = a.error**2 - slope * shared  # what of the error of A has nothing to do with that of B
    inside = own * (1 - share) + (ratio - slope) ** 2 * b.error**2
    middle, spread = ratio - share * slope, t * np.sqrt(max(inside, 0.0)) / b.value
    low, high = ((middle + side * spread) / (1 - share) for side in (-1, 1))
    return Ratio(ratio, float(low), float(high), bool(decided))


def _together(a: Estimate, b: Estimate) -> tuple[float, float, float]:
    """Variance of the difference, covariance, degrees of freedom of the former."""
    apart = a.error**2 + b.error**2
    if a.rises is None or b.rises is None or a.rises.gaps.shape != b.rises.gaps.shape:
        return apart, 0.0, np.inf
    found = a.rises.minus(b.rises)
    return found.stderr**2, (apart - found.stderr**2) / 2, found.degrees_of_freedom
