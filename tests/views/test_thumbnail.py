"""Thumbnails of surfaces: one scale, b upwards, and nothing where nothing is known."""

from typing import Any

import numpy as np

from flatdiff.views.surfaces.thumbnail import thumbnails

LOW, HIGH = (68, 1, 84), (253, 231, 37)  # viridis begins and ends so


def test_all_share_a_scale_and_b_points_upwards() -> None:
    """The darkest pixel is the lowest loss of all, the brightest the highest."""
    first, second = np.full((3, 3), 1.0), np.full((3, 3), 2.0)
    first[2, 0] = 3.0  # at the highest b
    drawn: Any = thumbnails([first, None, second])
    assert drawn[1] is None
    assert tuple(drawn[0][-1, -1]) == LOW
    assert tuple(drawn[0][0, 0]) == HIGH
    assert tuple(drawn[2][0, 0]) not in (LOW, HIGH)
    assert drawn[0].shape == drawn[2].shape == (123, 123, 3)


def test_what_is_no_number_is_black() -> None:
    """A surface of nothing else is none."""
    loss = np.array([[1.0, np.nan], [np.inf, 2.0]])
    (drawn,) = thumbnails([loss])
    assert drawn is not None
    assert (drawn[-1, -1] == 0).all()
    assert thumbnails([np.full((2, 2), np.nan), None]) == [None, None]
    assert thumbnails([]) == []
