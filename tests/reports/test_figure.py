"""Figures for print, read back: sizes, words, numbers, and the same bytes every time."""

import io
import re
import shlex
from dataclasses import replace
from typing import Any
from xml.etree import ElementTree as ET

import numpy as np
import plotly.graph_objects as go
import pytest
from matplotlib.figure import Figure
from PIL import Image

from flatdiff.errors import SettingsError
from flatdiff.measures import MEASURES
from flatdiff.reports.figure.axes import draw_chart
from flatdiff.reports.figure.options import PageOptions
from flatdiff.reports.figure.page import heading_of, moves, panels, to_print
from flatdiff.reports.figure.relief import draw_relief
from flatdiff.reports.figure.style import as_words
from flatdiff.reports.figure.words import BIBTEX, caption, figure_command, file_name
from flatdiff.views.surfaces.overlay import SEEN_THROUGH
from flatdiff.views.surfaces.plot import surface_contour
from tests.results import RESULTS, surface
from tests.results import measured_item as item

PAGE = PageOptions()
POINTS_A_MM = 72 / 25.4


def items_of(measure: str) -> list[Any]:
    """Two checkpoints."""
    return [item(measure, RESULTS[measure](), f"digits/{name}") for name in ("adm", "sam")]


def drawn(figure: go.Figure) -> Any:
    """The axes of matplotlib that show a chart."""
    axes = Figure().add_subplot()
    draw_chart(axes, figure, 40)
    return axes


@pytest.mark.parametrize("measure", MEASURES)
def test_every_measure_has_a_figure(measure: str) -> None:
    """In vectors, as wide as was asked, its letters as letters, with every panel."""
    items = items_of(measure)
    svg = ET.fromstring(to_print(items, PAGE, ".svg"))
    assert float(svg.attrib["width"].removesuffix("pt")) == pytest.approx(84 * POINTS_A_MM)
    words = " ".join(
        "".join(text.itertext()) for text in svg.iter("{http://www.w3.org/2000/svg}text")
    )
    shown = [picture for picture in panels(items, PAGE) if not picture.folded]
    headings = [as_words(picture.heading) for picture in shown]
    assert all(word in words for heading in headings for word in heading.split())
    assert ("(b)" in words) == (len(shown) > 1)
    assert caption(items) in "".join(svg.itertext())


def test_a_pdf_has_the_size_and_holds_its_fonts() -> None:
    """TrueType, which journals take; the same bytes whenever it is made."""
    items, page = items_of("lpf"), PageOptions(width_mm=174)
    content = to_print(items, page, ".pdf")
    (box,) = re.findall(rb"/MediaBox \[([^\]]*)\]", content)
    assert float(box.split()[2]) == pytest.approx(174 * POINTS_A_MM, abs=0.1)
    assert b"/FontFile2" in content
    assert b"/Type3" not in content
    assert to_print(items, page, ".pdf") == content
    assert to_print(items, PAGE, ".svg") == to_print(items, PAGE, ".svg")


def test_a_png_has_300_dots_an_inch() -> None:
    image = Image.open(io.BytesIO(to_print(items_of("radius"), PAGE, ".png")))
    assert image.width == pytest.approx(84 / 25.4 * 300, abs=1)
    assert image.info["dpi"][0] == pytest.approx(300, abs=0.1)
    assert "digits" in image.info["Description"]


def test_a_surface_turns_once_around() -> None:
    """Only a relief does."""
    items = items_of("surface")
    relief = next(heading_of(p) for p in panels(items, PAGE) if p.folded)
    page = PageOptions(panel=(relief,), width_mm=40)
    image: Any = Image.open(io.BytesIO(to_print(items, page, ".gif")))
    assert image.n_frames == 48
    assert image.info["loop"] == 0
    with pytest.raises(SettingsError, match="choose the panel"):
        to_print(items, PAGE, ".gif")


def test_surfaces_over_each_other_are_told_apart_in_print() -> None:
    """By their names, once in the lines and once in the sheets, which are seen through."""
    items = items_of("surface")
    page = PageOptions(panel=("ADM and ADM +SAM, overlaid",))
    found: list[Any] = [p for p in panels(items, page) if heading_of(p) in page.panel]
    lines, sheets = found
    axes: Any = Figure().add_subplot(projection="3d")
    draw_relief(axes, sheets.content)
    names = [text.get_text() for text in axes.get_legend().get_texts()]
    assert names == ["ADM", "ADM +SAM"]
    assert all(sheet.get_alpha() == SEEN_THROUGH for sheet in axes.collections)
    shown = [text.get_text() for text in drawn(lines.content).get_legend().get_texts()]
    assert shown == names


def test_samples_along_a_path_are_walked_there_and_back() -> None:
    """As many frames as there are points, the ends once; the first is the checkpoint's own."""
    items = items_of("atlas")
    (picture, *others) = (p for p in panels(items, PAGE) if p.moments)
    assert len(others) == len(items) - 1
    page = PageOptions(panel=(heading_of(picture),), width_mm=40)
    image: Any = Image.open(io.BytesIO(to_print(items, page, ".gif")))
    assert [words for words, _ in picture.moments] == ["a = 0.00", "a = 1.00"]
    assert image.n_frames == 2
    assert moves(items, page)
    assert not moves(items_of("lpf"), PAGE)


