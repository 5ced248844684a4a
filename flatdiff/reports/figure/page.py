"""A page for print: so many millimetres wide, its panels in rows, in one size of type."""

import io
import string
import threading
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import matplotlib as mpl
import numpy as np
import plotly.graph_objects as go
from matplotlib.figure import Figure, SubFigure
from PIL import Image

from flatdiff.checkpoints.collection import short_names
from flatdiff.errors import SettingsError
from flatdiff.reports.figure.axes import colour_bar, draw_chart
from flatdiff.reports.figure.names import MOST_INSIDE, beside, named_in, turned_letters
from flatdiff.reports.figure.options import SUFFIXES, PageOptions
from flatdiff.reports.figure.relief import AZIMUTH, draw_relief
from flatdiff.reports.figure.style import in_lines
from flatdiff.reports.figure.words import BIBTEX, caption, file_name
from flatdiff.reports.measured import Measured, view_of
from flatdiff.settings import require
from flatdiff.views import SECTIONS, Picture
from flatdiff.views.base import in_groups

MM = 1 / 25.4  # of an inch
PNG_DPI, GIF_DPI = 300, 110
TURN_FRAMES, TURN_MS, WALK_MS = 48, 80, 250
SQUARE, FLATTEST, TALLEST = 1.0, 0.35, 0.85  # height of a panel over its width
SMALL_MM, LEAST_MM, MOST_BESIDE = 38.0, 60.0, 3  # width of a square panel, and of another one
LETTER_MM = 0.21  # width of a letter a point of its size, with the room that ticks take
LINE_MM = 0.45  # height of a line of words a point of its size
SCREEN_PX = 640  # that a chart of the screen is about wide
# Letters stay letters in the file, and the same numbers make the same bytes.
STYLE: Any = {
    "pdf.fonttype": 42,
    "svg.fonttype": "none",
    "svg.hashsalt": "flatdiff",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.linewidth": 0.6,
    "figure.facecolor": "white",
}
_one_at_a_time = threading.Lock()  # matplotlib's style is the whole process's


def panels(items: Sequence[Measured], page: PageOptions) -> list[Picture]:
    """All pictures that a figure of some results may show, folded ones with them."""
    names = short_names([item.card for item in items])
    series = [replace(item.series, title=names[item.card.id]) for item in items]
    view, first = view_of(items), items[0]
    view = replace(
        view,
        log=page.log,
        relative=page.relative,
        spaghetti=page.spaghetti,
        timestep_bins=page.timestep_bins,
    )
    return SECTIONS[first.measure].pictures(series, first.request.settings, view)


def heading_of(picture: Picture) -> str:
    """What a panel is chosen by."""
    return picture.heading or picture.key


def to_print(items: Sequence[Measured], page: PageOptions, suffix: str) -> bytes:
    """A file of the figure.

    Args:
        items: results of one measure.
        page: how it looks.
        suffix: one of `SUFFIXES`.

    Raises:
        SettingsError: nothing of it can be drawn, or there is no such panel.
    """
    shown = _chosen(panels(items, page), page.panel)
    about = {"Title": file_name(items), "Description": f"{caption(items)}\n{BIBTEX}"}
    with _one_at_a_time, mpl.rc_context({**STYLE, "font.size": page.font_size}):
        return WRITERS[suffix](shown, page, about)


def moves(items: Sequence[Measured], page: PageOptions) -> bool:
    """Whether there is something in the figure that a GIF would show in motion."""
    shown = _chosen(panels(items, page), page.panel)
    return any(picture.moments or _is_relief(picture.content) for picture in shown)


def _chosen(known: Sequence[Picture], wanted: Sequence[str]) -> list[Picture]:
    """Those panels, in the order of the page."""
    if not known:
        raise SettingsError("there is nothing to draw yet: wait until the results are computed")
    names = [heading_of(picture) for picture in known]
    for name in wanted:
        require(name in names, "panel", f"one of {', '.join(dict.fromkeys(names))}", name)
    unfolded = [picture for picture in known if not picture.folded]
    return [p for p in known if heading_of(p) in wanted] if wanted else unfolded


def _drawn(shown: Sequence[Picture], page: PageOptions, azimuth: float = AZIMUTH) -> Figure:
    """All panels, with a letter each where there are several."""
    rows = list(_rows(shown, page.width_mm))
    heights = [_row_height(row, page) for row in rows]
    figure = Figure(figsize=(page.width_mm * MM, sum(heights) * MM), layout="constrained")
    letters = iter(string.ascii_lowercase if len(shown) > 1 else "")
    parts: Any = np.atleast_1d(np.array(figure.subfigures(len(rows), 1, height_ratios=heights)))
    for part, row in zip(parts, rows, strict=True):
        _draw_row(part, row, letters, page, azimuth)
    return figure


