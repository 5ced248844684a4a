"""Figures of curvature: values at their places, nothing below what one eigenvalue is high."""

import json
import warnings
from typing import Any

import numpy as np
import plotly.graph_objects as go
import pytest

from flatdiff.views.curvature import density_lines, eigenvalue_dots
from flatdiff.views.style import HUES, Series
from tests.results import curvature
from tests.subjects import changed


def traces(figure: go.Figure) -> list[Any]:
    """As the browser gets them; what is not valid JSON raises here."""
    text = figure.to_json(engine="json")
    assert text is not None
    json.loads(text)
    return list(figure.data)


def test_dots_stand_at_the_eigenvalues() -> None:
    """Top ones filled, the lowest open and last, each with its own error."""
    result = curvature()
    (trace,) = traces(eigenvalue_dots([Series("SAM", "sam", result)]))
    assert list(trace.x) == [*result.eigenvalues, result.lowest_eigenvalue]
    assert list(trace.error_x.array) == [*result.eigenvalue_errors, result.lowest_eigenvalue_error]
    assert list(trace.marker.symbol) == ["circle", "circle", "circle-open"]
    assert set(trace.y) == {"SAM"}
    assert trace.marker.color == HUES["sam"]


def test_density_is_the_results_above_the_floor() -> None:
    """The floor is a tenth of what one eigenvalue's bell is high, by the area under a bell."""
    result = curvature()
    ribbon, line = traces(density_lines([Series("ADM", "adm", result)]))
    floor = 0.1 / (result.density_width * (2 * np.pi) ** 0.5)
    assert np.array_equal(line.x, result.density_grid)
    seen = result.density >= floor
    assert 0 < seen.sum() < len(seen)
    assert np.array_equal(np.array(line.y)[seen], result.density[seen])
    assert np.isnan(np.array(line.y)[~seen]).all()
    upper = np.maximum(result.density + result.density_stderr, floor)
    np.testing.assert_allclose(ribbon.y[: len(upper)], upper)
    assert min(ribbon.y) >= floor * (1 - 1e-9)


def test_compared_densities_share_their_floor() -> None:
    """That of the wider bells, which are the lower ones."""
    one = curvature()
    other = changed(one, density_width=4 * one.density_width)
    ribbons = traces(density_lines([Series("A", "adm", one), Series("B", "sam", other)]))[::2]
    floor = 0.1 / (other.density_width * (2 * np.pi) ** 0.5)
    assert [min(ribbon.y) for ribbon in ribbons] == pytest.approx([floor] * 2)


@pytest.mark.parametrize("make", [eigenvalue_dots, density_lines])
def test_results_in_the_making_can_be_drawn(make: Any) -> None:
    """From nothing to all, beside a whole one, without a warning; the whole one is drawn."""
    whole = Series("whole", "sam", curvature())
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        (*_, alone) = traces(make([whole]))
        for count in range(5):
            both = traces(make([Series("part", "adm", curvature(count)), whole]))
            assert np.array_equal(both[-1].x, alone.x)
        assert traces(make([])) == []
