"""Figures to teach with: what is drawn is the loss, the step, the levels and the weights."""

import itertools
import json
from typing import Any

import numpy as np
import plotly.graph_objects as go
import pytest

from flatdiff.landscape import toy
from flatdiff.landscape.quantization import WIDTHS, Scheme, fake_quantize
from flatdiff.views.rescaling import factor_name, highest_loss, rescaling_lines
from flatdiff.views.style import Series, style_of
from flatdiff.views.teaching.rounding import levels_of, rounding_strip
from flatdiff.views.teaching.toy import DESCENT_SCALE, Trail, toy_paths, toy_step
from tests.results import rescaling

VALUES = np.random.default_rng(0).normal(0, 0.1, (8, 4, 3, 3)).astype(np.float32)


def drawn(figure: go.Figure) -> dict[str, Any]:
    """As the browser gets it; a figure that is no valid JSON raises here."""
    return json.loads(figure.to_json(engine="json") or "")


def traces(figure: go.Figure) -> list[Any]:
    """As Python objects."""
    return list(figure.data)


@pytest.mark.parametrize("bits", WIDTHS)
def test_levels_are_where_weights_can_fall(bits: int) -> None:
    """2^bits - 1 of them, evenly spaced, and the rounding of the measure uses no other."""
    levels = levels_of(VALUES, bits)
    assert len(levels) == 2**bits - 1
    np.testing.assert_allclose(np.diff(levels), levels[1] - levels[0], rtol=1e-3)
    assert levels[-1] == pytest.approx(np.abs(VALUES).max())
    assert set(fake_quantize(VALUES, Scheme(bits=bits)).ravel()) <= set(levels)


@pytest.mark.parametrize("values", [VALUES, np.zeros(5, np.float32), np.ones(1, np.float32)])
def test_strip_counts_every_weight_twice(values: np.ndarray) -> None:
    """Shares above and below add up to one; each thread ends on its weight's own level."""
    above, threads, below, ticks = traces(rounding_strip(values, 3, "adm", 2.0))
    for bars in (above, below):
        assert np.sum(bars.y) == pytest.approx(1)
    x = np.reshape(threads.x, (-1, 3))
    whole = fake_quantize(values, Scheme(bits=3)).ravel()
    for start, end, _ in x:
        assert end in whole[values.ravel() == np.float32(start)]
    assert len(ticks.x) == 7


def test_strips_that_are_compared_share_their_axis() -> None:
    """Whatever the weights of each, in all three parts."""
    axes = drawn(rounding_strip(VALUES, 3, "adm", 2.0))["layout"]
    assert [axes[name]["range"] for name in ("xaxis", "xaxis2", "xaxis3")] == [[-2.1, 2.1]] * 3


def test_rescaling_lines_stand_at_the_result() -> None:
    """LPF of the mode with its error, the loss without noise, factors as a person writes them."""
    result = rescaling()
    series = [Series("A", "sam", result)]
    highest = highest_loss(series)
    assert highest == (result.lpf + result.stderr).max()
    for row, mode in enumerate(("absolute", "filter_relative")):
        figure = drawn(rescaling_lines(series, mode, highest))
        noisy, quiet = traces(rescaling_lines(series, mode, highest))
        np.testing.assert_array_equal(noisy.y, result.lpf[row])
        np.testing.assert_array_equal(noisy.error_y.array, result.stderr[row])
        np.testing.assert_array_equal(quiet.y, result.loss)
        assert figure["layout"]["xaxis"]["ticktext"] == ["1/2", "1", "2"]
        assert figure["layout"]["yaxis"]["range"] == [0, 1.05 * highest]
    assert factor_name(1 / 16) == "1/16"
    assert np.isnan(highest_loss([Series("A", "sam", rescaling(0))]))


def test_paths_are_drawn_over_the_loss() -> None:
    """The ground is the loss at its own coordinates, rows along the second weight."""
    path = np.array([[-2.0, 1.0], [-1.0, 0.5], [0.0, 0.0]])
    ground, trail, end = traces(toy_paths([Trail("SGD", "adm", path)]))
    for i, j in ((0, 0), (3, 40), (40, 10)):
        point = np.array([ground.x[j], ground.y[i]])
        expected = min(float(toy.loss(point)), 2.6)
        assert ground.z[i][j] == pytest.approx(expected)
    np.testing.assert_array_equal(np.stack([trail.x, trail.y], 1), path)
    assert (list(end.x), list(end.y)) == ([0.0], [0.0])
    assert trail.line.color == style_of("adm").color


def arrows(stage: int) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """By name: tail and head, in units of the axes."""
    step = toy.sam_step(toy.gradient, np.array([-0.6, 0.2]), 0.1, 1.0)
    notes = drawn(toy_step(step, stage, 0.1))["layout"]["annotations"]
    return {
        name["text"]: (np.array([a["ax"], a["ay"]]), np.array([a["x"], a["y"]]))
        for a, name in itertools.pairwise(notes)
        if a.get("showarrow")
    }


def test_stages_add_one_arrow_after_the_other() -> None:
    """The way up to its length, the way down from theta against the gradient up there."""
    step = toy.sam_step(toy.gradient, np.array([-0.6, 0.2]), 0.1, 1.0)
    assert [len(arrows(stage)) for stage in (1, 2, 3, 4)] == [1, 2, 3, 5]
    g, up, there, _, down = arrows(4).values()
    np.testing.assert_allclose(up, (step.theta, step.ascended))
    np.testing.assert_allclose(down[0], step.theta)
    np.testing.assert_allclose(down[1] - down[0], DESCENT_SCALE * (step.after - step.theta))
    scales = [
        np.linalg.norm(head - tail) / np.linalg.norm(gradient)
        for (tail, head), gradient in ((g, step.gradient), (there, step.ascended_gradient))
    ]
    assert scales[0] == pytest.approx(scales[1]), "both gradients on one scale"
