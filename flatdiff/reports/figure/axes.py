"""Axes of matplotlib get what a chart of plotly shows: its traces, its scales and its words.

Every picture of `flatdiff.views` is drawn once, for the screen; here it is read, so that print
shows the same numbers. What a trace of ours may hold is drawn, and no more.
"""

from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
import plotly.graph_objects as go
from matplotlib.axes import Axes
from matplotlib.contour import ContourSet
from matplotlib.ticker import NullLocator

from flatdiff.reports.figure.names import (
    MOST_INSIDE,
    legend,
    named_in,
    turn_what_is_too_long,
)
from flatdiff.reports.figure.style import (
    PLAIN,
    POINTS,
    as_words,
    colormap_of,
    colour_of,
    in_lines,
    line_of,
)

MARKERS = {
    "circle": "o",
    "diamond": "D",
    "square": "s",
    "cross": "P",
    "star": "*",
    "x": "X",
    "cross-thin": "+",
    "triangle-up": "^",
    "line-ns": "|",
    "line-ew": "_",
}
OPEN = "-open"
MOST_NAMES = 6  # along an axis of numbers that are names
MOST_TURNED = 20  # of words, which can be turned
EDGE = 1e-9  # of a level: what lies exactly on the last one belongs to it
GRID = {"color": "#D8DCE2", "linewidth": 0.4}


def draw_chart(axes: Axes, figure: go.Figure, letters: int) -> Any:
    """All of a chart in two dimensions but its colour bar.

    Args:
        axes: that are empty.
        figure: of plotly.
        letters: that fit side by side.

    Returns:
        What a colour bar is to be of and what plotly says of that bar; None where it has none.
    """
    said: Any = figure
    traces, layout = said.data, said.layout
    axes.set_axisbelow(True)
    coloured = [found for trace in traces if (found := _DRAWN[trace.type](axes, trace))]
    for shape in layout.shapes:
        _upright_or_level(axes, shape)
    _scale(axes, layout.xaxis, "x", letters)
    _scale(axes, layout.yaxis, "y", letters)
    if layout.yaxis.scaleanchor == "x":
        axes.set_aspect("equal")
    if named := named_in(figure):
        legend(axes, letters, below=named > MOST_INSIDE)
    return coloured[0] if coloured else None


def _scatter(axes: Axes, trace: Any) -> None:
    """Lines, marks with their errors, words, or a band."""
    if trace.marker.opacity == 0:
        return  # a target of the mouse
    x, y = np.asarray(trace.x), np.asarray(trace.y)
    if trace.fill == "toself":
        axes.fill(x, y, color=colour_of(trace.fillcolor), linewidth=0)
        return
    mode, colour = trace.mode or "lines", trace.line.color or trace.marker.color
    look = colour_of(colour if isinstance(colour, str) else PLAIN, trace.opacity)
    label = as_words(trace.name) if trace.showlegend is not False and trace.name else None
    if "lines" in mode:
        axes.plot(x, y, color=look, label=label, **line_of(trace.line))
    if "markers" in mode:
        _errors(axes, trace, look)
        _marks(axes, trace, look, None if "lines" in mode else label)
    if "text" in mode:
        _words_at(axes, trace)


def _errors(axes: Axes, trace: Any, colour: Any) -> None:
    """Bars that are as long as the trace says, both ways or not."""
    bars = {}
    for name, error in (("xerr", trace.error_x), ("yerr", trace.error_y)):
        if error.array is not None:
            above = np.asarray(error.array, dtype=float)
            below = above if error.arrayminus is None else error.arrayminus
            bars[name] = np.array([below, above], dtype=float)
    if bars:
        style = {"fmt": "none", "ecolor": colour, "elinewidth": 0.6, "capsize": 1.2}
        axes.errorbar(np.asarray(trace.x), np.asarray(trace.y), **bars, **style)


def _marks(axes: Axes, trace: Any, colour: Any, label: str | None) -> None:
    """One kind of mark after the other, each at its places."""
    x, y = np.asarray(trace.x), np.asarray(trace.y)
    symbols = np.broadcast_to(np.asarray(trace.marker.symbol or "circle"), x.shape)
    sizes = np.broadcast_to(np.asarray(trace.marker.size or 6, dtype=float), x.shape)
    for symbol in dict.fromkeys(symbols.tolist()):
        here = symbols == symbol
        faces = "none" if symbol.endswith(OPEN) else colour
        marker = MARKERS.get(symbol.removesuffix(OPEN), "o")
        style = {"facecolors": faces, "edgecolors": colour} if marker not in "+|_" else {}
        axes.scatter(
            x[here],
            y[here],
            s=(POINTS * sizes[here]) ** 2,
            marker=marker,
            linewidths=0.7,
            label=label,
            zorder=3,
            **(style or {"color": colour}),
        )
        label = None


def _words_at(axes: Axes, trace: Any) -> None:
    """Beside their points, on the side that the trace says."""
    place = trace.textposition or "middle center"
    side = 1 if "right" in place else -1 if "left" in place else 0
    height = 1 if "top" in place else -1 if "bottom" in place else 0
    font = trace.textfont.color
    for x, y, text in zip(trace.x, trace.y, trace.text, strict=True):
        axes.annotate(
            as_words(text),
            (x, y),
            xytext=(4 * side, 4 * height),
            textcoords="offset points",
            ha={1: "left", -1: "right", 0: "center"}[side],
            va={1: "bottom", -1: "top", 0: "center"}[height],
            fontsize="small",
            color=colour_of(font) if font else "black",
        )


