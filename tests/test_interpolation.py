"""Splines through nodes: exact for cubics, honest where they cannot be."""

import numpy as np
import pytest

from flatdiff.interpolation import NUM_HELD_OUT, Grids, interpolate

PLANE, LINE = Grids((11, 21), 2), Grids((11, 21, 41), 1)


def axes(grids: Grids, level: int) -> tuple[np.ndarray, np.ndarray]:
    """Positions along rows and columns."""
    along = grids.axis(level).astype(float)
    return (along if grids.dimensions == 2 else np.zeros(1)), along


def test_cubics_are_reproduced() -> None:
    """A cubic in each variable, times a member: every point between the nodes is the formula."""
    x = np.linspace(0, PLANE.last, 17)

    def cubic(i: np.ndarray, j: np.ndarray) -> np.ndarray:
        u, v = i[:, None] / 20 - 1, j[None] / 20 - 1
        value = (u**3 - 2 * u + 1) * (v**2 - v**3 + 0.5)
        return np.stack([value, -3 * value], axis=2)

    nodes = axes(PLANE, 0)
    found = interpolate(cubic(*nodes), nodes, (x, x[:5]))
    np.testing.assert_allclose(found, cubic(x, x[:5]), atol=1e-10)


def test_nodes_keep_their_values() -> None:
    """Whatever the values: nothing is smoothed away."""
    values = np.random.default_rng(0).normal(size=(1, 21, 3))
    nodes = axes(LINE, 1)
    np.testing.assert_allclose(interpolate(values, nodes, nodes), values, atol=1e-12)


def test_one_row_is_interpolated_along_columns_only() -> None:
    """A line is a plane of one row."""
    nodes = axes(LINE, 0)
    values = nodes[1][None, :, None] ** 2
    found = interpolate(values, nodes, (np.zeros(1), np.array([3.0, 7.5])))
    np.testing.assert_allclose(found[0, :, 0], [9, 56.25])


@pytest.mark.parametrize("grids", [PLANE, LINE])
def test_levels_are_nested(grids: Grids) -> None:
    """Nothing is computed for nothing: nodes and held-out points are nodes of the next level."""
    for level in range(len(grids.sizes) - 1):
        finer = set(grids.nodes(level + 1))
        assert set(grids.nodes(level)) < finer
        assert set(grids.held_out(level)) < finer
        assert len(grids.nodes(level)) == grids.sizes[level] ** grids.dimensions


@pytest.mark.parametrize("grids", [PLANE, LINE])
def test_held_out_points_are_no_nodes(grids: Grids) -> None:
    """An error measured at a node is 0, always; the corners' cells are among the points."""
    for level in range(len(grids.sizes)):
        held_out = grids.held_out(level)
        assert not set(held_out) & set(grids.nodes(level))
        cells = (grids.sizes[level] - 1) ** grids.dimensions
        assert len(set(held_out)) == len(held_out) == min(NUM_HELD_OUT, cells)
        half = grids.step(level) // 2
        ends = {half, grids.last - half}
        corners = {(i, j) for i in (ends if grids.dimensions == 2 else {0}) for j in ends}
        assert corners <= set(held_out)


def test_coordinates_span_the_range() -> None:
    """The middle is 0 exactly, so that the checkpoint itself is a node."""
    found = PLANE.coordinate(PLANE.axis(1))
    np.testing.assert_allclose(found, np.linspace(-1, 1, 21), atol=1e-15)
    assert found[10] == 0
    assert np.array_equal(found, -found[::-1])