def test_the_numbers_are_those_of_the_screen() -> None:
    """Read back from the axes: lines, errors, bands, levels, scales and directions."""
    figure = go.Figure()
    figure.add_scatter(
        x=[1, 10, 100],
        y=[3.0, 2.0, 1.0],
        error_y={"array": [0.1, None, 0.3], "arrayminus": [0.2, 0.2, 0.1]},
        name="&lt;a&gt; $x$",
        mode="lines+markers",
        line={"color": "#0072B2", "dash": "dash", "width": 3},
        marker={"symbol": "circle-open"},
    )
    figure.add_hline(1.5)
    figure.update_xaxes(type="log", range=[0, 3], title="steps")
    figure.update_yaxes(autorange="reversed", tickvals=[1, 2], ticktext=["one", "two"])
    axes = drawn(figure)
    line, level = axes.lines[0], axes.lines[-1]
    np.testing.assert_array_equal(line.get_xydata(), [[1, 3], [10, 2], [100, 1]])
    assert (line.get_color()[:3], line.get_linewidth()) == ((0, 114 / 255, 178 / 255), 1.5)
    assert level.get_ydata()[0] == 1.5
    (bars,) = axes.containers
    ends = [np.asarray(segment)[:, 1] for segment in bars[2][0].get_segments() if len(segment)]
    np.testing.assert_allclose(ends[0], [2.8, 3.1])
    np.testing.assert_allclose(ends[-1], [0.9, 1.3])
    assert (axes.get_xscale(), axes.get_xlim()) == ("log", (1, 1000))
    assert axes.yaxis_inverted()
    assert [text.get_text() for text in axes.get_yticklabels()] == ["one", "two"]
    assert axes.get_legend().get_texts()[0].get_text() == r"<a> \$x\$"
    assert axes.get_xlabel() == "steps"


def test_a_contour_has_the_levels_and_the_marks_of_the_screen() -> None:
    result = surface()
    low, high = float(np.nanmin(result.loss)), float(np.nanmax(result.loss))
    axes = drawn(surface_contour(result, (low, high), names=["ADM"]))
    levels = np.asarray(axes.collections[0].levels)
    assert levels[0] < low
    assert levels[-1] > high
    np.testing.assert_allclose([levels[0], levels[-1]], [low, high], rtol=1e-6)
    assert axes.get_aspect() == 1
    assert "ADM" in [text.get_text() for text in axes.texts]


@pytest.mark.parametrize(
    "wrong", [{"width_mm": 5}, {"width_mm": float("nan")}, {"font_size": 100}, {"panel": ["no"]}]
)
def test_what_cannot_be_is_a_sentence(wrong: dict[str, Any]) -> None:
    with pytest.raises(SettingsError, match=r"must be"):
        to_print(items_of("lpf"), PageOptions(**wrong), ".pdf")


def test_nothing_computed_is_a_sentence() -> None:
    empty = [item("radius", RESULTS["radius"](0))]
    with pytest.raises(SettingsError, match="wait until"):
        to_print(empty, PAGE, ".pdf")


def test_its_name_says_what_it_is() -> None:
    items = items_of("surface")
    assert file_name(items) == "surface_digits-adm_sam_seed0"
    other = replace(items[1], card=replace(items[1].card, family="mine", name="a b"))
    assert file_name([items[0], other]) == "surface_digits-adm_mine-a-b_seed0"
    assert "2503.11078" in BIBTEX


def test_its_command_is_one_of_the_command_line() -> None:
    page = PageOptions(width_mm=174, panel=("ADM, relief",), log=True)
    words = shlex.split(figure_command(items_of("surface"), page, ".pdf"))
    assert words[:3] == ["flatdiff", "figure", "surface"]
    assert words[words.index("--panel") + 1] == "ADM, relief"
    assert words[-2:] == ["--out", "surface_digits-adm_sam_seed0.pdf"]
    assert {"--log", "174.0"} < set(words)


def test_many_names_stand_below_the_chart() -> None:
    """Where they would hide its lines inside; the page is higher for them."""
    few, many = ([item("lpf", RESULTS["lpf"](), f"digits/r{k}") for k in range(n)] for n in (2, 9))
    heights = [Image.open(io.BytesIO(to_print(i, PAGE, ".png"))).height for i in (few, many)]
    assert heights[1] > heights[0] + 40


def test_long_names_are_turned_and_all_there() -> None:
    """A name a block, none over another; short ones lie as they are."""
    for names, degrees in (([f"input_blocks.{k}" for k in range(15)], 60), (["a", "b"], 0)):
        chart = go.Figure(go.Scatter(x=names, y=list(range(len(names)))))
        labels = drawn(chart.update_xaxes(type="category")).get_xticklabels()
        assert len(labels) == len(names)
        assert {label.get_rotation() for label in labels} == {degrees}