def _bars(axes: Axes, trace: Any) -> None:
    """Upright or level."""
    colour = trace.marker.color if isinstance(trace.marker.color, str) else PLAIN
    draw = axes.barh if trace.orientation == "h" else axes.bar
    x, y = np.asarray(trace.x), np.asarray(trace.y)
    places, lengths = (y, x) if trace.orientation == "h" else (x, y)
    draw(
        places, lengths, color=colour_of(colour, trace.opacity), label=as_words(trace.name) or None
    )


def _contour(axes: Axes, trace: Any) -> Any:
    """Filled or in lines, with the levels and the colours of the trace."""
    said = trace.contours
    levels = np.linspace(
        said.start, said.end, max(1, round((said.end - said.start) / said.size)) + 1
    )
    levels[[0, -1]] += (-EDGE * abs(said.start), EDGE * abs(said.end))
    z = np.ma.masked_invalid(np.asarray(trace.z, dtype=float))
    x, y = np.asarray(trace.x), np.asarray(trace.y)
    if said.coloring == "lines":
        look = {"color": colour_of(trace.line.color), **line_of(trace.line)}
        lines: Any = {f"{name}s": [look[name]] for name in look}
        axes.contour(x, y, z, levels=levels, **lines)
        axes.plot([], [], label=as_words(trace.name), **look)  # for the legend
        return None
    drawn = axes.contourf(x, y, z, levels=levels, cmap=colormap_of(trace.colorscale))
    drawn.set_edgecolor("face")  # no white seams between levels in a viewer
    return drawn, trace.colorbar


def _heat_map(axes: Axes, trace: Any) -> Any:
    """Cells of one size, by their names or numbers."""
    z = np.asarray(trace.z, dtype=float)
    drawn = axes.imshow(
        np.ma.masked_invalid(z),
        aspect="auto",
        origin="lower",
        cmap=colormap_of(trace.colorscale),
        vmin=trace.zmin,
        vmax=trace.zmax,
    )
    for values, axis in ((trace.x, axes.xaxis), (trace.y, axes.yaxis)):
        if values is not None:
            names = dict(enumerate(as_words(str(value)) for value in values))
            most = MOST_TURNED if isinstance(values[0], str) else MOST_NAMES
            named = list(names)[:: -(-len(names) // most)]
            axis.set_ticks(named, labels=[names[k] for k in named])
    return drawn, trace.colorbar


def colour_bar(panels: Sequence[Axes], drawn: Any, said: Any) -> None:
    """One for some panels that share their colours.

    Args:
        panels: beside each other.
        drawn: what a chart has drawn; see `draw_chart`.
        said: plotly's own.
    """
    figure = panels[0].figure
    bar = figure.colorbar(drawn, ax=list(panels), label=as_words(said.title.text), fraction=0.05)
    bar.outline.set_visible(False)  # pyright: ignore[reportCallIssue]
    if said.tickvals is not None:
        is_contour = isinstance(drawn, ContourSet)
        low, high = np.asarray(drawn.levels)[[0, -1]] if is_contour else drawn.get_clim()
        ticks = np.asarray(said.tickvals, dtype=float)
        inside = (ticks >= low) & (ticks <= high)
        names = None if said.ticktext is None else np.asarray(said.ticktext)[inside].tolist()
        bar.set_ticks(ticks[inside].tolist(), labels=names)


def _upright_or_level(axes: Axes, shape: Any) -> None:
    """A line through all of a chart; what else a shape may be is not ours."""
    style = {"color": colour_of(shape.line.color or PLAIN), **line_of(shape.line)}
    if "domain" in (shape.yref or ""):
        axes.axvline(shape.x0, **style)
    elif "domain" in (shape.xref or ""):
        axes.axhline(shape.y0, **style)


def _scale(axes: Axes, said: Any, name: Literal["x", "y"], letters: int) -> None:
    """Title, kind of scale, range, ticks and direction of one axis."""
    axis = getattr(axes, f"{name}axis")
    if not axes.images:
        axes.grid(visible=True, axis=name, **GRID)
    getattr(axes, f"set_{name}label")(in_lines(said.title.text, letters))
    if said.type == "category" and not axes.images:
        getattr(axes, f"set_{name}margin")(0.2)
    if said.type == "log":
        getattr(axes, f"set_{name}scale")("log")
    _ticks(axis, said)
    if said.type == "category" and name == "x":
        turn_what_is_too_long(axes, letters)
    if said.range is not None and None not in said.range:
        ends = np.asarray(said.range, dtype=float)
        getattr(axes, f"set_{name}lim")(*(10**ends if said.type == "log" else ends))
    elif said.rangemode == "tozero":
        getattr(axes, f"set_{name}lim")(0)
    axis.set_inverted(said.autorange == "reversed")
    axis.set_visible(said.visible is not False)


def _ticks(axis: Any, said: Any) -> None:
    """Where the chart has its own."""
    if said.tickvals is not None:
        names = None if said.ticktext is None else [as_words(text) for text in said.ticktext]
        axis.set_ticks(np.asarray(said.tickvals, dtype=float), labels=names)
        axis.set_minor_locator(NullLocator())


_DRAWN = {"scatter": _scatter, "bar": _bars, "contour": _contour, "heatmap": _heat_map}
