"""Which plane a loss surface is taken on, how far it goes, and at which points it is computed."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from flatdiff.landscape.interpolation import Grids
from flatdiff.landscape.noise import NORMALIZATIONS, Normalization
from flatdiff.measures.base import Item
from flatdiff.settings import require, require_finite, require_one_of, require_seed

Axes = Literal["random", "checkpoints", "eigenvectors"]
SurfaceMode = Literal["exact", "interpolated"]

AXES: tuple[Axes, ...] = ("random", "checkpoints", "eigenvectors")
SURFACE_MODES: tuple[SurfaceMode, ...] = ("interpolated", "exact")
MAX_CELLS = 256 * 256
MAX_SPAN = 1e6  # far beyond any weights, far below what float32 can hold
MARGIN = 0.25  # beyond two checkpoints, as a share of their distance
FALLBACK_RESOLUTION = 25  # of a surface that turns out not to be smooth

NUM_LEVELS, COARSEST_CELLS = 3, 8  # of the nodes of interpolated surfaces; along an axis


@dataclass(frozen=True, kw_only=True)
class SurfaceSettings:
    """Which plane, how far and how fine.

    Axes `random`: Gaussian directions, normalised. `checkpoints`: from the checkpoint (a = 0) to
    the first partner (a = 1), and in two dimensions on through the second (b = 1).
    `eigenvectors`: of the panel loss's Hessian, of unit norm.
    """

    axes: Axes = "random"
    mode: SurfaceMode = "exact"  # every cell, or a smooth function whose error was measured
    dimensions: Literal[1, 2] = 2
    resolution: int = 25  # cells along a, where every cell is computed
    resolution_b: int | None = None  # cells along b; None = as many as along a
    span: float = 1.0  # a and b run over [-span, span]; over [-0.25, 1.25] between checkpoints
    normalization: Normalization = "filter"  # of random directions
    tolerance: float = 0.01  # of an interpolated surface, as a share of its range
    seed: int = 0  # of the directions

    def __post_init__(self) -> None:
        self._require_known_words()
        self._spell_one_way()
        for name in ("resolution", "resolution_b"):
            value = getattr(self, name)
            if value is not None:
                whole = isinstance(value, int) and 2 <= value <= 1025
                require(whole, name, "an integer in [2, 1025]", value)
        cells = self.shape[0] * self.shape[1]
        require(cells <= MAX_CELLS, "resolution", f"at most {MAX_CELLS} cells in all", cells)
        require_finite("span", self.span, above=0)
        require(self.span <= MAX_SPAN, "span", f"at most {MAX_SPAN:g}", self.span)
        require(0 < self.tolerance < 1, "tolerance", "in (0, 1)", self.tolerance)
        require_seed("seed", self.seed)

    def _require_known_words(self) -> None:
        require(self.dimensions in (1, 2), "dimensions", "1 or 2", self.dimensions)
        for name, known in (
            ("axes", AXES),
            ("mode", SURFACE_MODES),
            ("normalization", NORMALIZATIONS),
        ):
            require_one_of(name, getattr(self, name), known)

    def _spell_one_way(self) -> None:
        """Settings that change nothing get their default: equal numbers must have equal keys."""
        unused: dict[str, object] = {}
        if self.dimensions == 1 or self.resolution_b == self.resolution:
            unused["resolution_b"] = None
        if self.mode == "exact":
            unused["tolerance"] = 0.01
        else:
            unused |= {"resolution": FALLBACK_RESOLUTION, "resolution_b": None}
        if self.axes != "random":
            unused["normalization"] = "filter"
        if self.axes == "checkpoints":
            unused |= {"span": 1.0, "seed": 0}
        for name, value in {"span": float(self.span), **unused}.items():
            object.__setattr__(self, name, value)

    @property
    def shape(self) -> tuple[int, int]:
        """(cells along b, cells along a) of the exact grid; one row in one dimension."""
        if self.dimensions == 1:
            return (1, self.resolution)
        return (self.resolution_b or self.resolution, self.resolution)

    @property
    def grids(self) -> Grids:
        """The nodes of an interpolated surface.

        9, 17 and 33 along a line, 81, 145 and 289 in the plane, and some more about the checkpoint
        where it is in the middle.
        """
        return Grids(COARSEST_CELLS, NUM_LEVELS, self.dimensions, self.axes != "checkpoints")

    @property
    def num_marks(self) -> int:
        """Partners that lie on the axes, at a = 1 and b = 1."""
        return self.dimensions if self.axes == "checkpoints" else 0

    def scaled(self, coordinate: NDArray[np.float64]) -> NDArray[np.float64]:
        """From [-1, 1] to the range of an axis; 0 stays exactly 0 where the range is symmetric."""
        if self.axes == "checkpoints":
            return 0.5 + (0.5 + MARGIN) * coordinate
        return self.span * coordinate

    def axis(self, resolution: int) -> NDArray[np.float64]:
        """Evenly spaced over the range of an axis; a single 0 where there is one cell."""
        return self.scaled(grid(resolution)) if resolution > 1 else np.zeros(1)


def grid(resolution: int) -> NDArray[np.float64]:
    """Evenly spaced over [-1, 1], symmetric to the bit, exactly 0 in an odd middle.

    >>> grid(3).tolist()
    [-1.0, 0.0, 1.0]
    """
    return (2 * np.arange(resolution) - (resolution - 1)) / (resolution - 1)


def surface_items(settings: SurfaceSettings) -> Sequence[Item]:
    """The checkpoint itself, its partners, then points from coarse to fine.

    Of an interpolated surface: nodes and held-out points level by level, then the exact cells that
    are needed only where the surface is not smooth.
    """
    return _items(settings.mode, settings.grids, settings.num_marks, settings.shape)


# Asked for whenever something is done or drawn, and the same for every seed and checkpoint: a
# server that keeps them for each surface of a class grows by a hundred kilobytes with every one.
@lru_cache(maxsize=16)
def _items(
    mode: SurfaceMode, grids: Grids, num_marks: int, shape: tuple[int, int]
) -> tuple[Item, ...]:
    items: list[Item] = [("base",), *(("mark", k) for k in range(num_marks))]
    if mode == "interpolated":
        nodes: dict[Item, None] = {}  # a set that keeps its order
        for level in range(grids.num_levels):
            nodes.update({("node", *node): None for node in _coarse_first(grids, level)})
            nodes.update({("node", *node): None for node in grids.known(level)})
        return (*items, *nodes, *cells_coarse_first(shape))
    return (*items, *cells_coarse_first(shape))


def _coarse_first(grids: Grids, level: int) -> list[tuple[int, int]]:
    """A level's nodes, every second of each axis before the others."""
    coarse = 2 * grids.step(level)
    return sorted(grids.even(level), key=lambda node: bool(node[0] % coarse or node[1] % coarse))


def cells_coarse_first(shape: tuple[int, int]) -> Iterator[Item]:
    """Every cell once, from coarse to fine."""
    rows, columns = shape
    stride = 1
    while stride * 4 < max(rows, columns):
        stride *= 2
    cells: dict[Item, None] = {}  # a set that keeps its order
    while stride:
        for i in range(0, rows, stride):
            cells.update({("cell", i, j): None for j in range(0, columns, stride)})
        stride //= 2
    return iter(cells)
