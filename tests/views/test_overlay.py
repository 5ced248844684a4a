"""Two surfaces in one picture: each in its own colour, at the same losses, their names as text."""

from typing import Any

import numpy as np

from flatdiff.views.style import Series
from flatdiff.views.surfaces.loss_scale import levels
from flatdiff.views.surfaces.overlay import overlay_3d, overlay_lines
from flatdiff.views.surfaces.relief import surface_3d
from tests.results import surface
from tests.subjects import changed

LIMITS = (0.5, 2.5)
SHARP = surface()
FLAT = changed(SHARP, loss=SHARP.loss / 2)
PAIR = [Series("ADM", "adm", SHARP), Series("<b>SAM</b>", "sam", FLAT)]


def test_sheets_keep_their_losses_and_colours() -> None:
    """On one height, seen through; the lower one is the lower loss."""
    figure: Any = overlay_3d(PAIR, LIMITS, point=(0.5, 0.0))
    high, low, needle = figure.data
    for sheet, entry in ((high, PAIR[0]), (low, PAIR[1])):
        np.testing.assert_array_equal(sheet.z, entry.result.loss)
        assert {colour for _, colour in sheet.colorscale} == {entry.style.color}
        assert 0 < sheet.opacity < 1
    assert low.name == "&lt;b&gt;SAM&lt;/b&gt;"
    assert figure.layout.showlegend
    assert figure.layout.scene.zaxis.range == LIMITS == needle.z


def test_lines_of_both_stand_at_the_same_losses() -> None:
    """Of the comparison's range, whatever each one's own is; on a logarithmic scale, too."""
    for log in (False, True):
        figure: Any = overlay_lines(PAIR, LIMITS, log=log)
        start, end, size = levels(LIMITS, log)
        for trace, entry in zip(figure.data, PAIR, strict=True):
            found = trace.contours
            assert (found.start, found.end, found.size) == (start, end, size)
            assert found.coloring == "lines"
            assert (trace.line.color, trace.line.dash) == (entry.style.color, entry.style.dash)


def test_contours_lie_below_a_relief() -> None:
    """As many as a contour picture has, projected on the floor of the cube."""
    relief: Any = surface_3d(SHARP, LIMITS)
    lines = relief.data[0].contours.z
    assert (lines.start, lines.end, lines.size) == levels(LIMITS, log=False)
    assert lines.project.z
    assert relief.layout.scene.zaxis.range[0] == LIMITS[0]
