"""Figures: what is drawn is the result, at its place, on scales that compared results share."""

import json
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import plotly.graph_objects as go
import pytest

from flatdiff.checkpoints.averages import METHODS
from flatdiff.measures.surface import SurfaceResult
from flatdiff.measures.surfaces.settings import grid
from flatdiff.views.exposure import exposure_curves, exposure_gaps
from flatdiff.views.frechet import frechet_dots
from flatdiff.views.lpf import lpf_dots
from flatdiff.views.quantization import quantization_lines
from flatdiff.views.style import HUES, OTHER_HUE, Series, band, style_of
from flatdiff.views.surfaces.loss_scale import common_range
from flatdiff.views.surfaces.plot import (
    shown_grid,
    surface_contour,
    surface_lines,
)
from flatdiff.views.surfaces.relief import surface_3d
from flatdiff.views.training import loss_history_lines
from tests.results import exposure, frechet, lpf, quantization, surface
from tests.subjects import changed


def drawn(figure: go.Figure) -> dict[str, Any]:
    """The figure as the browser gets it; a figure that is not valid JSON raises here."""
    text = figure.to_json(engine="json")
    assert text is not None
    return json.loads(text)


def traces(figure: go.Figure) -> list[Any]:
    """Its traces as Python objects."""
    return list(figure.data)


def plain(result: SurfaceResult, rows: int, columns: int, known: np.ndarray) -> SurfaceResult:
    """A result whose loss is its cell's number, where known."""
    loss = np.arange(rows * columns, dtype=float).reshape(rows, columns) + 1
    return changed(
        result,
        a=grid(columns),
        b=grid(rows),
        loss=np.where(known, loss, np.nan),
        computed=known,
    )


def known(rows: int, columns: int, *strides: int) -> np.ndarray:
    """Cells on any of some strides."""
    i, j = np.indices((rows, columns))
    return np.any([(i % s == 0) & (j % s == 0) for s in strides], axis=0)


SUB_GRIDS = [
    # rows, columns, cells known, stride of the finest complete sub-grid
    (9, 9, known(9, 9, 1), 1),
    (9, 9, known(9, 9, 2), 2),
    (9, 9, known(9, 9, 4), 4),
    (5, 9, known(5, 9, 2), 2),
    (9, 9, known(9, 9, 2) & (np.indices((9, 9))[0] < 8), 16),
    (9, 9, known(9, 9, 4) | (np.indices((9, 9))[0] < 3), 4),
    (3, 7, np.zeros((3, 7), bool), 8),
]


@pytest.mark.parametrize(("rows", "columns", "cells", "stride"), SUB_GRIDS)
def test_finest_complete_sub_grid(rows: int, columns: int, cells: np.ndarray, stride: int) -> None:
    """The table says by hand which stride is complete; a loss is the number of its cell."""
    a, b, loss = shown_grid(plain(surface(), rows, columns, cells))
    assert np.array_equal(a, grid(columns)[::stride])
    assert np.array_equal(b, grid(rows)[::stride])
    if cells.any():
        expected = [
            [i * columns + j + 1 for j in range(0, columns, stride)]
            for i in range(0, rows, stride)
        ]
        assert loss.tolist() == expected
    else:
        assert np.isnan(loss).all()


def test_holes_are_shown_as_holes() -> None:
    """Computed and not a number does not make the grid coarser."""
    result = plain(surface(), 5, 5, known(5, 5, 1))
    result.loss[1, 3] = np.nan
    shown = shown_grid(result)[2]
    assert np.argwhere(np.isnan(shown)).tolist() == [[1, 3]]


def test_compared_surfaces_share_one_range() -> None:
    """The lower limit is one surface's and the upper the other's; both figures have both."""
    low, high = surface(shift=10.0), surface(shift=20.0)
    limits = common_range([low, high])
    assert limits is not None
    assert limits == (low.loss.min(), high.loss.max())
    for result in (low, high):
        contour = drawn(surface_contour(result, limits))["data"][0]
        assert (contour["zmin"], contour["zmax"]) == limits
        assert (contour["contours"]["start"], contour["contours"]["end"]) == limits
        relief = drawn(surface_3d(result, limits))
        assert (relief["data"][0]["cmin"], relief["data"][0]["cmax"]) == limits
        assert tuple(relief["layout"]["scene"]["zaxis"]["range"]) == limits


