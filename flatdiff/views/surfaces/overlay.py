"""Loss surfaces laid over each other: where one lies below another, its checkpoint is better."""

from collections.abc import Sequence
from html import escape

import plotly.graph_objects as go

from flatdiff.measures.surface import SurfaceResult
from flatdiff.system.remembered import remembered
from flatdiff.views.base import Point
from flatdiff.views.style import Series
from flatdiff.views.surfaces.loss_scale import levels
from flatdiff.views.surfaces.plot import HOVER, chosen, in_plane, surface_trace
from flatdiff.views.surfaces.relief import floor, in_scene

MAX_OVERLAID = 2  # more are a tangle
SEEN_THROUGH = 0.75


@remembered
def overlay_3d(
    series: Sequence[Series[SurfaceResult]],
    limits: tuple[float, float],
    *,
    log: bool = False,
    point: Point | None = None,
) -> go.Figure:
    """Losses of checkpoints in one scene, each a sheet in its own colour that is seen through."""
    sheets = [
        go.Surface(
            **_in_one_colour(entry, log),
            contours={"z": floor(limits, log, entry.style.color)},
            opacity=SEEN_THROUGH,
            showscale=False,
            showlegend=True,
        )
        for entry in series
    ]
    figure = in_scene(sheets, limits, log=log, point=point)
    legend = {"orientation": "h", "y": 1, "yanchor": "top"}
    return figure.update_layout(showlegend=True, legend=legend)


@remembered
def overlay_lines(
    series: Sequence[Series[SurfaceResult]],
    limits: tuple[float, float],
    *,
    log: bool = False,
    point: Point | None = None,
) -> go.Figure:
    """The same from above: lines of equal loss, at the same losses of each checkpoint."""
    start, end, size = levels(limits, log)
    figure = go.Figure(
        [
            go.Contour(
                **_in_one_colour(entry, log),
                contours={"coloring": "lines", "start": start, "end": end, "size": size},
                line={**entry.style.line, "width": 1.5},
                showscale=False,
                showlegend=True,
            )
            for entry in series
        ]
    )
    if point is not None:
        figure.add_trace(chosen(point))
    return in_plane(figure, height=420)


def _in_one_colour(entry: Series[SurfaceResult], log: bool) -> dict:
    return {
        **surface_trace(entry.result, log),
        "colorscale": [[0, entry.style.color], [1, entry.style.color]],
        "hovertemplate": f"{escape(entry.title)}<br>{HOVER}",
        "name": escape(entry.title),
    }
