"""Radius curves, timestep maps and the ruler: what is drawn is what was measured."""

import json
from typing import Any

import numpy as np
import plotly.graph_objects as go

from flatdiff.landscape.perturbation_sizes import Mark
from flatdiff.measures.lpf import LpfSettings
from flatdiff.measures.radius import RadiusSettings
from flatdiff.views import View
from flatdiff.views.lpf import lpf_by_timestep, lpf_pictures
from flatdiff.views.perturbation_sizes import ruler_dots
from flatdiff.views.radius import radius_lines, radius_pictures, rises_of, timestep_map
from flatdiff.views.style import Series, style_of
from tests.results import lpf, radius


def drawn(figure: object) -> list[Any]:
    """Its traces; a figure that is no valid JSON raises here."""
    assert isinstance(figure, go.Figure)
    assert json.loads(figure.to_json(engine="json") or "")
    return list(figure.data)


def test_lines_start_at_the_checkpoint() -> None:
    """Size 0 is the loss itself; the others are the means, with twice their error around them."""
    result = radius()
    ribbon, line = drawn(radius_lines([Series("A", "adm", result)]))
    np.testing.assert_allclose(line.x, [0, 0.5, 1, 2])
    np.testing.assert_allclose(line.y, [result.base_loss, *result.loss])
    np.testing.assert_allclose(np.max(ribbon.y), np.max(line.y + 2 * np.array(line.customdata)))
    assert line.line.color == style_of("adm").color
    assert ribbon.mode == "lines"


def test_relative_axis_and_log_scale() -> None:
    """The same losses over ||delta|| / ||theta||."""
    result = radius()
    figure = radius_lines([Series("A", "sam", result)], axis="relative_norms", log=True)
    np.testing.assert_allclose(drawn(figure)[-1].x, [0, *result.relative_norms])
    assert figure.to_dict()["layout"]["yaxis"]["type"] == "log"


def test_spaghetti_has_every_direction_and_no_line_between_them() -> None:
    """Two directions, two signs: four curves of four points, each followed by a gap."""
    result = radius()
    _, threads, _ = drawn(radius_lines([Series("A", "adm", result)], spaghetti=True))
    curves = np.array(threads.y, dtype=float).reshape(4, 5)
    np.testing.assert_allclose(curves[:, 1:4], result.curves)
    assert (curves[:, 0] == result.base_loss).all()
    assert np.isnan(curves[:, 4]).all()


def test_curve_in_the_making_has_no_ribbon() -> None:
    """One direction has no error."""
    assert len(drawn(radius_lines([Series("A", "adm", radius(2))]))) == 1


def test_map_is_not_transposed() -> None:
    """Rows are timesteps from 0 up, columns sizes; the scale is the comparison's."""
    result = radius()
    rises = rises_of(result, 10)
    (trace,) = drawn(timestep_map(result.sizes, rises, 0.7, x_title="size"))
    assert list(trace.x) == ["0.5", "1", "2"]
    assert trace.y[0] == "0 to 100"
    assert trace.y[-1] == "900 to 1000"
    np.testing.assert_allclose(np.array(trace.z, float), result.gap_by_timestep)
    assert (trace.zmin, trace.zmax) == (0, 0.7)


def test_bins_are_the_readers_choice() -> None:
    """The widget's number reaches both pictures; nothing is measured again."""
    view = View(timestep_bins=4)
    (_, by_size) = radius_pictures([Series("A", "adm", radius())], RadiusSettings(), view)
    (trace,) = drawn(by_size.content)
    assert trace.y == ("0 to 250", "250 to 500", "500 to 750", "750 to 1000")
    (_, lines) = lpf_pictures([Series("A", "adm", lpf())], LpfSettings(), view)
    (line,) = drawn(lines.content)
    assert list(line.x) == [125, 375, 625, 875]


def test_lpf_by_timestep_sits_in_the_middle_of_bins() -> None:
    """Ten bins of a hundred steps."""
    result = lpf()
    (trace,) = drawn(lpf_by_timestep([Series("A", "ip-ema", result)], 10))
    np.testing.assert_allclose(trace.x, np.arange(50, 1000, 100))
    np.testing.assert_allclose(np.array(trace.y, float), result.gap_by_timestep)
    np.testing.assert_allclose(trace.error_y.array, result.gap_by_timestep_stderr)


def test_ruler_leaves_out_what_has_no_logarithm() -> None:
    """A change of nothing; words stand beside the first checkpoint's marks only."""
    marks = [Mark("Rounding", "8 bit", 0.01), Mark("Rounding", "32 bit", 0.0)]
    one, other = drawn(ruler_dots({"A": ("adm", marks), "B": ("sam", marks)}))
    assert (list(one.x), list(one.y), list(one.text)) == ([0.01], ["Rounding"], ["8 bit"])
    assert (one.mode, other.mode) == ("markers+text", "markers")
