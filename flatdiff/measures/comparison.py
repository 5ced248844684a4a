"""A comparison says whether one checkpoint is flatter than another, and how sure that is.

Both were perturbed by the same noise on the same panel, so their rises are compared pair by pair
and member by member. The interval is a bootstrap over both at once: rows (perturbations) and
columns (panel members) are drawn with replacement, independently of each other (Owen 2007, "The
pigeonhole bootstrap"), which errs on the wide side.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import norm

from flatdiff.measures.statistics import CONFIDENCE
from flatdiff.settings import require

NUM_RESAMPLES = 2000


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


def compare(gaps_a: NDArray, gaps_b: NDArray, seed: int = 0) -> Comparison:
    """Compare the rises of two checkpoints.

    Args:
        gaps_a: (pairs, N), rise of each panel member's loss under each perturbation.
        gaps_b: the same of the other, under the same perturbations on the same panel.
        seed: of the bootstrap.

    Raises:
        SettingsError: the two do not share perturbations and panel.
    """
    require(gaps_a.shape == gaps_b.shape, "gaps", f"of shape {gaps_b.shape}", gaps_a.shape)
    require(min(gaps_a.shape) >= 2, "gaps", "of two pairs and members at least", gaps_a.shape)
    difference = gaps_a - gaps_b
    low, high = np.quantile(_resampled_means(difference, seed), _tails())
    return Comparison(
        effect=float(difference.mean()),
        low=float(low),
        high=float(high),
        ratio=float(gaps_a.mean() / gaps_b.mean()),
    )


def _tails() -> tuple[float, float]:
    return (1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2


def _resampled_means(values: NDArray, seed: int) -> NDArray[np.float64]:
    """Means of values (rows, columns) with both resampled, w_r^T V w_c / (rows columns)."""
    rows, columns = values.shape
    generator = np.random.default_rng(seed)
    by_row, by_column = (
        generator.multinomial(count, np.full(count, 1 / count), NUM_RESAMPLES)
        for count in (rows, columns)
    )
    return ((by_row @ values) * by_column).sum(axis=1) / (rows * columns)


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
    """A number of one checkpoint; the less, the better."""

    value: float
    error: float  # standard error


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
    """Compare two estimates as if they were independent.

    Of checkpoints on one panel under one noise they rise and fall together, so that this errs on
    the wide side.

    >>> found = ratio_of(Estimate(6.0, 0.1), Estimate(3.0, 0.0))
    >>> found.ratio, round(found.low, 3), round(found.high, 3), found.decided
    (2.0, 1.935, 2.065, True)
    """
    z = float(norm.ppf((1 + confidence) / 2))
    decided = abs(a.value - b.value) > z * float(np.hypot(a.error, b.error))
    share = (z * b.error / b.value) ** 2 if b.value else np.inf
    if not share < 1 or a.value <= 0 or b.value <= 0:
        return Ratio(np.nan, np.nan, np.nan, decided)
    ratio = a.value / b.value
    spread = z * np.sqrt(a.error**2 * (1 - share) + (ratio * b.error) ** 2) / b.value
    low, high = (ratio - spread) / (1 - share), (ratio + spread) / (1 - share)
    return Ratio(ratio, float(low), float(high), decided)
