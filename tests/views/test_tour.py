"""The tour's own pictures say what is so."""

import numpy as np
import pytest

from flatdiff.views.style import Series
from flatdiff.views.teaching.tour import WELLS, line_through, middle_row, rise_under_noise, wells
from tests.views.test_figures import changed, surface, traces


@pytest.mark.parametrize("curvature", [k for k, _ in WELLS.values()])
def test_the_mean_rise_of_a_valley_is_that_of_many_draws(curvature: float) -> None:
    """Within four standard errors of a simulation."""
    rises = curvature * (0.4 * np.random.default_rng(0).standard_normal(200_000)) ** 2 / 2
    error = rises.std() / np.sqrt(rises.size)
    assert abs(rises.mean() - rise_under_noise(curvature, 0.4)) < 4 * error


def test_the_dashed_lines_are_the_mean_of_the_dots_nearly() -> None:
    """The dots stand for some equally likely places: what is seen agrees with what is said."""
    figure = wells(0.3)
    dots = [trace for trace in traces(figure) if trace.mode == "markers"]
    for trace, line in zip(dots, figure.layout.shapes, strict=True):
        assert np.mean(trace.y) == pytest.approx(line.y0, rel=0.2)
    assert figure.layout.shapes[1].y0 < figure.layout.shapes[0].y0, "the wide valley rises less"


def test_the_line_is_the_row_through_the_checkpoint() -> None:
    result = surface()
    a, loss = middle_row(result)
    row = int(np.argmin(np.abs(result.b)))
    np.testing.assert_array_equal(loss, result.loss[row])
    line, place = traces(line_through(Series("ADM", "adm", result), float(a[0])))
    np.testing.assert_array_equal(line.y, loss)
    assert place.y[0] == pytest.approx(loss[0])
    coarse = changed(result, computed=np.zeros_like(result.computed))
    assert middle_row(coarse)[0].size >= 1
