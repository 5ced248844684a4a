"""The paper's claim is that flat checkpoints are the better ones: here, as ranks over a family.

Every checkpoint has some measures of sharpness and some of what flatness is said to buy; the rank
correlation (Spearman's) says whether the two orders agree. Its interval is a bootstrap over
checkpoints. Those of one family are few, and share training runs, so it is wide at best.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata

from flatdiff.measures.statistics import CONFIDENCE

NUM_RESAMPLES = 5000
FEWEST = 4  # checkpoints, for a correlation to be worth its name


@dataclass(frozen=True)
class RankCorrelation:
    """Of two columns over checkpoints."""

    rho: float  # Spearman's, in [-1, 1]; NaN where a column is constant or too short
    low: float  # 95 % interval
    high: float
    num_checkpoints: int


def rank_correlation(x: NDArray, y: NDArray, seed: int = 0) -> RankCorrelation:
    """Spearman's rank correlation of the rows where both are known.

    Args:
        x: (n,), for example a measure of sharpness; NaN where not measured.
        y: (n,), for example what flatness should lower.
        seed: of the bootstrap.
    """
    known = np.isfinite(x) & np.isfinite(y)
    x, y, count = x[known], y[known], int(known.sum())
    if count < FEWEST or np.ptp(x) == 0 or np.ptp(y) == 0:
        return RankCorrelation(float("nan"), float("nan"), float("nan"), count)
    rows = np.random.default_rng(seed).integers(0, count, (NUM_RESAMPLES, count))
    resampled = _spearman(x[rows], y[rows])
    tails = [(1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2]
    low, high = np.quantile(resampled[np.isfinite(resampled)], tails)
    rho = float(_spearman(x[None], y[None])[0])
    return RankCorrelation(rho, float(low), float(high), count)


def _spearman(x: NDArray, y: NDArray) -> NDArray[np.float64]:
    """Pearson's correlation of the ranks of each row, ties sharing theirs; (m, n) to (m,)."""
    ranks = (rankdata(values, axis=1) for values in (x, y))
    a, b = (rank - rank.mean(axis=1, keepdims=True) for rank in ranks)
    scale = np.sqrt((a**2).sum(axis=1) * (b**2).sum(axis=1))
    product = (a * b).sum(axis=1)
    return np.divide(product, scale, out=np.full(len(scale), np.nan), where=scale > 0)
