"""A thumbnail is a loss surface as a small image, to tell checkpoints apart at a glance."""

from collections.abc import Sequence
from functools import cache

import numpy as np
from numpy.typing import NDArray
from plotly.colors import sample_colorscale

from flatdiff.system.remembered import remembered
from flatdiff.views.style import COLORSCALE
from flatdiff.views.surfaces.loss_scale import range_of

STEPS = 256  # of colour
HEIGHT = 122  # pixels


@remembered
def thumbnails(surfaces: Sequence[NDArray[np.float64] | None]) -> list[NDArray[np.uint8] | None]:
    """Images (H, W, 3) of losses (rows, columns) on one scale, b upwards; None stays so.

    Black where a loss is no number.
    """
    limits = range_of([loss for loss in surfaces if loss is not None])
    if limits is None:
        return [None] * len(surfaces)
    return [None if loss is None else _drawn(loss, *limits) for loss in surfaces]


def _drawn(loss: NDArray[np.float64], low: float, high: float) -> NDArray[np.uint8]:
    finite = np.isfinite(loss)
    share = (np.where(finite, loss, low) - low) / ((high - low) or 1.0)
    colours = _palette()[(share * (STEPS - 1)).round().astype(int)]
    colours[~finite] = 0
    times = max(1, round(HEIGHT / len(loss)))
    return colours[::-1].repeat(times, axis=0).repeat(times, axis=1)


@cache
def _palette() -> NDArray[np.uint8]:
    """(STEPS, 3), of the scale that every loss has."""
    words = sample_colorscale(COLORSCALE, np.linspace(0, 1, STEPS).tolist(), colortype="tuple")
    return (255 * np.array(words)).round().astype(np.uint8)
