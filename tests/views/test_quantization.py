"""Rounding, drawn: points stand where the record says, the most sensitive layer on top."""

import json
import math
import warnings
from typing import Any

import numpy as np
import plotly.graph_objects as go
import pytest

from flatdiff.measures.sensitivity import SensitivityResult
from flatdiff.views.quantization import quantization_lines
from flatdiff.views.sensitivity import sensitivity_dots
from flatdiff.views.style import HUES, Series
from tests.results import quantization, sensitivity
from tests.subjects import changed


def traces(figure: go.Figure) -> list[Any]:
    """Its traces as Python objects; a figure that is not valid JSON raises here."""
    json.loads(figure.to_json(engine="json") or "")
    return list(figure.data)


def with_rises(**rises: float) -> SensitivityResult:
    """A result of layers of these names and rises."""
    known = {name: np.arange(float(len(rises))) for name in ("rise_stderr", "parameters")}
    return changed(
        sensitivity(), layers=tuple(rises), rise=np.array(list(rises.values())), **known
    )


def test_logarithmic_axis_leaves_out_what_is_not_above_zero() -> None:
    """The rise at 32 bits is 0 and has no logarithm; on the other axis it is drawn."""
    result = changed(quantization(), rise=np.array([0.0, -0.1, 0.2, 3.0]))
    (line,) = traces(quantization_lines([Series("SAM", "sam", result)], log=True))
    np.testing.assert_array_equal(line.y, [np.nan, np.nan, 0.2, 3.0])
    (line,) = traces(quantization_lines([Series("SAM", "sam", result)]))
    assert list(line.y) == [0.0, -0.1, 0.2, 3.0]


def test_layers_stand_in_the_order_of_the_largest_rise() -> None:
    """By hand: c is 5 to the second checkpoint, a 3 to the first, b at most 1."""
    first = Series("ADM", "adm", with_rises(a=3.0, b=1.0, c=0.0))
    second = Series("SAM", "sam", with_rises(c=5.0, b=-1.0, a=2.0))
    figure: Any = sensitivity_dots([first, second])
    assert list(figure.layout.yaxis.categoryarray) == ["b", "a", "c"], "from below"
    one, two = traces(figure)
    assert dict(zip(one.y, one.x, strict=True)) == {"a": 3, "b": 1, "c": 0}
    assert dict(zip(two.y, two.x, strict=True)) == {"a": 2, "b": -1, "c": 5}
    assert dict(zip(two.y, two.error_x.array, strict=True)) == {"c": 0, "b": 1, "a": 2}
    assert two.marker.color == HUES["sam"]


def test_only_the_most_sensitive_are_drawn() -> None:
    """Two of three; a layer that only one checkpoint has is drawn for that one."""
    first, second = with_rises(a=3.0, b=1.0), with_rises(c=5.0, b=0.5)
    series = [Series("ADM", "adm", first), Series("SAM", "sam", second)]
    one, two = traces(sensitivity_dots(series, num_layers=2))
    assert (list(one.y), list(two.y)) == (["a"], ["c"])


@pytest.mark.parametrize("count", [0, 1, 2, 3])
def test_layers_in_the_making_can_be_drawn(count: int) -> None:
    """What is not known is not drawn, without a warning; nothing at all can be drawn."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        part = Series("part", "adm", sensitivity(count))
        drawn, whole = traces(sensitivity_dots([part, Series("whole", "sam", sensitivity())]))
        assert len(drawn.x) == 2
        assert sum(not math.isnan(x) for x in drawn.x) == max(0, count - 1)
        assert np.isfinite(np.array(whole.x)).all()
        assert traces(sensitivity_dots([])) == []
