"""Smooth functions through nodes: exact for parabolas, honest where they cannot be."""

import numpy as np
import pytest

from flatdiff.landscape.interpolation import (
    NUM_HELD_OUT,
    Grids,
    display_matrix,
    error_matrix,
    interpolation_matrix,
)

PLANE, LINE = (Grids(cells=8, num_levels=3, dimensions=d) for d in (2, 1))
LEVELS = [(grids, level) for grids in (PLANE, LINE) for level in range(3)]


def parabola(places: np.ndarray) -> np.ndarray:
    """Of the second degree in one or two coordinates, (n,)."""
    x, y = places[:, 0], places[:, -1]
    return 3 * x**2 - x * y + 0.5 * y - 2


def wave(places: np.ndarray) -> np.ndarray:
    """Smooth, of no degree."""
    return np.sin(2.5 * places[:, 0]) * np.cos(2.0 * places[:, -1])


@pytest.mark.parametrize(("grids", "level"), LEVELS)
def test_parabolas_are_reproduced(grids: Grids, level: int) -> None:
    """Every point between the nodes is the formula's."""
    known = parabola(grids.places(grids.known(level)))
    found = display_matrix(grids, level, 23) @ known
    axis = np.linspace(-1, 1, 23)
    axes = np.meshgrid(*[axis] * grids.dimensions, indexing="ij")
    truth = parabola(np.stack([a.ravel() for a in axes], axis=1))
    np.testing.assert_allclose(found, truth, atol=1e-6)


def test_nodes_keep_their_values() -> None:
    """Whatever the values: nothing is smoothed away."""
    places = PLANE.places(PLANE.known(0))
    values = np.random.default_rng(0).normal(size=(len(places), 3))
    np.testing.assert_allclose(interpolation_matrix(places, places) @ values, values, atol=1e-9)


@pytest.mark.parametrize("grids", [PLANE, LINE])
def test_every_level_misses_less(grids: Grids) -> None:
    """Over all levels by at least what is expected, on a function that none reproduces."""
    missed = []
    for level in range(3):
        known = wave(grids.places(grids.known(level)))
        held_out = known[len(grids.nodes(level)) :]
        missed.append(np.abs(error_matrix(grids, level) @ known - held_out).max())
    assert missed[0] > missed[1] > missed[2] > 1e-12
    assert missed[2] < missed[0] / grids.gain**2


@pytest.mark.parametrize(("grids", "level"), LEVELS)
def test_levels_are_nested(grids: Grids, level: int) -> None:
    """Nothing is computed for nothing: what a level knows, the next one knows too."""
    counts = {2: [81, 145, 289], 1: [9, 17, 33]}[grids.dimensions]
    nodes = grids.nodes(level)
    assert len(nodes) == len(set(nodes)) == counts[level]
    if level < 2:
        assert set(grids.known(level)) <= set(grids.nodes(level + 1))


@pytest.mark.parametrize(("grids", "level"), LEVELS)
def test_held_out_points_are_no_nodes(grids: Grids, level: int) -> None:
    """An error measured at a node is 0, always; the outermost are among the points."""
    held_out, nodes = grids.held_out(level), grids.nodes(level)
    assert not set(held_out) & set(nodes)
    assert len(set(held_out)) == len(held_out) == min(NUM_HELD_OUT, len(nodes) - 1)
    far = np.abs(grids.places(held_out)).sum(axis=1).max()
    assert far == pytest.approx(
        grids.dimensions * (1 - 2 ** -(3 + level / grids.dimensions)), 0.05
    )


@pytest.mark.parametrize(("grids", "level"), LEVELS)
def test_places_span_the_range(grids: Grids, level: int) -> None:
    """The middle is 0 exactly, so that the checkpoint itself is a node."""
    places = grids.places(grids.nodes(level))
    assert (places.min(), places.max()) == (-1, 1)
    assert [0] * grids.dimensions in places.tolist()
    assert np.array_equal(np.sort(places, axis=0), np.sort(-places, axis=0))


@pytest.mark.parametrize(("grids", "level"), LEVELS)
def test_a_point_does_not_foretell_itself(grids: Grids, level: int) -> None:
    """However wrong one held-out value is, what is expected of it stays."""
    known = wave(grids.places(grids.known(level)))
    expected = error_matrix(grids, level) @ known
    known[-1] += 1e3
    assert (error_matrix(grids, level) @ known)[-1] == expected[-1]
