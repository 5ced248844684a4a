"""Valleys and basins against closed forms, and against gudhi on random functions."""

import math

import gudhi
import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import ndimage

from flatdiff.landscape.topology import edge_of, reach, valleys

SIDE = np.linspace(-2, 2, 81)


def plane() -> tuple[NDArray, NDArray]:
    """Coordinates of a square grid: x along columns, y along rows."""
    x, y = np.meshgrid(SIDE, SIDE)
    return x, y


def wells(depth: float, width: float = 0.4) -> NDArray:
    """Two Gaussian wells at x = -1, of some depth, and x = 1, of depth 1."""
    x, y = plane()
    left, right = (np.exp(-((x - at) ** 2 + y**2) / (2 * width**2)) for at in (-1, 1))
    return -(depth * left + right)


def test_a_bowl_is_one_valley_and_its_basin_a_disc() -> None:
    """Of all that is below h, x² + y² <= h, until it meets the border at 4."""
    x, y = plane()
    bowl = x**2 + y**2
    (valley,) = valleys(bowl)
    assert (valley.minimum, valley.saddle, valley.size) == ((40, 40), None, bowl.size)
    assert valley.persistence == pytest.approx(8)
    heights = reach(bowl, (40, 40))
    np.testing.assert_array_equal(heights, bowl)
    assert heights[edge_of(bowl.shape)].min() == pytest.approx(4)
    cell = (SIDE[1] - SIDE[0]) ** 2
    assert (heights <= 3).sum() * cell == pytest.approx(3 * math.pi, rel=0.01)


def test_two_wells_join_at_the_pass_between_them() -> None:
    """At x = 0 up to the asymmetry, where each well adds its tail."""
    both = wells(0.7)
    deep, shallow = valleys(both)
    assert (deep.minimum, shallow.minimum) == ((40, 60), (40, 20))
    assert shallow.into == deep.minimum
    at = np.linspace(-1, 1, 100_001)
    tails = np.exp(-((at + 1) ** 2) / 0.32), np.exp(-((at - 1) ** 2) / 0.32)
    between = -(0.7 * tails[0] + tails[1])
    expected = between.max() - both[40, 20]
    assert shallow.persistence == pytest.approx(expected, rel=0.01)
    assert reach(both, (40, 20))[40, 60] == pytest.approx(between.max(), rel=0.01)


@pytest.mark.parametrize("shape", [(30,), (14, 17), (7, 6, 8)])
def test_persistence_is_gudhis(shape: tuple[int, ...]) -> None:
    """Cells that touch by their corners are its top-dimensional cells."""
    values = np.random.default_rng(len(shape)).standard_normal(shape)
    theirs = gudhi.CubicalComplex(top_dimensional_cells=values)
    theirs.compute_persistence()
    pairs = sorted(tuple(pair) for pair in theirs.persistence_intervals_in_dimension(0).tolist())
    deepest, *others = valleys(values)
    found = [(values[v.minimum], values[v.minimum] + v.persistence) for v in others]
    np.testing.assert_allclose(sorted([(values[deepest.minimum], math.inf), *found]), pairs)


def test_reach_is_the_level_at_which_two_cells_are_connected() -> None:
    """By the labels that scipy's image library gives to what lies below each level."""
    values = np.random.default_rng(7).standard_normal((9, 9))
    heights = reach(values, (4, 4))
    for level in np.quantile(values[values >= values[4, 4]], [0, 0.1, 0.4, 0.7, 1]):
        below, near = values <= level, np.ones((3, 3))
        labels, _ = ndimage.label(below, near)  # pyright: ignore[reportGeneralTypeIssues]
        np.testing.assert_array_equal(heights <= level, labels == labels[4, 4])


def test_a_narrow_valley_across_the_grid_is_one() -> None:
    """By sides alone it would be a chain of minima."""
    assert len(valleys(1.0 - np.eye(12) + np.linspace(0, 0.1, 12))) == 1


def test_what_is_not_a_number_parts_what_it_lies_between() -> None:
    """A wall: two deepest valleys, and no way from one to the other."""
    values = np.add.outer(np.zeros(3), np.abs(np.arange(7.0) - 3))
    values[:, 3] = np.nan
    found = valleys(values)
    assert [valley.saddle for valley in found] == [None, None]
    assert sum(valley.size for valley in found) == 18
    heights = reach(values, (1, 0))
    assert np.isinf(heights[:, 3:]).all()
    assert np.isfinite(heights[:, :3]).all()


def test_a_plateau_has_one_minimum() -> None:
    """And a function without finite values no valley."""
    assert len(valleys(np.zeros((4, 5)))) == 1
    assert valleys(np.full((3, 3), np.nan)) == []
