"""An interpolated surface is a smooth function known at few points, its error measured at others.

A quintic radial function through every point that is known, with a quadratic tail. Its error is
how far it misses some of these points when each in turn is held out: nodes of the next level,
where the function knows least. On exact 41 x 41 surfaces of trained networks the true error of
what is shown is 1.1 times that (median; 1.6 in one of twenty). 81 nodes and 16 such points miss
0.6 % of the range (median); a cubic spline through 121 nodes misses 0.35 %, the polynomial through
121 Chebyshev nodes 0.8 %: a loss surface is flat in the middle and steep in the corners, and
polynomials ring there.

A hundredth of the range is much in the middle, where the loss has hardly risen and where one
looks: even nodes alone miss up to all of that rise. So the middle has nodes at a half and a
quarter of the distance, and points between them that are held out as well; what they are missed by
is told beside the rise there.
"""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import scipy
from numpy.typing import NDArray

KERNEL, TAIL = "quintic", 2
NUM_HELD_OUT = 16
NUM_CORNERS = 4  # of the points held out lie farthest out, where an error is largest
ORDER = 3  # of the error in the distance of nodes, as surfaces show; more where they are smooth

PARTS = 16  # of the coarsest nodes' distance; positions count in them
# About the middle, in such parts: more nodes, and points held out, which are odd as no node is.
NEAR_NODES = (8, 4)
NEAR_HELD_OUT = ((1, 5), (5, 11))  # (across, along), turned by quarters

Node = tuple[int, int]  # position on the finest grid, (row, column)


