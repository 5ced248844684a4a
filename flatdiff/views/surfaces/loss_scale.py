"""The scale of a loss: what of it is compared, in which steps, and which values are named."""

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from flatdiff.measures.surface import SurfaceResult

CONTOUR_LEVELS = 16
MIN_TICKS = 3  # of a logarithmic scale
MANY_TIMES = 500  # what the highest loss is of the lowest, where powers of ten are enough


def common_range(results: Sequence[SurfaceResult]) -> tuple[float, float] | None:
    """The lowest and highest finite loss of all; None where nothing is computed."""
    return range_of([result.loss for result in results])


def range_of(losses: Sequence[NDArray[np.float64]]) -> tuple[float, float] | None:
    """The same of the losses themselves."""
    values = np.concatenate([np.empty(0), *(loss[np.isfinite(loss)] for loss in losses)])
    return (float(values.min()), float(values.max())) if values.size else None


def on_scale(values: NDArray, log: bool) -> NDArray:
    """As drawn: the logarithm to base 10, or the loss itself."""
    return np.log10(values) if log else values


def levels(limits: tuple[float, float], log: bool) -> tuple[float, float, float]:
    """The first and the last height that has a contour line, and what lies between two."""
    low, high = map(float, on_scale(np.array(limits), log))
    return low, high, (high - low) / CONTOUR_LEVELS or 1.0


def loss_ticks(limits: tuple[float, float], log: bool) -> dict:
    """Ticks at round numbers of the loss, whatever the scale."""
    low, high = limits
    if not log:
        return {"tickvals": round_ticks(low, high)}
    powers = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    leading = (1,) if high >= MANY_TIMES * low else (1, 2, 5)
    ticks = [m * 10.0**k for k in powers for m in leading if low <= m * 10.0**k <= high]
    if len(ticks) < MIN_TICKS:  # it spans too little for such
        ticks = list(np.geomspace(low, high, 5))
    return {
        "tickvals": on_scale(np.array(ticks), log),
        "ticktext": [f"{tick:.3g}" for tick in ticks],
    }


def round_ticks(low: float, high: float) -> list[float]:
    """Multiples of 1, 2 or 5 times a power of ten between two numbers, four to eight of them.

    plotly chooses such itself but for contours, where it counts from their lowest level.

    >>> round_ticks(0.153, 1.107)
    [0.2, 0.4, 0.6, 0.8, 1.0]
    """
    if not high > low:
        return [low]
    power = 10.0 ** math.floor(math.log10((high - low) / 4))
    step = power * max(m for m in (1, 2, 5) if m * power <= (high - low) / 4)
    first, last = math.ceil(low / step), math.floor(high / step)
    return [float(f"{k * step:.10g}") for k in range(first, last + 1)]