def test_range_ignores_holes() -> None:
    """And there is none where nothing is computed."""
    result = surface()
    result.loss[0, 0] = np.nan
    assert common_range([result, surface(0)]) == (np.nanmin(result.loss), np.nanmax(result.loss))
    assert common_range([surface(0)]) is None


@pytest.mark.parametrize("make", [surface_contour, surface_3d])
@pytest.mark.parametrize("log", [False, True])
def test_surfaces_draw_the_result(make: Callable[..., go.Figure], log: bool) -> None:
    """Rows run along b and columns along a, as plotly wants it: a transposed one would not fit."""
    result = surface()
    trace = traces(make(result, common_range([result]), log=log))[0]
    assert np.array_equal(trace.x, result.a)
    assert np.array_equal(trace.y, result.b)
    assert np.shape(trace.z) == (3, 5)
    np.testing.assert_allclose(10 ** np.array(trace.z) if log else trace.z, result.loss)
    said = np.array(trace.customdata)
    assert np.array_equal(said[..., 0], result.loss.astype(np.float32))
    assert said[2, 1, 1] == pytest.approx((result.a[1] ** 2 + result.b[2] ** 2) ** 0.5)


@pytest.mark.parametrize(
    ("make", "scale_of"),
    [
        (surface_contour, lambda figure: traces(figure)[0].colorbar),
        (surface_3d, lambda figure: figure.layout.scene.zaxis),
    ],
)
def test_ticks_are_at_round_numbers_of_the_loss(
    make: Callable[..., go.Figure], scale_of: Callable[[go.Figure], Any]
) -> None:
    """At their logarithms where the loss is shown so."""
    scale = scale_of(make(surface(), (0.01, 100.0), log=True))
    assert list(scale.ticktext) == ["0.01", "0.1", "1", "10", "100"]
    np.testing.assert_allclose(scale.tickvals, [-2, -1, 0, 1, 2], atol=1e-12)
    scale = scale_of(make(surface(), (0.15, 1.2), log=True))
    assert list(scale.ticktext) == ["0.2", "0.5", "1"]
    scale = scale_of(make(surface(), (1.0, 1.1), log=True))  # no two such in between
    assert scale.ticktext[0] == "1"
    assert scale.ticktext[-1] == "1.1"
    scale = scale_of(make(surface(), (1.0, 3.0), log=False))
    assert list(scale.tickvals) == [1.0, 1.5, 2.0, 2.5, 3.0]


def test_a_flat_surface_can_be_drawn() -> None:
    """One value everywhere: a range of zero must not make zero-sized contour steps."""
    result = plain(surface(), 3, 3, known(3, 3, 1))
    flat = changed(result, loss=np.full((3, 3), 2.0))
    for log in (False, True):
        contour = drawn(surface_contour(flat, (2.0, 2.0), log=log))["data"][0]
        assert contour["contours"]["size"] > 0


def test_lines_and_noise_floor_of_one_dimension() -> None:
    """The band is loss +- floor around the line, closed back along the axis."""
    result = surface(dimensions=1)
    ribbon, line = traces(surface_lines([Series("SAM", "sam", result)]))
    assert np.array_equal(line.x, result.a)
    assert np.array_equal(line.y, result.loss[0])
    np.testing.assert_allclose(ribbon.y[:5], result.loss[0] + result.noise_floor)
    np.testing.assert_allclose(ribbon.y[5:], (result.loss[0] - result.noise_floor)[::-1])
    np.testing.assert_array_equal(ribbon.x, [*result.a, *result.a[::-1]])
    assert (line.name, line.line.color) == ("SAM", HUES["sam"])


def test_lines_draw_only_what_is_computed() -> None:
    """Three cells of five, in the order of the axis and not of their arrival."""
    result = surface(4, dimensions=1)
    _, line = traces(surface_lines([Series("ADM", "adm", result)]))
    assert list(line.x) == sorted(result.a[result.computed[0]])
    assert len(line.x) == 3
    assert np.isfinite(np.array(line.y)).all()


def test_band_is_transparent_in_its_lines_colour() -> None:
    """#0072B2 is 0, 114, 178."""
    ribbon: Any = band(np.array([0.0, 1.0]), np.array([1.0, 2.0]), 0.5, "#0072B2")
    assert ribbon.fillcolor == "rgba(0,114,178,0.15)"
    assert list(ribbon.y) == [1.5, 2.5, 1.5, 0.5]


