"""Means over a panel, over pairs or over images, and rank correlations; each with its error."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy
from numpy.typing import NDArray

CONFIDENCE = 0.95  # of every interval that is shown
NUM_RESAMPLES = 5000  # of a bootstrap
FEWEST = 4  # rows, for a correlation to be worth its name


def standard_error(values: NDArray[Any]) -> float:
    """Of the mean of independent values, (n,); NaN for fewer than two or not finite ones."""
    values = np.asarray(values, dtype=np.float64)
    if len(values) < 2 or not np.isfinite(values).all():
        return float("nan")
    return float(values.std(ddof=1) / np.sqrt(len(values)))


def panel_error(losses: NDArray[Any], timesteps: NDArray[Any]) -> float:
    """Standard deviation of the panel's mean loss over other draws of the panel.

    A panel has one timestep in each equal bin of [0, T), so its mean moves less than the spread of
    its members suggests. By successive differences in the order of the timesteps (Wolter 2007,
    Introduction to Variance Estimation, 8.2.1, estimator v2): neighbours share the timestep's
    level and differ by image and noise alone.

    Args:
        losses: of the members, (n,).
        timesteps: theirs, (n,).

    Returns:
        NaN for fewer than two members or not finite losses.
    """
    n = len(losses)
    if n < 2 or not np.isfinite(losses).all():
        return float("nan")
    return float(np.sqrt(_variance_over_panels(losses, timesteps)))


def _variance_over_panels(losses: NDArray[Any], timesteps: NDArray[Any]) -> NDArray[np.float64]:
    """Of the mean over the last axis, (..., n) to (...)."""
    n, order = len(timesteps), np.argsort(timesteps, kind="stable")
    steps = np.diff(np.asarray(losses, dtype=np.float64)[..., order])
    return np.asarray((steps**2).sum(axis=-1) / (2 * n * (n - 1)))


@dataclass(frozen=True)
class CrossedMean:
    """A mean over perturbations and panel members, each of them under each, and its errors.

    Attributes:
        value: the mean.
        noise_stderr: over other draws of the perturbations, this panel being what it is.
        panel_stderr: over other panels, these perturbations being what they are.
        stderr: over other draws of both.
        degrees_of_freedom: of stderr (Satterthwaite 1946), for Student's t.
    """

    value: float
    noise_stderr: float
    panel_stderr: float
    stderr: float
    degrees_of_freedom: float


def crossed_mean(values: NDArray[Any], timesteps: NDArray[Any]) -> CrossedMean:
    """The mean of a crossed design of two random factors (Searle et al. 1992, Sec. 4.4).

    Either error alone holds what is peculiar to one member under one perturbation; the error over
    both counts it once.

    Args:
        values: (rows, n), a row a perturbation, a column a panel member.
        timesteps: of the members, (n,).

    Returns:
        Errors are NaN for fewer than two rows or members, and where a value is not finite.
    """
    values = np.asarray(values, dtype=np.float64)
    rows, n = values.shape
    if min(rows, n) < 2 or not np.isfinite(values).all():
        return CrossedMean(mean(values), *[float("nan")] * 4)
    by_row, by_member = values.mean(axis=1, keepdims=True), values.mean(axis=0)
    peculiar = _variance_over_panels(values - by_row - by_member + values.mean(), timesteps)
    noise, panel = standard_error(by_row[:, 0]) ** 2, panel_error(by_member, timesteps) ** 2
    both = max(noise + panel - float(peculiar.sum()) / (rows * (rows - 1)), noise, panel)
    # Successive differences have two thirds of the usual degrees of freedom (von Neumann 1941).
    parts = [(noise, rows - 1), (panel, (n - 1) * 2 / 3)]
    return CrossedMean(
        value=mean(values),
        noise_stderr=float(np.sqrt(noise)),
        panel_stderr=float(np.sqrt(panel)),
        stderr=float(np.sqrt(both)),
        degrees_of_freedom=_degrees_of_freedom(both, parts),
    )


def _degrees_of_freedom(total: float, parts: Sequence[tuple[float, float]]) -> float:
    """Of a sum of variances with degrees of freedom each (Satterthwaite 1946)."""
    spread = sum(part**2 / freedom for part, freedom in parts)
    return total**2 / spread if spread else float("inf")


def t_quantile(degrees_of_freedom: float, confidence: float = CONFIDENCE) -> float:
    """Standard errors in half of an interval, by Student's t; of infinite degrees the normal's.

    >>> round(t_quantile(4), 3), round(t_quantile(float("inf")), 3)
    (2.776, 1.96)
    """
    return float(scipy.special.stdtrit(degrees_of_freedom, (1 + confidence) / 2))


def mean_and_error(
    values: NDArray[Any],
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Along the first axis, (n, ...) to two of (...); NaN where unknown."""
    shape = values.shape[1:]
    columns = values.reshape(len(values), int(np.prod(shape))).T
    means, errors = (np.array([of(column) for column in columns]) for of in (mean, standard_error))
    return means.reshape(shape), errors.reshape(shape)


def mean(values: NDArray[Any]) -> float:
    """In float64; NaN where there is nothing to average."""
    return float(np.mean(values, dtype=np.float64)) if np.size(values) else float("nan")


@dataclass(frozen=True)
class RankCorrelation:
    """Of two columns."""

    rho: float  # Spearman's, in [-1, 1]; NaN where a column is constant or too short
    low: float  # 95 % interval
    high: float
    count: int  # of rows where both are known


def rank_correlation(x: NDArray, y: NDArray, seed: int = 0) -> RankCorrelation:
    """Spearman's rank correlation of the rows where both are known; its interval is a bootstrap.

    Args:
        x: (n,), for example a measure of sharpness; NaN where not measured.
        y: (n,), for example what flatness should lower.
        seed: of the bootstrap over rows.
    """
    x, y, count = both_known(x, y)
    if count < FEWEST or has_no_order(x, y):
        return RankCorrelation(float("nan"), float("nan"), float("nan"), count)
    rows = np.random.default_rng(seed).integers(0, count, (NUM_RESAMPLES, count))
    resampled = spearman(x[rows], y[rows])
    tails = [(1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2]
    low, high = np.quantile(resampled[np.isfinite(resampled)], tails)
    rho = float(spearman(x[None], y[None])[0])
    return RankCorrelation(rho, float(low), float(high), count)


def both_known(x: NDArray, y: NDArray) -> tuple[NDArray, NDArray, int]:
    """The rows where both are, and how many."""
    known = np.isfinite(x) & np.isfinite(y)
    return x[known], y[known], int(known.sum())


def has_no_order(x: NDArray, y: NDArray) -> bool:
    """Whether one of them has no order."""
    return bool(np.ptp(x) == 0 or np.ptp(y) == 0)


def spearman(x: NDArray, y: NDArray) -> NDArray[np.float64]:
    """Pearson's correlation of the ranks of each row, ties sharing theirs; (m, n) to (m,)."""
    ranks = (scipy.stats.rankdata(values, axis=1) for values in (x, y))
    a, b = (rank - rank.mean(axis=1, keepdims=True) for rank in ranks)
    scale = np.sqrt((a**2).sum(axis=1) * (b**2).sum(axis=1))
    product = (a * b).sum(axis=1)
    return np.divide(product, scale, out=np.full(len(scale), np.nan), where=scale > 0)
