"""Sections: every measure has one, whole and in the making."""

import numpy as np
import plotly.graph_objects as go
import pytest

from flatdiff.measures import MEASURES
from flatdiff.reports.sheet import PARTS
from flatdiff.views import SECTIONS, Picture, View
from flatdiff.views.base import in_groups
from flatdiff.views.style import Series
from tests.results import RESULTS


def test_every_measure_has_a_section_and_a_part_of_the_sheet() -> None:
    """The registries know the same names."""
    # About measuring, about points, and about parts of one network.
    taught = {"rescaling", "nearby", "atlas", "blocks", "similarity"}
    assert SECTIONS.keys() == MEASURES.keys() == {part.measure for part in PARTS} | taught
    read = {name for name, section in SECTIONS.items() if section.read(RESULTS[name](None))}
    assert read == MEASURES.keys() - {"sensitivity"} - taught | {"blocks", "similarity"}
    assert all(isinstance(p.settings, MEASURES[p.measure].settings_type) for p in PARTS)
    assert len({part.name for part in PARTS}) == len(PARTS)


@pytest.mark.parametrize("measure", MEASURES)
@pytest.mark.parametrize("count", [None, 0, 1])
def test_pictures_of_some_checkpoints(measure: str, count: int | None) -> None:
    """Unique keys, words for who cannot see them, and none of what is not there."""
    series = [Series(name, "adm", RESULTS[measure](count)) for name in ("one", "two")]
    settings = MEASURES[measure].settings_type()
    for view in (None, View(log=True, relative=True, spaghetti=True)):
        pictures = SECTIONS[measure].pictures(series, settings, view)
        assert bool(pictures) or count is not None
        assert len({picture.key for picture in pictures}) == len(pictures)
        assert all(len(picture.alt) > 10 for picture in pictures)
        assert all(isinstance(p.content, go.Figure | np.ndarray) for p in pictures)
    table = SECTIONS[measure].reading([(entry.title, entry.result) for entry in series])
    if count is None and len(table):
        assert set(table["checkpoint"]) == {"one", "two"}


@pytest.mark.parametrize("measure", ["exposure", "quantization", "frechet", "samples"])
def test_readings_claim_nothing_of_what_is_not_computed(measure: str) -> None:
    """Neither a number that is none, nor a yes that nobody has seen."""
    rows = SECTIONS[measure].read(RESULTS[measure](0))
    words = [text for row in rows for text in row.values()]
    assert not any("nan" in text or text == "yes" for text in words)


def test_what_is_not_ready_is_left_out() -> None:
    """One surface of two has no point yet."""
    series = [
        Series(f"s{k}", "adm", RESULTS["surface"](count)) for k, count in ((0, 0), (1, None))
    ]
    keys = [
        p.key for p in SECTIONS["surface"].pictures(series, MEASURES["surface"].settings_type())
    ]
    assert keys == ["contour-s1", "relief-s1", "basins", "persistence"]


def test_rows_hold_neighbours() -> None:
    """Names of rows apart, and those without a row alone."""
    rows = ["", "", "a", "a", "b", "a"]
    pictures = [
        Picture(key=str(k), content=go.Figure(), alt="", row=row) for k, row in enumerate(rows)
    ]
    groups = [[picture.key for picture in group] for group in in_groups(pictures)]
    assert groups == [["0"], ["1"], ["2", "3"], ["4"], ["5"]]


def test_names_in_figures_are_text() -> None:
    """Every place where plotly.js reads tags: names, categories, and texts at points."""
    name = "<a href='http://e'>x</a>&amp;"
    safe = "&lt;a href='http://e'&gt;x&lt;/a&gt;&amp;amp;"
    for measure in MEASURES:
        series = [Series(name, "adm", RESULTS[measure]())]
        settings = MEASURES[measure].settings_type()
        for picture in SECTIONS[measure].pictures(series, settings, View(names=[name, name])):
            if isinstance(picture.content, go.Figure):
                drawn = str(picture.content.to_dict())
                assert name not in drawn
                assert "&amp;amp;amp;" not in drawn
                if measure in ("lpf", "radius") and not picture.row:
                    assert safe in drawn
