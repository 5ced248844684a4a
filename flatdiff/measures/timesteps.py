"""Timestep bins: at which noise levels does the loss rise when the weights are perturbed?

The panel's timesteps are stratified over [0, T), so that each of ten equal bins holds a tenth of
its members; the losses of members are kept, and no further pass is needed, however many bins.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from flatdiff.measures.statistics import mean_and_error
from flatdiff.settings import require

NUM_TIMESTEP_BINS = 10
MAX_TIMESTEP_BINS = 100


@dataclass(frozen=True)
class ByTimestep:
    """Rise of the loss of the members in each bin; NaN in a bin without members."""

    edges: NDArray[np.float64]  # (bins + 1,), from 0 to T
    gap: NDArray[np.float64]  # (..., bins), mean over members and draws
    stderr: NDArray[np.float64]  # (..., bins), over draws


def by_timestep(
    gaps: NDArray, timesteps: NDArray, num_steps: int, num_bins: int = NUM_TIMESTEP_BINS
) -> ByTimestep:
    """Sort the members' rises into equal bins of [0, T).

    Args:
        gaps: (draws, ..., N), rise of each member's loss under each draw of a perturbation.
        timesteps: (N,) of the members, in [0, T).
        num_steps: T.
        num_bins: from 1 to 100.
    """
    fits = 1 <= num_bins <= MAX_TIMESTEP_BINS
    require(fits, "timestep bins", f"an integer in [1, {MAX_TIMESTEP_BINS}]", num_bins)
    gap, stderr = mean_and_error(binned(gaps, timesteps, num_steps, num_bins))
    return ByTimestep(np.linspace(0, num_steps, num_bins + 1), gap, stderr)


def binned(
    values: NDArray, timesteps: NDArray, num_steps: int, num_bins: int = NUM_TIMESTEP_BINS
) -> NDArray[np.float64]:
    """Mean over the members of each bin, (..., N) to (..., bins); NaN where none is.

    >>> binned(np.array([1.0, 3.0, 5.0]), np.array([0, 99, 100]), 1000)[:3]
    array([ 2.,  5., nan])
    """
    bins = timesteps * num_bins // num_steps
    means = np.full((*values.shape[:-1], num_bins), np.nan)
    for index in np.unique(bins):
        means[..., index] = values[..., bins == index].mean(axis=-1, dtype=np.float64)
    return means
