"""Means over a panel, over pairs or over images, and their standard errors."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

CONFIDENCE = 0.95  # of every interval that is shown


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
    steps = np.diff(np.asarray(losses, dtype=np.float64)[np.argsort(timesteps, kind="stable")])
    return float(np.sqrt((steps**2).sum() / (2 * n * (n - 1))))


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
