"""Timestep bins: at which noise levels does the loss rise when the weights are perturbed?

The panel's timesteps are stratified over [0, T), so that each of ten equal bins holds a tenth of
its members; the losses of members are kept, and no further pass is needed.
"""

import numpy as np
from numpy.typing import NDArray

NUM_TIMESTEP_BINS = 10


def timestep_edges(num_steps: int) -> NDArray[np.float64]:
    """The borders of the bins, (NUM_TIMESTEP_BINS + 1,), from 0 to T."""
    return np.linspace(0, num_steps, NUM_TIMESTEP_BINS + 1)


def binned(values: NDArray, timesteps: NDArray, num_steps: int) -> NDArray[np.float64]:
    """Mean over the members of each bin, (..., N) to (..., NUM_TIMESTEP_BINS); NaN where none is.

    >>> binned(np.array([1.0, 3.0, 5.0]), np.array([0, 99, 100]), 1000)[:3]
    array([ 2.,  5., nan])
    """
    bins = timesteps * NUM_TIMESTEP_BINS // num_steps
    means = np.full((*values.shape[:-1], NUM_TIMESTEP_BINS), np.nan)
    for index in np.unique(bins):
        means[..., index] = values[..., bins == index].mean(axis=-1, dtype=np.float64)
    return means
