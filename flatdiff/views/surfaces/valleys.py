"""Valleys of a surface: how a basin grows with the height, and the tree of where valleys join."""

from collections.abc import Iterator, Sequence
from html import escape

import numpy as np
import plotly.graph_objects as go

from flatdiff.measures.surface import SurfaceResult
from flatdiff.measures.surfaces.valleys import Basin, SurfaceValley, basin, surface_valleys
from flatdiff.system.remembered import remembered
from flatdiff.views.base import Row, with_error
from flatdiff.views.style import Series, band, laid_out

NUM_HEIGHTS = 80
LEAST = 1e-3  # of the highest rise: below, a basin is a few cells
NEAR_CELLS = 3  # within which a valley is a checkpoint's own
FAINT = 0.35  # opacity of what may be noise
MAX_BRANCHES = 12  # of a tree that can still be read


@remembered
def basin_growth(series: Sequence[Series[SurfaceResult]]) -> go.Figure:
    """The share of the picture that a basin takes up, by the height of the water in it.

    A line is dotted from where the basin reaches the border: what lies outside is not counted.
    """
    figure = go.Figure()
    top = max(float(np.nanmax(entry.result.loss)) - entry.result.base_loss for entry in series)
    rises = np.geomspace(LEAST * top, top, NUM_HEIGHTS) if top > 0 else np.zeros(1)
    for k, entry in enumerate(series):
        for trace in _growth(entry, basin(entry.result, rises)):
            figure.add_trace(trace.update(legendgroup=str(k)))
    figure.update_xaxes(title="rise of the loss", type="log", exponentformat="power", dtick=1)
    figure.update_yaxes(title="share of the picture", rangemode="tozero", tickformat=".0%")
    return laid_out(figure, height=360)


def _growth(entry: Series[SurfaceResult], found: Basin) -> Iterator[go.Scatter]:
    """The band of what the errors allow, the line, and its open part."""
    middle, half = (found.most + found.least) / 2, (found.most - found.least) / 2
    yield band(found.rises, middle, half, entry.style.color)
    closed = found.rises <= found.open_from
    line = entry.style.line
    for part, look, legend in (
        (closed, line, True),
        (~closed | np.append(~closed[1:], False), {**line, "dash": "dot"}, not closed.any()),
    ):
        yield go.Scatter(
            x=found.rises[part],
            y=found.share[part],
            name=entry.title,
            mode="lines",
            line=look,
            showlegend=legend,
            hovertemplate="rise %{x:.3g}: %{y:.1%}",
        )


def whole(series: Sequence[Series[SurfaceResult]]) -> list[Series[SurfaceResult]]:
    """Those whose valleys can be told: planes of which every cell is there."""
    return [
        entry
        for entry in series
        if entry.result.computed.all() and min(entry.result.loss.shape) > 1
    ]


def many_valleys(result: SurfaceResult) -> bool:
    """Whether a tree would show more than one branch."""
    return len(_branches(surface_valleys(result))) > 1


@remembered
def merge_tree(entry: Series[SurfaceResult], names: Sequence[str] = ()) -> go.Figure:
    """Every valley that is no noise, from its lowest point up to where it joins a deeper one.

    Args:
        entry: a surface of one checkpoint, whole.
        names: of the checkpoint and its partners; a valley that one of them lies in has its name.
    """
    figure, found = go.Figure(), surface_valleys(entry.result)
    branches = _branches(found)
    places = {k: place for place, k in enumerate(_in_order(found, branches))}
    for k in branches:
        valley, place = found[k], places[k]
        joined = _trunk(found, branches, k)
        trunk = place if joined is None else places[joined]
        where = _named(valley, entry.result, names)
        text = escape(where, quote=False)
        figure.add_scatter(
            x=[place, place, trunk],
            y=[valley.rise, valley.joins_at, valley.joins_at],
            mode="lines+markers",
            line={"color": entry.style.color, "width": 2},
            marker={"size": [10, 0, 0], "symbol": entry.style.symbol},
            name=where,
            hovertemplate=f"{text}<br>rise %{{y:.4g}}<extra></extra>",
            showlegend=False,
        )
        figure.add_annotation(x=place, y=valley.rise, text=text, showarrow=False, yshift=-16)
    figure.update_xaxes(visible=False, range=[-0.7, len(branches) - 0.3])
    figure.update_yaxes(title="rise of the loss")
    return laid_out(figure, height=360)


