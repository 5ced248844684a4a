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
    even, nodes = grids.even(level), grids.nodes(level)
    assert len(even) == len(set(even)) == counts[level]
    assert len(nodes) == len(set(nodes))
    assert set(even) <= set(nodes)
    if level < 2:
        assert set(grids.known(level)) <= set(grids.known(level + 1))
        assert set(grids.held_out(level)) <= set(grids.even(level + 1))


@pytest.mark.parametrize("grids", [PLANE, LINE])
def test_the_middle_is_finer_than_the_rest(grids: Grids) -> None:
    """Nodes a half and a quarter of a cell from it, and points held out between, none twice."""
    added = set(grids.nodes(0)) - set(grids.even(0))
    assert len(added) == {2: 16, 1: 4}[grids.dimensions]
    distances = np.unique(np.abs(grids.places(sorted(added))).max(axis=1))
    np.testing.assert_allclose(distances, [1 / 16, 1 / 8])
    near = grids.places(grids.near())
    assert len(grids.near()) == len(set(grids.near())) == {2: 8, 1: 4}[grids.dimensions]
    assert np.abs(near).max() < 1 / 4
    np.testing.assert_allclose(near.sum(axis=0), 0, atol=1e-12)
    for level in range(3):
        assert not set(grids.near()) & {*grids.nodes(level), *grids.held_out(level)}
    without = Grids(cells=8, num_levels=3, dimensions=grids.dimensions, centred=False)
    assert without.nodes(1) == without.even(1)
    assert without.near() == []


def test_a_bowl_is_known_better_in_the_middle() -> None:
    """A dent there, which even nodes miss, is seen by those about the middle."""

    def dent(places: np.ndarray) -> np.ndarray:
        return (places**2).sum(axis=1) - 0.02 * np.exp(-(places**2).sum(axis=1) / 0.03)

    axis = np.linspace(-0.2, 0.2, 21)
    points = np.stack([a.ravel() for a in np.meshgrid(axis, axis)], axis=1)
    missed = [
        np.abs(
            interpolation_matrix(grids.places(grids.known(0)), points)
            @ dent(grids.places(grids.known(0)))
            - dent(points)
        ).max()
        for grids in (PLANE, Grids(cells=8, num_levels=3, dimensions=2, centred=False))
    ]
    assert missed[0] < missed[1] / 10


@pytest.mark.parametrize(("grids", "level"), LEVELS)
def test_held_out_points_are_no_nodes(grids: Grids, level: int) -> None:
    """An error measured at a node is 0, always; the outermost are among the points."""
    held_out, nodes = grids.held_out(level), grids.nodes(level)
    assert not set(held_out) & set(nodes)
    free = len(set(grids.even(level + 1)) - set(nodes))
    assert len(set(held_out)) == len(held_out) == min(NUM_HELD_OUT, free)
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
