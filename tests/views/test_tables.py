"""Tables: each row says what its result says at the place that the row names."""

import numpy as np
import pytest

from flatdiff.views import SECTIONS
from flatdiff.views.surface import what_to_doubt
from tests.results import RESULTS, exposure, lpf, quantization, samples, sensitivity, surface
from tests.subjects import changed


@pytest.mark.parametrize("count", [None, 5])
def test_rows_of_a_surface(count: int | None) -> None:
    """Each row's a and b find their cell in the axes; rows of absent cells are absent."""
    result = surface(count)
    table = SECTIONS["surface"].table(result)
    assert len(table) == result.computed.sum()
    for row in table.to_dict("records"):
        cell = (result.b.tolist().index(row["b"]), result.a.tolist().index(row["a"]))
        assert (row["loss"], row["stderr"]) == (result.loss[cell], result.stderr[cell])
        assert row["rise"] == result.loss[cell] - result.base_loss
        assert row["rise_stderr"] == result.rise_stderr[cell]


def test_hole_of_a_surface_is_a_row() -> None:
    """Computed and not a number is a finding; left out it would look as if never tried."""
    result = surface()
    result.loss[1, 2] = np.nan
    table = SECTIONS["surface"].table(result)
    assert len(table) == 15
    assert table.loss.isna().sum() == 1


def test_what_to_doubt_is_the_worst_of_the_surfaces() -> None:
    """By numbers made up; an exact surface misses nothing between its points."""
    exact = changed(surface(), noise_floor=0.02, error_estimate=0.0)
    other = changed(surface(), noise_floor=0.01, error_estimate=0.004)
    assert what_to_doubt([exact]) == "A rise below 0.02 may be chance"
    both = "A rise below 0.02 may be chance, and between computed points it may be off by 0.004"
    assert what_to_doubt([exact, other]) == both


def test_rows_of_the_others() -> None:
    """By name, against the records' own fields."""
    rounded, curves, score, images = quantization(), exposure(), lpf(), samples()
    table = SECTIONS["quantization"].table(rounded)
    assert table.bits.tolist() == [32, 8, 6, 4]
    for name in ("loss", "stderr", "rise", "rise_stderr", "relative_error"):
        assert np.array_equal(table[name], getattr(rounded, name))
    assert np.array_equal(table.file_bytes, rounded.file_bytes)
    table = SECTIONS["exposure"].table(curves)
    assert table.step.tolist() == [0, 1, 2, 3, 4]
    assert np.array_equal(table.delta, curves.delta)
    assert np.array_equal(table.gap, curves.sampling - curves.training)
    (row,) = SECTIONS["lpf"].table(score).to_dict("records")
    assert (row["lpf"], row["gap"], row["num_perturbations"]) == (score.lpf, score.gap, 6)
    table = SECTIONS["samples"].table(images)
    assert table.num_images.tolist() == [3, 3]
    assert np.array_equal(table.pixel_change, images.pixel_change)


def test_most_sensitive_layer_is_the_first_row() -> None:
    """Three rises made up, the middle one the largest and one not known yet."""
    result = changed(
        sensitivity(),
        layers=("a", "b", "c", "d"),
        rise=np.array([0.1, 0.3, np.nan, -0.2]),
        **{name: np.arange(4.0) for name in ("rise_stderr", "parameters", "relative_error")},
    )
    table = SECTIONS["sensitivity"].table(result)
    assert table.layer.tolist() == ["b", "a", "d", "c"]
    assert table.parameters.tolist() == [1, 0, 3, 2]


# measure, items done, a column and what it holds: nothing that was not computed.
IN_THE_MAKING = [
    ("surface", 0, "loss", []),
    ("surface", 1, "loss", []),
    ("lpf", 0, "num_perturbations", [0]),
    ("lpf", 0, "loss", [np.nan]),
    ("lpf", 1, "loss", [0.5]),
    ("lpf", 1, "lpf", [np.nan]),
    ("curvature", 0, "trace", [np.nan]),
    ("curvature", 0, "eigenvalue_2", [np.nan]),
    ("curvature", 3, "num_probes", [1]),
    ("exposure", 0, "gap", [np.nan] * 5),
    ("quantization", 0, "loss", [np.nan] * 4),
    ("quantization", 1, "rise", [0, np.nan, np.nan, np.nan]),
    ("sensitivity", 0, "layer", ["0.weight", "2.weight"]),
    ("sensitivity", 1, "rise", [np.nan, np.nan]),
    ("samples", 0, "num_images", [0, 0]),
    ("frechet", 0, "num_images", [0, 0]),
    ("frechet", 1, "num_reference", [1500, 1500]),
    ("frechet", 2, "frechet", [np.nan, np.nan]),
    ("samples", 0, "pixel_change", [np.nan, np.nan]),
    ("nearby", 0, "relative_distance", [np.nan]),
    ("nearby", 1, "num_images", [8]),
    ("nearby", 2, "a", [0.25]),
    ("nearby", 2, "num_images", [10]),
    ("atlas", 0, "a", []),
    ("atlas", 1, "a", [-1]),
    ("atlas", 1, "pixel_change", [np.nan]),
]


@pytest.mark.parametrize(("measure", "count", "column", "expected"), IN_THE_MAKING)
def test_a_result_in_the_making_has_a_table(
    measure: str, count: int, column: str, expected: list[float]
) -> None:
    """Under every chart from the first second on; the columns are written by hand."""
    table = SECTIONS[measure].table(RESULTS[measure](count))
    np.testing.assert_array_equal(table[column].to_numpy(), expected)