@dataclass(frozen=True)
class Grids:
    """Nested sets of nodes over [-1, 1] or [-1, 1]^2, each with twice the nodes of the one before.

    Along a line every level halves the cells. In the plane it adds the cells' centres, then the
    middles of their sides, which is an even grid again. Positions count finer than any level, so
    that every node and every point held out has one name.
    """

    cells: int  # along an axis, on the coarsest level; even
    num_levels: int
    dimensions: int  # 1 or 2
    centred: bool = True  # whether the middle is a place to look at, and every level is fine there

    @property
    def last(self) -> int:
        """The highest position."""
        return self.cells * PARTS

    @property
    def gain(self) -> float:
        """By which a level's error is expected to be below that of the level before."""
        return 2 ** (ORDER / self.dimensions)

    def step(self, level: int) -> int:
        """Positions between two nodes of a row."""
        return self.last // (self.cells << level // self.dimensions)

    def even(self, level: int) -> list[Node]:
        """The even grid of a level, in rows."""
        step = self.step(level)
        along = range(0, self.last + 1, step)
        if self.dimensions == 1:
            return [(0, j) for j in along]
        centres = range(step // 2, self.last, step) if level % 2 else ()
        return sorted([(i, j) for k in (along, centres) for i in k for j in k])

    def fineness(self, node: Node) -> int:
        """0 where a node is on a grid four times as coarse as the coarsest, 1 twice, else 2."""
        on = [not any(i % (times * self.step(0)) for i in node) for times in (4, 2)]
        return 0 if on[0] else 1 if on[1] else 2

    def nodes(self, level: int) -> list[Node]:
        """Every node of a level: its even grid, and those about the middle."""
        even, middle = self.even(level), self.last // 2
        if not self.centred:
            return even
        offsets = [(i * h, j * h) for h in NEAR_NODES for i in (-1, 0, 1) for j in (-1, 0, 1)]
        if self.dimensions == 1:
            near = [(0, middle + j) for i, j in offsets if i == 0]
        else:
            near = [(middle + i, middle + j) for i, j in offsets]
        return list(dict.fromkeys([*even, *near]))

    def near(self) -> list[Node]:
        """Points about the middle that are held out; nodes of no level."""
        middle = self.last // 2
        if not self.centred:
            return []
        if self.dimensions == 1:
            return [(0, middle + sign * j) for _, j in NEAR_HELD_OUT for sign in (-1, 1)]
        quarters = [turned for i, j in NEAR_HELD_OUT for turned in ((i, j), (j, -i))]
        return [(middle + s * i, middle + s * j) for i, j in quarters for s in (-1, 1)]

    def held_out(self, level: int, seed: int = 0) -> list[Node]:
        """Points that only the next even grid knows: the outermost, and others at random."""
        known, middle = set(self.nodes(level)), self.last / 2
        free = [node for node in self.even(level + 1) if node not in known]
        free.sort(key=lambda node: -sum((k - middle) ** 2 for k in node[2 - self.dimensions :]))
        others = np.random.default_rng(seed).permutation(len(free) - NUM_CORNERS) + NUM_CORNERS
        chosen = [*range(NUM_CORNERS), *others[: NUM_HELD_OUT - NUM_CORNERS].tolist()]
        return [free[k] for k in chosen]

    def known(self, level: int) -> list[Node]:
        """All points that a level is computed from: nodes, held-out ones, those of the middle."""
        return [*self.nodes(level), *self.held_out(level), *self.near()]

    def places(self, nodes: list[Node]) -> NDArray[np.float64]:
        """(n, dimensions), in [-1, 1]; symmetric to the bit."""
        positions = np.array(nodes, np.float64)[:, 2 - self.dimensions :]
        return (2 * positions - self.last) / self.last


def interpolation_matrix(nodes: NDArray, points: NDArray) -> NDArray[np.float64]:
    """The matrix that takes values at nodes (n, D) to values at points (m, D), (m, n).

    Refined once by what it misses at the nodes: close ones make it a system that rounding hurts.
    """
    unit = np.eye(len(nodes))
    through = scipy.interpolate.RBFInterpolator
    first = through(nodes, unit, kernel=KERNEL, degree=TAIL)
    missed = through(nodes, unit - first(nodes), kernel=KERNEL, degree=TAIL)
    return first(points) + missed(points)


@lru_cache(maxsize=12)  # of every level there is; the same for every checkpoint, at every look
def error_matrix(grids: Grids, level: int) -> NDArray[np.float64]:
    """Takes values at all known points (n,) to each held-out one by all others, (m, n).

    The last rows are those of the middle.
    """
    places, first = grids.places(grids.known(level)), len(grids.nodes(level))
    weights = _weights(places)[first:]
    held_out = np.arange(first, len(places))
    own = weights[np.arange(len(held_out)), held_out]
    matrix = -weights / own[:, None]
    matrix[np.arange(len(held_out)), held_out] = 0.0
    return matrix


def _weights(nodes: NDArray) -> NDArray[np.float64]:
    """Takes values at nodes (n, D) to what each node's radial function weighs, (n, n).

    A point held out is missed by its weight over the diagonal (Rippa 1999, Adv. Comput. Math. 11),
    so that one inverse foretells each of them by all others.
    """
    radial = -(np.linalg.norm(nodes[:, None] - nodes, axis=2) ** 5)
    powers = [nodes[:, :1] ** 0, nodes]
    powers += [nodes[:, k : k + 1] * nodes[:, k:] for k in range(nodes.shape[1])]
    tail = np.concatenate(powers, axis=1)
    size = tail.shape[1]
    system = np.block([[radial, tail], [tail.T, np.zeros((size, size))]])
    inverse = np.linalg.inv(system)
    inverse += inverse @ (np.eye(len(system)) - system @ inverse)
    return inverse[: len(nodes), : len(nodes)]


@lru_cache(maxsize=8)
def display_matrix(grids: Grids, level: int, size: int) -> NDArray[np.float64]:
    """Takes values at all known points (n,) to an even grid, row by row, (size^D, n)."""
    along = np.linspace(-1, 1, size)
    axes = np.meshgrid(*[along] * grids.dimensions, indexing="ij")
    points = np.stack([axis.ravel() for axis in axes], axis=1)
    return interpolation_matrix(grids.places(grids.known(level)), points)