def test_each_method_has_its_own_look() -> None:
    """Nine methods, nine looks: hue by base method, dash by weights, and always the same."""
    styles = {method: style_of(method) for method in METHODS}
    assert len(set(styles.values())) == len(METHODS) == 9
    assert {styles[m].color for m in ("sam", "sam-ema", "sam-swa")} == {HUES["sam"]}
    assert {styles[m].dash for m in ("adm-ema", "ip-ema", "sam-ema")} == {"dash"}
    assert style_of("theirs").color == OTHER_HUE
    assert OTHER_HUE not in HUES.values()


def test_lpf_dots_stand_at_loss_and_score() -> None:
    """The interval's arms are the distances to its ends, measured from the score."""
    result = lpf()
    (trace,) = traces(lpf_dots([Series("ADM", "adm", result)]))
    assert list(trace.x) == [result.loss, result.lpf]
    assert list(trace.y) == ["ADM", "ADM"]
    assert trace.x[1] + trace.error_x.array[1] == pytest.approx(result.ci_high)
    assert trace.x[1] - trace.error_x.arrayminus[1] == pytest.approx(result.ci_low)
    no_bar = (trace.error_x.array[0], trace.error_x.arrayminus[0])
    assert no_bar == (None, None), "the loss at the checkpoint has no error of the noise"


def test_quantization_lines_draw_the_rise() -> None:
    """Against the record, with the paired error."""
    result = quantization()
    (trace,) = traces(quantization_lines([Series("IP", "ip", result)]))
    assert list(trace.x) == ["32", "8", "6", "4"]
    assert np.array_equal(trace.y, result.rise)
    assert np.array_equal(trace.error_y.array, result.rise_stderr)


def test_frechet_dots_stand_at_the_distances() -> None:
    """One a width against the record, the 32-bit one open; the axis says what it is."""
    result = frechet()
    figure = frechet_dots([Series("SAM", "sam", result)])
    full, rounded = traces(figure)
    for k, trace in enumerate((full, rounded)):
        assert list(trace.x) == [result.frechet[k]]
        assert list(trace.error_x.array) == [result.frechet_stderr[k]]
        assert list(trace.y) == ["SAM"]
    assert (full.marker.symbol, rounded.marker.symbol) == ("circle-open", "circle")
    title = drawn(figure)["layout"]["xaxis"]["title"]["text"]
    assert title.startswith("proxy Fréchet distance (digits features)")


def test_training_history_draws_its_rows() -> None:
    """Steps against losses."""
    (trace,) = traces(loss_history_lines({"SAM": ("sam", [[100, 0.5], [200, 0.25]])}))
    assert (list(trace.x), list(trace.y)) == ([100, 200], [0.5, 0.25])
    assert trace.line.color == HUES["sam"]


FIGURES: dict[str, tuple[Callable[..., Any], Callable[..., go.Figure], int]] = {
    "lines": (lambda n: surface(n, dimensions=1), surface_lines, 14),
    "log lines": (
        lambda n: surface(n, dimensions=1),
        lambda series: surface_lines(series, log=True),
        14,
    ),
    "lpf": (lpf, lpf_dots, 4),
    "quantization": (quantization, quantization_lines, 4),
    "curves": (exposure, exposure_curves, 1),
    "gaps": (exposure, exposure_gaps, 1),
    "frechet": (frechet, frechet_dots, 3),
}


@pytest.mark.parametrize("name", FIGURES)
def test_results_in_the_making_can_be_drawn(name: str) -> None:
    """From nothing to all, beside a whole one, without a warning; the whole one is drawn whole."""
    make_result, make_figure, num_items = FIGURES[name]
    whole = Series("whole", "sam", make_result(None))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        alone = drawn(make_figure([whole]))["data"]
        for count in range(num_items + 1):
            both = drawn(make_figure([Series("part", "adm", make_result(count)), whole]))["data"]
            assert both[-len(alone) :] == alone
        drawn(make_figure([]))


@pytest.mark.parametrize("make", [surface_contour, surface_3d])
@pytest.mark.parametrize("log", [False, True])
def test_surfaces_in_the_making_can_be_drawn(make: Callable[..., go.Figure], log: bool) -> None:
    """At every number of items done; as soon as there is a cell, a loss of it is drawn."""
    whole = surface()
    limits = common_range([whole])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for count in range(len(whole.loss.ravel()) + 2):
            figure = make(surface(count), limits, log=log)
            assert len(drawn(figure)["data"]) == len(traces(figure))
            losses = np.array(traces(figure)[0].customdata)[..., 0]
            assert np.isfinite(losses).all() == (count > 1)
            assert np.isin(losses[np.isfinite(losses)], np.float32(whole.loss)).all()
