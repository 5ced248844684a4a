"""Exposure bias, drawn: curves, gap and variance error against the record, with their errors."""

import json
from typing import Any

import numpy as np
import pytest

from flatdiff.views.exposure import exposure_curves, exposure_deltas, exposure_gaps
from flatdiff.views.style import HUES, Series
from tests.results import exposure
from tests.subjects import changed


def test_exposure_figures_draw_curves_and_gap() -> None:
    """Against the record; the line of sqrt(64) stands at 8."""
    result = exposure()
    figure: Any = exposure_curves([Series("ADM", "adm", result)])
    sampling, training = figure.data
    assert np.array_equal(sampling.y, result.sampling)
    assert np.array_equal(training.y, result.training)
    assert list(sampling.x) == [0, 1, 2, 3, 4]
    assert json.loads(figure.to_json(engine="json"))["layout"]["shapes"][0]["y0"] == 8
    gaps: Any = exposure_gaps([Series("ADM", "adm", result)])
    ribbon, gap = gaps.data
    assert np.array_equal(gap.y, result.gap)
    np.testing.assert_allclose(ribbon.y[:5], result.gap + result.gap_stderr)


def test_delta_stands_at_its_step() -> None:
    """Zero has no logarithm and becomes a hole; everything else is the record's."""
    result = exposure()
    result = changed(result, delta=np.append(result.delta[:-1], 0.0))
    figure: Any = exposure_deltas([Series("SAM", "sam", result)])
    (line,) = figure.data
    assert list(line.x) == [0, 1, 2, 3, 4]
    np.testing.assert_array_equal(line.y, [*result.delta[:-1], np.nan])
    assert np.array_equal(line.error_y.array, result.delta_stderr)
    assert (figure.layout.yaxis.type, line.line.color) == ("log", HUES["sam"])


@pytest.mark.parametrize("count", [0, None])
def test_delta_in_the_making_can_be_drawn(count: int | None) -> None:
    """Valid JSON from nothing to all."""
    figure = exposure_deltas([Series("ADM", "adm", exposure(count)), Series("", "", exposure())])
    assert len(json.loads(figure.to_json(engine="json") or "")["data"]) == 2
