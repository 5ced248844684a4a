"""Planes through points of three dimensions, by hand."""

import numpy as np
import torch

from flatdiff.landscape.directions import coordinates, plane_through

ORIGIN = torch.tensor([1.0, 1.0, 1.0])
P = torch.tensor([3.0, 1.0, 1.0])  # two along x
Q = torch.tensor([2.0, 4.0, 1.0])  # one along x, three along y
R = torch.tensor([1.0, 1.0, 6.0])  # off the plane altogether


def test_axes_of_a_plane() -> None:
    """The first goes all the way; the second is what is left of the way to Q."""
    first, second = plane_through(ORIGIN, [P, Q])
    assert first.tolist() == [2, 0, 0]
    assert second.tolist() == [0, 3, 0]


def test_axes_of_a_line() -> None:
    """One partner has no second axis."""
    first, second = plane_through(ORIGIN, [P])
    assert first.tolist() == [2, 0, 0]
    assert second.tolist() == [0, 0, 0]


def test_where_partners_lie() -> None:
    """The first at (1, 0), the second at (1/2, 1), both on the plane; the third beside it."""
    first, second = plane_through(ORIGIN, [P, Q])
    found = coordinates(ORIGIN, [P, Q, R, P + R - ORIGIN, ORIGIN], first, second)
    off = 5 / 29**0.5
    expected = [[1, 0, 0], [0.5, 1, 0], [0, 0, 1], [1, 0, off], [0, 0, 0]]
    np.testing.assert_allclose(found, expected, atol=1e-7)


def test_nobody_is_nowhere() -> None:
    """No partner: an empty table of three columns."""
    assert coordinates(ORIGIN, [], P, Q).shape == (0, 3)
