"""The topology of a function on a grid: its valleys, where they join, and how a basin grows.

A valley is a local minimum with all that lies around it below the saddle where it joins a deeper
one; the height between the two is its persistence. Cells touch by their sides and corners, so that
a narrow valley across the grid is one: what is found are valleys at most too few.

Everything that joins below a level joins along the minimum spanning tree of the cells, whose edges
weigh as much as their higher end: a way along it climbs as little as any.

Edelsbrunner and Harer, *Computational Topology* (2010), VII: sublevel sets and the elder rule.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product

import numpy as np
import scipy
from numpy.typing import NDArray

Cell = tuple[int, ...]  # indices along every axis


@dataclass(frozen=True)
class Valley:
    """A local minimum up to where it joins a deeper one."""

    minimum: Cell
    saddle: Cell | None  # None of the deepest, which joins no other
    persistence: float  # of the deepest: up to the highest value there is
    size: int  # cells of it below its saddle; of the deepest, all
    into: Cell | None  # minimum of the deeper one


def valleys(values: NDArray) -> list[Valley]:
    """Of a function on a grid, those that join no other first, then by persistence.

    Args:
        values: of any number of axes; cells that are not finite belong to no valley.

    Returns:
        One for every local minimum; a plateau has one. Parts that nothing connects have a deepest
        valley each.
    """
    cells = _Cells(values)
    tree = cells.tree()
    parent, size = np.arange(values.size), np.ones(values.size, dtype=int)
    ends: dict[int, tuple[int, int, int]] = {}  # of a minimum: cells, saddle, into
    for k in np.argsort(tree.data):
        saddle = int(tree.data[k]) - 1
        elder, younger = sorted(_root(parent, int(end)) for end in (tree.row[k], tree.col[k]))
        if younger != saddle:  # or it is but one cell more of the elder
            ends[younger] = int(size[younger]), saddle, elder
        parent[younger] = elder
        size[elder] += size[younger]
    whole = [k for k in range(cells.count) if parent[k] == k]
    found = [cells.valley(k, int(size[k])) for k in whole]
    found += sorted(
        (cells.valley(k, *end) for k, end in ends.items()), key=lambda valley: -valley.persistence
    )
    return found


def reach(values: NDArray, start: Cell) -> NDArray[np.float64]:
    """The height to climb to, from a cell, to reach every other: the top of the best way.

    Args:
        values: of any number of axes.
        start: where it begins; its value is finite.

    Returns:
        As values; infinite where no way leads, as through what is not a number.
    """
    cells = _Cells(values)
    tree = cells.tree()
    first = int(cells.rank[start])
    order, before = scipy.sparse.csgraph.breadth_first_order(tree, first, directed=False)
    highest = np.full(values.size, -1)
    highest[first] = first
    for k in order[1:]:
        highest[k] = max(highest[before[k]], k)
    heights = np.full(values.shape, np.inf)
    reached = highest[cells.rank]
    heights[reached >= 0] = values.ravel()[cells.order[reached[reached >= 0]]]
    return heights


def edge_of(shape: tuple[int, ...]) -> NDArray[np.bool_]:
    """Which cells lie on the border of a grid; along an axis of one cell there is none."""
    edge = np.ones(shape, dtype=bool)
    edge[tuple(slice(1, -1) if size > 1 else slice(None) for size in shape)] = False
    return edge


class _Cells:
    """Cells known by their ranks: 0 is the lowest, equal ones in their order."""

    def __init__(self, values: NDArray) -> None:
        self.values = values
        finite = np.isfinite(values)
        self.order = np.argsort(np.where(finite, values, np.inf), axis=None, kind="stable")
        self.rank = np.empty(values.size, dtype=int)
        self.rank[self.order] = np.arange(values.size)
        self.rank = self.rank.reshape(values.shape)
        self.count = int(finite.sum())

    def tree(self) -> scipy.sparse.coo_array:
        """The minimum spanning tree; an edge weighs one more than the rank of its higher end."""
        ends = np.concatenate([*_touching(self.rank)], axis=1)
        ends = ends[:, (ends < self.count).all(axis=0)]
        shape = (self.values.size, self.values.size)
        graph = scipy.sparse.coo_array((ends.max(axis=0) + 1.0, (ends[0], ends[1])), shape)
        return scipy.sparse.csgraph.minimum_spanning_tree(graph).tocoo()

    def place(self, rank: int) -> Cell:
        """Where a cell is."""
        return tuple(int(i) for i in np.unravel_index(self.order[rank], self.values.shape))

    def valley(
        self, low: int, size: int, saddle: int | None = None, into: int | None = None
    ) -> Valley:
        """By the ranks of its cells; without a saddle it joins no other."""
        minimum, end = self.place(low), None if saddle is None else self.place(saddle)
        top = self.place(self.count - 1) if end is None else end
        height = float(self.values[top] - self.values[minimum])
        return Valley(minimum, end, height, size, None if into is None else self.place(into))


def _root(parent: NDArray, k: int) -> int:
    """The lowest cell of the part that a cell belongs to."""
    while parent[k] != k:
        parent[k] = parent[parent[k]]
        k = int(parent[k])
    return k


def _touching(rank: NDArray) -> Iterator[NDArray]:
    """(2, n) each: the ranks of cells that touch by a side or a corner, every pair once."""
    for step in product((-1, 0, 1), repeat=rank.ndim):
        if step <= (0,) * rank.ndim:
            continue
        here = tuple(slice(max(-k, 0), -k if k > 0 else None) for k in step)
        there = tuple(slice(max(k, 0), k if k < 0 else None) for k in step)
        yield np.stack([rank[here].ravel(), rank[there].ravel()])
