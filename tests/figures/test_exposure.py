"""The variance error, drawn: against the record, on a logarithmic axis, with its errors."""

import json
from typing import Any

import numpy as np
import pytest

from flatdiff.figures.exposure import exposure_deltas
from flatdiff.figures.style import HUES, Series
from tests.results import exposure
from tests.subjects import changed


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