def _rows(shown: Sequence[Picture], width_mm: float) -> Iterator[Sequence[Picture]]:
    """Those that stand beside each other on the screen, as many as there is room for."""
    for group in in_groups(shown):
        least = SMALL_MM if all(_is_square(picture.content) for picture in group) else LEAST_MM
        most = min(MOST_BESIDE, max(1, int(width_mm // least)))
        for start in range(0, len(group), most):
            yield group[start : start + most]


def _row_height(row: Sequence[Picture], page: PageOptions) -> float:
    """Millimetres, of its highest panel with its heading and its legend."""
    line = LINE_MM * page.font_size
    charts = [picture.content for picture in row if isinstance(picture.content, go.Figure)]
    names = max(map(named_in, charts), default=0)
    lines = -(-names // beside(_letters(row, page))) if names > MOST_INSIDE else 0
    heading = any(picture.heading for picture in row)
    turned = max((turned_letters(chart, _letters(row, page)) for chart in charts), default=0)
    lines += turned * LETTER_MM / LINE_MM
    ratio = max(_ratio(picture, len(row)) for picture in row)
    return ratio * page.width_mm / len(row) + line * (2 * heading + lines)


def _letters(row: Sequence[Picture], page: PageOptions) -> int:
    """That fit side by side in a panel."""
    return int(page.width_mm / len(row) / (LETTER_MM * page.font_size))


def _ratio(picture: Picture, beside: int) -> float:
    """Height over width."""
    content: Any = picture.content
    if isinstance(content, np.ndarray):
        return content.shape[0] / content.shape[1]
    if _is_square(content):
        return SQUARE if beside > 1 else TALLEST
    return min(TALLEST, max(FLATTEST, beside * (content.layout.height or 400) / SCREEN_PX))


def _is_relief(content: Any) -> bool:
    return isinstance(content, go.Figure) and any(content.select_traces({"type": "surface"}))


def _is_square(content: Any) -> bool:
    return _is_relief(content) or (
        isinstance(content, go.Figure) and bool(content.layout["yaxis"]["scaleanchor"])
    )


def _draw_row(
    part: SubFigure,
    row: Sequence[Picture],
    letters: Iterator[str],
    page: PageOptions,
    azimuth: float,
) -> None:
    """Panels beside each other; they share a colour bar, as they do on the screen."""
    fits = _letters(row, page)
    drawn, coloured = [], []
    for column, picture in enumerate(row, 1):
        relief = _is_relief(picture.content)
        axes: Any = part.add_subplot(1, len(row), column, projection="3d" if relief else None)
        drawn.append(axes)
        if isinstance(picture.content, np.ndarray):
            axes.imshow(picture.content, cmap="gray", vmin=0, vmax=255, interpolation="nearest")
            axes.set_axis_off()
        elif relief:
            draw_relief(axes, picture.content, azimuth)
        elif found := draw_chart(axes, picture.content, fits):
            coloured.append(found)
        letter = next(letters, "")
        said = f"({letter}) {picture.heading}" if letter else picture.heading
        axes.set_title(in_lines(said, fits), fontsize="medium", loc="left")
    if coloured:
        colour_bar(drawn, *coloured[0])


def _pdf(shown: Sequence[Picture], page: PageOptions, about: dict[str, str]) -> bytes:
    said = {"Title": about["Title"], "Subject": about["Description"], "CreationDate": None}
    return _saved(_drawn(shown, page), format="pdf", metadata=said)


def _svg(shown: Sequence[Picture], page: PageOptions, about: dict[str, str]) -> bytes:
    return _saved(_drawn(shown, page), format="svg", metadata={**about, "Date": None})


def _png(shown: Sequence[Picture], page: PageOptions, about: dict[str, str]) -> bytes:
    return _saved(_drawn(shown, page), format="png", dpi=PNG_DPI, metadata=about)


def _gif(shown: Sequence[Picture], page: PageOptions, about: dict[str, str]) -> bytes:
    """Paths that are walked there and back, or reliefs that turn once around."""
    walked = [picture for picture in shown if picture.moments]
    drawn, pause = (_walk(walked, page), WALK_MS) if walked else (_turn(shown, page), TURN_MS)
    frames = [
        Image.open(io.BytesIO(_saved(each, format="png", dpi=GIF_DPI))).convert("RGB")
        for each in drawn
    ]
    buffer = io.BytesIO()
    said = {"duration": pause, "loop": 0, "comment": about["Description"].encode()}
    frames[0].save(buffer, "gif", save_all=True, append_images=frames[1:], **said)
    return buffer.getvalue()


def _walk(walked: Sequence[Picture], page: PageOptions) -> Iterator[Figure]:
    """One figure a moment, and back again but for both ends."""
    moments = [
        [
            replace(picture, content=content, heading=f"{picture.heading}\n{words}")
            for picture, (words, content) in zip(walked, at_once, strict=True)
        ]
        for at_once in zip(*(picture.moments for picture in walked), strict=True)
    ]
    return (_drawn(each, page) for each in [*moments, *moments[-2:0:-1]])


def _turn(shown: Sequence[Picture], page: PageOptions) -> Iterator[Figure]:
    """One figure an angle."""
    reliefs = [picture for picture in shown if _is_relief(picture.content)]
    if not reliefs:
        raise SettingsError(
            "gif is for what moves, a relief that turns or samples along a path: choose the "
            "panel of one"
        )
    side_by_side = [replace(picture, row="reliefs") for picture in reliefs]
    angles = AZIMUTH + np.linspace(0, 360, TURN_FRAMES, endpoint=False)
    return (_drawn(side_by_side, page, float(angle)) for angle in angles)


def _saved(figure: Figure, **options: Any) -> bytes:
    buffer = io.BytesIO()
    figure.savefig(buffer, **options)
    return buffer.getvalue()


WRITERS = dict(zip(SUFFIXES, (_pdf, _svg, _png, _gif), strict=True))
