"""Marks of checkpoints on a surface, and when a surface in the making is drawn at all."""

from collections.abc import Sequence
from typing import Any, cast

import numpy as np
import pytest

from flatdiff.measures.surface import SurfaceResult
from flatdiff.measures.surfaces.settings import grid
from flatdiff.views.style import Series
from flatdiff.views.surfaces.plot import MAX_TARGETS, drawable, surface_contour, surface_lines
from flatdiff.views.surfaces.relief import surface_3d
from tests.results import surface
from tests.subjects import changed

LIMITS = (1.0, 2.0)


def marks_of(result: SurfaceResult, names: Sequence[str] = ()) -> Any:
    """The trace of the marks."""
    return list(surface_contour(result, LIMITS, names=names).data)[2]


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
    line: Any = list(figure.data)[2]
    assert [list(line.x), list(line.y)] == [[0.2, 0.5, 0], [0.3, 1, 0]]


def test_random_directions_mark_the_checkpoint_alone() -> None:
    """No partner, no name: one cross in the middle."""
    places = marks_of(surface())
    assert (list(places.x), list(places.y), list(places.text)) == ([0], [0], [""])


@pytest.mark.parametrize(("size", "expected"), [(5, 5), (25, 25), (26, 13), (61, 21), (256, 24)])
def test_a_click_finds_a_cell_of_the_surface(size: int, expected: int) -> None:
    """Each target is a cell with its loss, few enough for a browser, from the first corner on."""
    loss = np.arange(size * size, dtype=float).reshape(size, size)
    axis = grid(size)
    whole = changed(
        surface(), a=axis, b=2 * axis, loss=loss, computed=np.ones_like(loss, dtype=bool)
    )
    targets: Any = list(surface_contour(whole, (0, 9)).data)[1]
    assert len(targets.x) == expected**2 <= MAX_TARGETS**2
    assert (targets.x[0], targets.y[0]) == (axis[0], 2 * axis[0])
    for x, y, (value, distance) in zip(targets.x, targets.y, targets.customdata, strict=True):
        cell = ((2 * axis).tolist().index(y), axis.tolist().index(x))
        assert value == loss[cell]
        assert distance == pytest.approx((x**2 + y**2) ** 0.5)
    assert (targets.marker.opacity, targets.unselected.marker.opacity) == (0, 0)


def test_chosen_point_is_drawn_everywhere() -> None:
    """A dot, a needle through the whole height, an upright line; no other figure has it."""
    result = surface()
    dot: Any = list(surface_contour(result, LIMITS, point=(0.25, -0.5)).data)[-1]
    assert (list(dot.x), list(dot.y)) == ([0.25], [-0.5])
    needle: Any = list(surface_3d(result, LIMITS, point=(0.25, -0.5)).data)[-1]
    assert [list(axis) for axis in (needle.x, needle.y, needle.z)] == [
        [0.25, 0.25],
        [-0.5, -0.5],
        list(LIMITS),
    ]
    line = [Series("ADM", "adm", surface(dimensions=1))]
    shapes: Any = surface_lines(line, point=(0.25, 0.0)).layout.shapes
    assert [(shape.x0, shape.x1) for shape in shapes] == [(0.25, 0.25)]
    assert not surface_lines(line).layout.shapes
    assert len(list(surface_3d(result, LIMITS).data)) == 1


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


def test_one_of_many_surfaces_is_the_same_in_less_room() -> None:
    """Three rows of three are seen without much scrolling."""
    result = surface()
    large, small = (surface_contour(result, LIMITS, small=few) for few in (False, True))
    assert cast("int", small.layout.height) < 0.75 * cast("int", large.layout.height)
    assert small.data == large.data
