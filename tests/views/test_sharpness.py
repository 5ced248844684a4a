"""Sharpness as pictures and rows."""

from typing import Any

import numpy as np

from flatdiff.measures.sharpness import SharpnessSettings
from flatdiff.views import SECTIONS, View
from flatdiff.views.style import Series
from tests.results import sharpness

SECTION = SECTIONS["sharpness"]
SETTINGS = SharpnessSettings(radii=(0.01, 0.1), num_ascent_steps=2)


def pictures(count: int | None = None) -> list[Any]:
    """Of one checkpoint."""
    return SECTION.pictures([Series("A", "sam", sharpness(count))], SETTINGS, View())


def test_the_line_is_the_highest_rise_and_a_dotted_one_the_first() -> None:
    """With two standard errors; by step within the largest ball."""
    result = sharpness()
    rises, steps = pictures()
    highest, first = rises.content.data
    np.testing.assert_array_equal(highest.x, [0.01, 0.1])
    np.testing.assert_array_equal(highest.y, result.rise)
    np.testing.assert_array_equal(highest.error_y.array, 2 * result.rise_stderr)
    np.testing.assert_array_equal(first.y, result.first_rise)
    assert first.line.dash == "dot"
    np.testing.assert_array_equal(steps.content.data[0].y, result.by_step[1])


def test_what_is_not_done_is_left_out() -> None:
    """The base alone draws nothing; one radius of two has one row and no steps."""
    assert pictures(1) == []
    assert [picture.key for picture in pictures(2)] == ["rises"]
    assert len(SECTION.read(sharpness(2))) == 1
    assert [row["radius"] for row in SECTION.read(sharpness())] == ["0.01", "0.1"]
