"""The valleys of a loss surface, and how far the basin of its checkpoint reaches.

What two places differ by is known to some error: the panel's, which both share, and that of the
interpolation. A valley that is no deeper than that may be none.
"""

from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from flatdiff.landscape.topology import Valley, edge_of, reach, valleys
from flatdiff.measures.statistics import CONFIDENCE
from flatdiff.measures.surfaces.result import SurfaceResult
from flatdiff.system.remembered import remembered

# Standard errors on either side of what is known at 95 %.
CERTAIN = NormalDist().inv_cdf((1 + CONFIDENCE) / 2)


@dataclass(frozen=True)
class SurfaceValley:
    """A valley of a loss surface; losses are rises above the checkpoint's."""

    a: float  # of its lowest point
    b: float
    rise: float  # there
    joins_at: float  # where it joins a deeper one; of the deepest, the highest there is
    joins: int | None  # which one, by its place in the list; None of the deepest
    floor: float  # a persistence below it may be noise
    share: float  # of all points, below its saddle

    @property
    def persistence(self) -> float:
        """From its lowest point up to where it joins a deeper one."""
        return self.joins_at - self.rise

    @property
    def certain(self) -> bool:
        """Whether it is deeper than noise."""
        return self.persistence > self.floor


@remembered
def surface_valleys(result: SurfaceResult) -> list[SurfaceValley]:
    """All there are, the deepest first; empty of a surface that is not whole.

    The floor adds the errors of the two places, as if what they share were not shared: a valley
    that is called certain is.
    """
    if not result.computed.all():
        return []
    found = valleys(result.loss)
    order = {valley.minimum: k for k, valley in enumerate(found)}
    error = cell_error(result)
    return [_located(result, valley, order, error) for valley in found]


def _located(
    result: SurfaceResult, valley: Valley, order: dict[tuple[int, ...], int], error: NDArray
) -> SurfaceValley:
    row, column = valley.minimum
    rise = float(result.loss[valley.minimum]) - result.base_loss
    saddle = valley.minimum if valley.saddle is None else valley.saddle
    return SurfaceValley(
        a=float(result.a[column]),
        b=float(result.b[row]),
        rise=rise,
        joins_at=rise + valley.persistence,
        joins=None if valley.into is None else order[valley.into],
        floor=float(error[valley.minimum] + error[saddle]),
        share=valley.size / result.loss.size,
    )


def cell_error(result: SurfaceResult) -> NDArray[np.float64]:
    """(rows, columns); by how much the rise of a cell may be off, at 95 %."""
    return CERTAIN * np.nan_to_num(result.rise_stderr) + result.error_estimate


@dataclass(frozen=True)
class Basin:
    """What one reaches from a checkpoint without climbing more than some height."""

    rises: NDArray[np.float64]  # (n,) heights above its loss
    share: NDArray[np.float64]  # (n,) of the picture
    least: NDArray[np.float64]  # (n,) if every loss is as high as its error allows, at 95 %
    most: NDArray[np.float64]  # (n,) if every loss is as low
    open_from: float  # the rise at which it reaches the border: beyond, its share says less


def basin(result: SurfaceResult, rises: NDArray) -> Basin:
    """Of a whole surface.

    Args:
        result: of one or two dimensions.
        rises: (n,) heights above the loss of the checkpoint, >= 0.
    """
    start = (int(np.argmin(np.abs(result.b))), int(np.argmin(np.abs(result.a))))
    rise, error = result.loss - result.base_loss, cell_error(result)
    error[start] = 0.0  # where every rise begins
    heights, area = reach(rise, start), _areas(rise.shape)
    share, least, most = (
        np.array([area[reached <= height].sum() for height in rises], dtype=np.float64)
        for reached in (heights, reach(rise + error, start), reach(rise - error, start))
    )
    return Basin(rises, share, least, most, float(heights[edge_of(heights.shape)].min()))


def _areas(shape: tuple[int, ...]) -> NDArray[np.float64]:
    """The share of the picture that each point stands for: on the border, half of one inside."""
    areas = np.ones(shape)
    for axis, size in enumerate(shape):
        if size > 1:
            half = np.ones(size)
            half[[0, -1]] = 0.5
            areas *= np.expand_dims(half, tuple(k for k in range(len(shape)) if k != axis))
    return areas / areas.sum()
