"""Tables: each row says what its result says at the place that the row names."""

import numpy as np
import pytest

from flatdiff.tables import TABLES
from tests.results import RESULTS, exposure, lpf, quantization, samples, surface


@pytest.mark.parametrize("count", [None, 5])
def test_rows_of_a_surface(count: int | None) -> None:
    """Each row's a and b find their cell in the axes; rows of absent cells are absent."""
    result = surface(count)
    table = TABLES["surface"](result)
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
    table = TABLES["surface"](result)
    assert len(table) == 15
    assert table.loss.isna().sum() == 1


def test_rows_of_the_others() -> None:
    """By name, against the records' own fields."""
    rounded, curves, score, images = quantization(), exposure(), lpf(), samples()
    table = TABLES["quantization"](rounded)
    assert table.bits.tolist() == [32, 8, 6, 4]
    for name in ("loss", "stderr", "rise", "rise_stderr", "relative_error"):
        assert np.array_equal(table[name], getattr(rounded, name))
    table = TABLES["exposure"](curves)
    assert table.step.tolist() == [0, 1, 2, 3, 4]
    assert np.array_equal(table.gap, curves.sampling - curves.training)
    (row,) = TABLES["lpf"](score).to_dict("records")
    assert (row["lpf"], row["gap"], row["num_perturbations"]) == (score.lpf, score.gap, 6)
    table = TABLES["samples"](images)
    assert table.num_images.tolist() == [3, 3]
    assert np.array_equal(table.pixel_change, images.pixel_change)


# measure, items done, a column and what it holds: nothing that was not computed.
IN_THE_MAKING = [
    ("surface", 0, "loss", []),
    ("surface", 1, "loss", []),
    ("lpf", 0, "num_perturbations", [0]),
    ("lpf", 0, "loss", [np.nan]),
    ("lpf", 1, "loss", [0.5]),
    ("lpf", 1, "lpf", [np.nan]),
    ("exposure", 0, "gap", [np.nan] * 5),
    ("quantization", 0, "loss", [np.nan] * 4),
    ("quantization", 1, "rise", [0, np.nan, np.nan, np.nan]),
    ("samples", 0, "num_images", [0, 0]),
    ("samples", 0, "pixel_change", [np.nan, np.nan]),
]


@pytest.mark.parametrize(("measure", "count", "column", "expected"), IN_THE_MAKING)
def test_a_result_in_the_making_has_a_table(
    measure: str, count: int, column: str, expected: list[float]
) -> None:
    """Under every chart from the first second on; the columns are written by hand."""
    table = TABLES[measure](RESULTS[measure](count))
    np.testing.assert_array_equal(table[column].to_numpy(), expected)