def joining(result: SurfaceResult) -> list[SurfaceValley]:
    """Valleys that join a deeper one, whether or not they may be noise."""
    return [valley for valley in surface_valleys(result) if valley.joins is not None]


@remembered
def persistence_diagram(series: Sequence[Series[SurfaceResult]]) -> go.Figure:
    """Every valley by its lowest point and by where it joins, the deeper the further above a line.

    Faint are those that may be noise: a bar of what the errors allow reaches down to the line.
    """
    figure = go.Figure()
    for k, entry in enumerate(series):
        found = joining(entry.result)
        for certain in (True, False):
            shown = [valley for valley in found if valley.certain == certain]
            figure.add_scatter(
                x=[valley.rise for valley in shown],
                y=[valley.joins_at for valley in shown],
                name=entry.title,
                mode="markers",
                marker={"color": entry.style.color, "symbol": entry.style.symbol, "size": 9},
                opacity=1.0 if certain else FAINT,
                error_y={
                    "type": "data",
                    "symmetric": False,
                    "array": [0.0] * len(shown),
                    "arrayminus": [valley.floor for valley in shown],
                    "thickness": 1,
                },
                legendgroup=str(k),
                showlegend=certain,
                hovertemplate="lowest at a rise of %{x:.4g}<br>joins at %{y:.4g}",
            )
    heights = [h for entry in series for v in joining(entry.result) for h in (v.rise, v.joins_at)]
    ends = [min(heights, default=0.0), max(heights, default=1.0)]
    line = {"color": "gray", "width": 1}
    figure.add_scatter(x=ends, y=ends, mode="lines", line=line, hoverinfo="skip", showlegend=False)
    figure.update_xaxes(title="rise of the loss at its lowest point")
    figure.update_yaxes(title="rise at which it joins a deeper one")
    return laid_out(figure, height=360)


def _named(valley: SurfaceValley, result: SurfaceResult, names: Sequence[str]) -> str:
    """By what lies there, to a few cells, or by its coordinates alone."""
    where = f"a {valley.a:.2f}, b {valley.b:.2f}"
    near = NEAR_CELLS * max(np.ptp(axis) / (len(axis) - 1) for axis in (result.a, result.b))
    places = [(0.0, 0.0), *((a, b) for a, b, _ in result.marks)]
    for name, (a, b) in zip(names, places, strict=False):
        if np.hypot(valley.a - a, valley.b - b) <= near:
            return f"{name}: {where}"
    return where


def _branches(found: Sequence[SurfaceValley]) -> list[int]:
    """The deepest, and the most persistent of those that are no noise."""
    return [k for k, valley in enumerate(found) if valley.joins is None or valley.certain][
        :MAX_BRANCHES
    ]


def _in_order(found: Sequence[SurfaceValley], branches: Sequence[int]) -> list[int]:
    """Each beside those that join it, the higher they join the further away."""
    order: list[int] = []

    def place(k: int) -> None:
        order.append(k)
        joining = [other for other in branches if _trunk(found, branches, other) == k]
        for other in sorted(joining, key=lambda other: found[other].joins_at):
            place(other)

    for k in branches:
        if found[k].joins is None:
            place(k)
    return order


def _trunk(found: Sequence[SurfaceValley], branches: Sequence[int], k: int) -> int | None:
    """The branch that a valley joins, past what may be noise between them; None of the deepest."""
    trunk = found[k].joins
    while trunk is not None and trunk not in branches:
        trunk = found[trunk].joins
    return trunk


def valley_row(result: SurfaceResult) -> Row:
    """How many valleys there are, how deep the shallowest is, and what holds the basin."""
    found = surface_valleys(result)
    if not found:
        return {"valleys": "", "the shallowest": "", "basin closed up to": ""}
    certain = [found[k] for k in _branches(found) if found[k].joins is not None]
    least = min(certain, key=lambda valley: valley.persistence, default=None)
    held = basin(result, np.zeros(1)).open_from
    return {
        "valleys": str(1 + len(certain)) if len(certain) < MAX_BRANCHES else f"{MAX_BRANCHES}+",
        "the shallowest": with_error(least.persistence, least.floor) if least else "",
        "basin closed up to": f"a rise of {held:.3g}",
    }
