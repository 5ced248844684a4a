"""Blocks as a picture, sentences and rows."""

from typing import Any

import numpy as np

from flatdiff.measures.blocks import BlocksResult, BlocksSettings
from flatdiff.views import SECTIONS, View
from flatdiff.views.blocks import PANELS, agreements
from flatdiff.views.style import Series
from tests.results import blocks
from tests.subjects import changed

SECTION = SECTIONS["blocks"]
SETTINGS = BlocksSettings(blocks=("0", "1", "2"))


def entry(title: str, result: BlocksResult) -> Series[BlocksResult]:
    """Of plain training."""
    return Series(title, "adm", result)


def of_rises(noise: Any, rounding: Any) -> BlocksResult:
    """Made up, block by block."""
    names = tuple(f"input_blocks.{k}" for k in range(len(noise)))
    known = {"noise_rise": np.array(noise), "rounding_rise": np.array(rounding)}
    return changed(blocks(), blocks=names, **known)


def drawn(result: BlocksResult, log: bool = False) -> list[Any]:
    """The four figures."""
    return [
        picture.content
        for picture in SECTION.pictures([entry("A", result)], SETTINGS, View(log=log))
    ]


def test_every_number_has_its_panel_in_the_order_of_the_blocks() -> None:
    """With its error, where it has one; a picture each, so that print has them all."""
    result = blocks()
    for figure, (_, field, error) in zip(drawn(result), PANELS, strict=True):
        (line,) = figure.data
        assert list(line.x) == ["0", "1", "2"]
        np.testing.assert_array_equal(line.y, getattr(result, field))
        if error:
            np.testing.assert_array_equal(line.error_y.array, getattr(result, error))
        assert list(figure.layout.xaxis.categoryarray) == ["0", "1", "2"]
    assert {figure.layout.yaxis.type for figure in drawn(result, log=True)} == {"log"}
    assert SECTION.pictures([entry("A", blocks(1))], SETTINGS) == []


def test_whether_noise_and_rounding_hurt_the_same_blocks() -> None:
    """By the order alone; what an interval around 0 says is nothing."""
    rises = np.arange(1.0, 13)
    alike, against = of_rises(rises, rises**2), of_rises(rises, -rises)
    (said,) = agreements([entry("A", alike)])
    assert said.startswith("A: the blocks that noise hurts are mostly those that rounding hurts: ")
    assert said.endswith("rank correlation +1.00 (+1.00 to +1.00) over 12 blocks.")
    assert "are mostly not those" in agreements([entry("A", against)])[0]
    mixed = of_rises(rises, np.abs(rises - 6.5))
    assert agreements([entry("A", mixed)])[0].startswith("Not decided whether A: the blocks")
    assert agreements([entry("A", blocks())]) == [], "three blocks have no order to speak of"


def test_whether_the_second_is_flatter_where_rounding_hurts_the_first() -> None:
    """Its rises are halves at first, and tenths where rounding costs the first most."""
    rises = np.arange(1.0, 13)
    first = of_rises(rises, rises)
    second = of_rises(rises / np.linspace(2, 10, 12), np.ones(12))
    *_, said = agreements([entry("A", first), entry("B", second)])
    assert said.startswith("B is flatter than A most where rounding hurts A: rank correlation +1")
    second = of_rises(rises / np.linspace(10, 2, 12), np.ones(12))
    *_, said = agreements([entry("A", first), entry("B", second)])
    assert said.startswith("B is flatter than A least where rounding hurts A: rank correlation -1")
    gone = of_rises(-rises, rises)
    assert len(agreements([entry("A", first), entry("B", gone)])) == 2, "a fall is no ratio"


def test_rows_end_with_the_whole_and_the_sum() -> None:
    result = blocks()
    *rows, together, apart = SECTION.read(result)
    assert [row["block"] for row in rows] == ["0", "1", "2"]
    assert together["rise under noise"].startswith(f"{result.whole_noise_rise:.1f}"[:3])
    assert float(apart["rise under noise"]) == np.float64(f"{result.noise_rise.sum():.4g}")
    table = SECTION.table(result)
    assert table["block"].tolist() == ["0", "1", "2"]
    np.testing.assert_array_equal(table["eigenvalue"], result.eigenvalue)
