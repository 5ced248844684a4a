"""Marks of checkpoints on a surface, and when a surface in the making is drawn at all."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from flatdiff.figures.surface import drawable, surface_contour
from flatdiff.measures.surface import SurfaceResult
from tests.results import surface
from tests.subjects import changed

LIMITS = (1.0, 2.0)


def marks_of(result: SurfaceResult, names: Sequence[str] = ()) -> Any:
    """The trace of the marks."""
    return list(surface_contour(result, LIMITS, names=names).data)[1]


def test_partners_stand_where_they_lie() -> None:
    """The checkpoint in the origin; a partner beside the plane has another symbol, and says so."""
    marks = np.array([[1.0, 0.0, 0.0], [0.5, 1.0, 0.4]])
    places = marks_of(changed(surface(), marks=marks), ("A", "B", "C"))
    assert [list(places.x), list(places.y)] == [[0, 1, 0.5], [0, 0, 1]]
    assert list(places.text) == ["A", "B", "C"]
    assert list(places.marker.symbol) == ["cross-thin", "cross-thin", "circle-open"]
    assert ["off the plane" in words for words in places.customdata] == [False, False, True]


def test_states_of_a_run_are_joined_in_their_order() -> None:
    """The line goes through the places named, not through all."""
    marks = np.array([[1.0, 0.0, 0.0], [0.5, 1.0, 0.4], [0.2, 0.3, 0.0]])
    figure = surface_contour(changed(surface(), marks=marks), (1, 2), trajectory=(3, 2, 0))
    line: Any = list(figure.data)[1]
    assert [list(line.x), list(line.y)] == [[0.2, 0.5, 0], [0.3, 1, 0]]


def test_random_directions_mark_the_checkpoint_alone() -> None:
    """No partner, no name: one cross in the middle."""
    places = marks_of(surface())
    assert (list(places.x), list(places.y), list(places.text)) == ([0], [0], [""])


@pytest.mark.parametrize(
    ("rows", "columns", "stride", "expected"),
    [
        (11, 11, 1, True),
        (11, 11, 2, True),
        (11, 11, 4, True),
        (11, 11, 8, False),
        (1, 11, 2, True),
        (1, 11, 8, False),
        (2, 2, 1, True),
        (2, 9, 4, False),
        (2, 9, 1, True),
    ],
)
def test_a_picture_needs_three_points_along_each_axis(
    rows: int, columns: int, stride: int, expected: bool
) -> None:
    """Or all there are; the strides are those of cells done so far."""
    computed = np.zeros((rows, columns), bool)
    computed[::stride, ::stride] = True
    result = changed(
        surface(),
        a=np.arange(columns),
        b=np.arange(rows),
        loss=np.where(computed, 1.0, np.nan),
        computed=computed,
    )
    assert drawable(result) == expected
    assert not drawable(changed(result, computed=np.zeros_like(computed))) or columns == 1
