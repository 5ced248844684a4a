"""Flatness and samples along a run: what is drawn is what was found."""

from typing import Any

import numpy as np
import pytest

from flatdiff.training.evaluations import Evaluation
from flatdiff.views.evaluations import flatness_curves, sample_strip
from flatdiff.views.training import looks

RUN = "mine/sam"
FOUND = [Evaluation(200, 0.5, 0.01, 0.4), Evaluation(400, 0.3, 0.02, 0.25)]


@pytest.mark.parametrize(("shown", "values"), [("lpf", [0.5, 0.3]), ("gap", [0.1, 0.05])])
def test_a_line_in_a_band_of_one_error(shown: Any, values: list[float]) -> None:
    """Up along the upper edge and back along the lower; the crosshair tells the error."""
    figure: Any = flatness_curves({RUN: (looks([RUN])[RUN], FOUND)}, shown, "linear")
    band, line = figure.data
    np.testing.assert_array_equal(line.x, [200, 400])
    np.testing.assert_allclose(line.y, values)
    np.testing.assert_allclose(line.customdata, [0.01, 0.02])
    upper, lower = values[0] + 0.01, values[0] - 0.01
    np.testing.assert_allclose([band.y[0], band.y[-1]], [upper, lower])
    assert (line.name, line.line.color) == (RUN, looks([RUN])[RUN].color)
    assert figure.layout.hovermode == "x unified"


def test_only_lpf_has_a_logarithm() -> None:
    """A rise may be below zero within its error."""
    kinds = {
        shown: flatness_curves({RUN: (looks([RUN])[RUN], FOUND)}, shown, "log").layout
        for shown in ("lpf", "gap")
    }
    axes: Any = {shown: layout.yaxis.type for shown, layout in kinds.items()}  # pyright: ignore[reportAttributeAccessIssue]
    assert axes == {"lpf": "log", "gap": "linear"}


def test_strip_has_a_column_a_step() -> None:
    """Each tick stands under the middle of its column; 8 x 8 pixels, each six, one between."""
    samples = {
        step: np.full((2, 8, 8, 1), grey, np.uint8) for step, grey in ((200, 10), (1400, 250))
    }
    figure: Any = sample_strip(samples)
    assert list(figure.layout.xaxis.ticktext) == ["200", "1,400"]
    width = (2 * 8 + 1) * 6
    np.testing.assert_allclose(figure.layout.xaxis.tickvals, [width / 4, width * 3 / 4])
    assert figure.data[0].source.startswith("data:image/png;base64,")


def test_rows_of_the_strip_are_noises(monkeypatch: pytest.MonkeyPatch) -> None:
    """Sample n of step s stands in row n and column s of the grid."""
    seen: list[np.ndarray] = []
    monkeypatch.setattr("flatdiff.views.evaluations.data_url", lambda grid: seen.append(grid))
    samples = {
        step: np.stack([np.full((8, 8, 1), 10 * k + n, np.uint8) for n in range(3)])
        for k, step in enumerate((200, 400))
    }
    sample_strip(samples)
    (grid,) = seen
    pitch = 9 * 6  # 8 pixels and one between, each six of the screen
    corners = [[int(grid[row * pitch, column * pitch]) for column in (0, 1)] for row in (0, 1, 2)]
    assert corners == [[0, 10], [1, 11], [2, 12]]
