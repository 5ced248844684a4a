"""Loss surfaces as reliefs: what is compared shares its height and its colours."""

from collections.abc import Sequence

import numpy as np
import plotly.graph_objects as go

from flatdiff.measures.surface import SurfaceResult
from flatdiff.system.remembered import remembered
from flatdiff.views.base import Point
from flatdiff.views.surfaces.loss_scale import levels, loss_ticks, on_scale
from flatdiff.views.surfaces.plot import CHOSEN, surface_trace

AXIS = {
    "nticks": 5,
    "gridcolor": "#9aa1ab",  # seen on light and on dark
    "zeroline": False,
    "tickfont": {"size": 11},
    "showspikes": False,
}


@remembered
def surface_3d(
    result: SurfaceResult,
    limits: tuple[float, float],
    *,
    log: bool = False,
    point: Point | None = None,
) -> go.Figure:
    """One checkpoint's loss over (a, b), with a needle where a point is chosen.

    Height and colour say the same, so that the axis is the colour bar. The camera, the size and
    the colours of the page are left to where it is drawn.
    """
    low, high = on_scale(np.array(limits), log)
    shape = {**surface_trace(result, log), "contours": {"z": floor(limits, log)}}
    trace = go.Surface(**shape, cmin=low, cmax=high, showscale=False)
    return in_scene([trace], limits, log=log, point=point)


def floor(limits: tuple[float, float], log: bool, color: str = "") -> dict:
    """Contours that lie below a relief; of one colour, or the relief's own."""
    start, end, size = levels(limits, log)
    own = {"color": color} if color else {"usecolormap": True}
    lines = {"show": True, "project": {"z": True}, "start": start, "end": end, "size": size}
    return {**lines, **own, "width": 1, "highlight": False}


def in_scene(
    traces: Sequence[go.Surface],
    limits: tuple[float, float],
    *,
    log: bool,
    point: Point | None,
) -> go.Figure:
    """Surfaces in one cube, with a needle where a point is chosen."""
    low, high = on_scale(np.array(limits), log)
    figure = go.Figure(list(traces))
    if point is not None:
        figure.add_trace(_needle(point, (low, high)))
    figure.update_scenes(
        xaxis={**AXIS, "title": "a"},
        yaxis={**AXIS, "title": "b"},
        zaxis={**AXIS, "title": "loss", "range": [low, high], **loss_ticks(limits, log)},
        aspectmode="cube",
    )
    margin = {"l": 0, "r": 0, "t": 0, "b": 0}
    return figure.update_layout(template="none", margin=margin, showlegend=False)


def _needle(point: Point, heights: tuple[float, float]) -> go.Scatter3d:
    return go.Scatter3d(
        x=[point[0], point[0]],
        y=[point[1], point[1]],
        z=heights,
        mode="lines",
        line={"color": CHOSEN, "width": 6},
        hoverinfo="skip",
    )
