"""The theory's pictures: what is drawn is what was computed, where it belongs."""

import json
from typing import Any

import numpy as np
import plotly.graph_objects as go
import pytest

from flatdiff.paper.theory import figures as figures
from flatdiff.paper.theory import lab, random_features
from flatdiff.paper.theory.random_features import draw_features
from tests.counterexample import counterexample

FEATURES = draw_features(4, 0)
ALONG = random_features.slice_along(FEATURES)
DELTA = 0.6 * counterexample(FEATURES)


def drawn(figure: go.Figure) -> list[Any]:
    """Its traces; a figure that is no valid JSON raises here."""
    assert json.loads(figure.to_json(engine="json") or "")
    return list(figure.data)


def test_loss_map_is_not_transposed_and_its_scale_is_in_losses() -> None:
    """One cell that stands out: x1 by column, x2 by row; half the colour is a quarter."""
    ticks, values = np.array([-1.0, 0.0, 1.0]), np.zeros((3, 3))
    values[2, 0] = 4.0
    heat, density, edge = drawn(
        figures.loss_map(ticks, values, 9.0, density=values + 1, edge=values - 1)
    )
    assert (heat.x[0], heat.y[2]) == (-1, 1)
    np.testing.assert_allclose(heat.z, np.sqrt(values))
    assert (heat.zmin, heat.zmax) == (0, 3)
    assert list(heat.colorbar.ticktext) == ["0", "1", "4", "9"]
    np.testing.assert_allclose(np.max(density.z), 1)
    assert (edge.contours.start, edge.contours.end) == (0, 0)
    assert len(drawn(figures.loss_map(ticks, values, 9.0))) == 1


def test_ellipse_lies_at_its_distance() -> None:
    """Mahalanobis, by the inverse."""
    mean, cov = np.array([1.0, -2.0]), np.array([[2.0, 0.5], [0.5, 1.0]])
    away = figures.ellipse(mean, cov, 3.0) - mean
    np.testing.assert_allclose(np.einsum("ni,ij,nj->n", away, np.linalg.inv(cov), away), 9)


def test_means_stand_where_they_are() -> None:
    """Derived, printed and summed."""
    moments = lab.check_moments(random_features.tilt_of(FEATURES, DELTA))
    figure = figures.gaussian_contours(moments)
    traces = drawn(figure)
    places = [(t.x[0], t.y[0]) for t in traces if t.mode == "markers"]
    expected = [np.zeros(2), moments.mean, moments.printed_mean, moments.summed_mean]
    np.testing.assert_allclose(places, expected)
    assert figure.to_dict()["layout"]["yaxis"]["scaleanchor"] == "x"


def test_lines_are_the_bounds_and_the_axis_fits_the_closer_ones() -> None:
    """The loosest bound may leave the picture, the three that are compared may not."""
    found = lab.bounds(FEATURES, counterexample(FEATURES))
    figure = figures.bound_lines(found, 0.6)
    lines = {trace.name: np.array(trace.y, float) for trace in drawn(figure)}
    np.testing.assert_allclose(lines["KL"], found.kl)
    np.testing.assert_allclose(lines["Eq. 18, as printed"], found.printed)
    top = figure.to_dict()["layout"]["yaxis"]["range"][1]
    assert top > max(found.kl.max(), found.corrected.max(), found.printed.max())


def test_failures_are_inside_the_line_at_one() -> None:
    """And the cross is the chosen perturbation; a random one has no place there."""
    ratio = lab.kl_over_printed(FEATURES, ALONG)
    heat, line, cross = drawn(figures.failure_map(ratio, (180.0, 0.6)))
    np.testing.assert_allclose(heat.z, ratio)
    assert (line.contours.start, line.contours.end) == (1, 1)
    assert (cross.x[0], cross.y[0]) == (180, 0.6)
    assert len(drawn(figures.failure_map(ratio, None))) == 2


def test_covered_rings_are_drawn_smallest_set_on_top() -> None:
    """Each set one trace with a gap after every ring; N(0, I) above all."""
    edge = random_features.effective_perturbations(FEATURES, 3, 0)
    members = {
        name: lab.gaussians(FEATURES, size * edge)
        for name, size in {"small": 0.1, "large": 0.6}.items()
    }
    traces = drawn(figures.covered_priors(members))
    assert [trace.name for trace in traces] == ["large", "small", "N(0, I)"]
    assert np.isnan(np.array(traces[0].x, float)).sum() == 3


@pytest.mark.parametrize("size", [0.05, 0.95])
def test_coverage_marks_the_chosen_size_and_two_divergences(size: float) -> None:
    """Three lines over the map of needed sizes, inside its window."""
    radii = lab.radii(FEATURES, ALONG, np.array([size]))
    found = lab.coverage(FEATURES, ALONG, size)
    inner, outer = float(radii.inner[0]), float(radii.outer[0])
    heat, *lines = drawn(figures.coverage_map(found, size, inner, outer))
    assert [line.contours.start for line in lines] == [size, inner, outer]
    np.testing.assert_allclose(heat.z, found.needed)
    edge = np.concatenate([found.needed[[0, -1]].ravel(), found.needed[:, [0, -1]].ravel()])
    assert edge.min() > size, "the whole set is in the picture"
