"""Loss surfaces as contours and lines; viridis, one range for all that is compared."""

from collections.abc import Sequence

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray

from flatdiff.measures.surface import SurfaceResult
from flatdiff.measures.surfaces.settings import Axes
from flatdiff.system.remembered import remembered
from flatdiff.views.base import Point
from flatdiff.views.style import COLORSCALE, Series, band, laid_out
from flatdiff.views.surfaces.loss_scale import levels, loss_ticks, on_scale

BAR_STEPS = 256
HEIGHT, SMALL_HEIGHT = 380, 270  # pixels
MAX_RELIEFS = 4  # a browser has room for few of them
X_TITLES: dict[Axes, str] = {
    "random": "a (1 moves every filter by its own norm)",
    "checkpoints": "a (0 is the first checkpoint, 1 the second)",
    "eigenvectors": "a (norm of the perturbation)",
}
CHOSEN = "#D55E00"  # the point that somebody chose: Okabe and Ito's vermilion
OPAQUE = {"marker": {"opacity": 1}}  # plotly fades what is not selected
HOVER = (
    "a %{x:.3f}, b %{y:.3f}<br>loss %{customdata[0]:.4f}"
    "<br>√(a² + b²) %{customdata[1]:.3f}<extra></extra>"  # no distance: axes differ in length
)
MAX_TARGETS = 25  # points along an axis that can be clicked
OFF_PLANE = 0.01  # of its distance: beyond, a checkpoint is only projected on the plane


def shown_grid(result: SurfaceResult) -> tuple[NDArray, NDArray, NDArray]:
    """The finest sub-grid that is computed throughout: columns, rows, loss.

    A surface in the making is drawn coarse, never with holes that look like a result.
    """
    stride = 1
    while stride < max(result.loss.shape) and not result.computed[::stride, ::stride].all():
        stride *= 2
    return result.a[::stride], result.b[::stride], result.loss[::stride, ::stride]


def drawable(result: SurfaceResult) -> bool:
    """Whether enough is computed for a picture: three points along every axis."""
    a, b, _ = shown_grid(result)
    return len(a) >= min(3, len(result.a)) and len(b) >= min(3, len(result.b))


@remembered
def surface_contour(
    result: SurfaceResult,
    limits: tuple[float, float],
    *,
    log: bool = False,
    names: Sequence[str] = (),
    trajectory: Sequence[int] = (),
    point: Point | None = None,
    bar: bool = True,
    small: bool = False,
) -> go.Figure:
    """Filled contours of one checkpoint over (a, b), on the comparison's range.

    Args:
        result: of two dimensions.
        limits: lowest and highest loss of all that is compared.
        log: whether colours follow the logarithm of the loss.
        names: of the checkpoint and its partners, to be written beside their places.
        trajectory: which of these, counted from the checkpoint itself, are states of one run, in
            the order of training.
        point: that somebody chose.
        bar: whether it has a colour bar of its own; see `colour_bar`.
        small: one of many, in a column of some 250 pixels.

    Every point of a sparse grid can be clicked: plotly selects markers, never contours.
    """
    figure = go.Figure(_filled(result, limits, log, bar))
    figure.add_trace(_targets(result))
    places = _places(result, names)
    if len(trajectory) > 1:
        figure.add_trace(_path(places, trajectory))
    figure.add_trace(places)
    if point is not None:
        figure.add_trace(chosen(point))
    figure = in_plane(figure, height=SMALL_HEIGHT if small else HEIGHT)
    if small:
        figure.update_xaxes(title_standoff=2).update_yaxes(title_standoff=2)
    return figure


def in_plane(figure: go.Figure, *, height: int) -> go.Figure:
    """Axes of a plane: a step along one is as long as along the other; height in pixels."""
    figure.update_xaxes(title="a", constrain="domain")
    figure.update_yaxes(title="b", scaleanchor="x", constrain="domain")
    return laid_out(figure, height=height)


def _filled(
    result: SurfaceResult, limits: tuple[float, float], log: bool, bar: bool
) -> go.Contour:
    start, end, size = levels(limits, log)
    return go.Contour(
        **surface_trace(result, log),
        hoverinfo="skip",
        colorbar={"title": "loss", "thickness": 12, **loss_ticks(limits, log)},
        showscale=bar,
        zmin=start,
        zmax=end,
        contours={"start": start, "end": end, "size": size},
        line={"width": 0.5, "color": "rgba(255,255,255,0.35)"},
    )


@remembered
def colour_bar(limits: tuple[float, float], *, log: bool = False) -> go.Figure:
    """The colours of several surfaces, once.

    Args:
        limits: lowest and highest loss of all of them.
        log: whether colours follow the logarithm of the loss.
    """
    low, high = on_scale(np.array(limits), log)
    scale = np.linspace(low, high, BAR_STEPS)
    figure = go.Figure(
        go.Heatmap(
            x=scale, y=[0], z=[scale], colorscale=COLORSCALE, showscale=False, hoverinfo="skip"
        )
    )
    ticks = loss_ticks(limits, log)
    figure.update_xaxes(title="loss", fixedrange=True, **ticks)
    figure.update_yaxes(visible=False, fixedrange=True)
    return laid_out(figure, height=86)


def surface_trace(result: SurfaceResult, log: bool) -> dict:
    """What contours and reliefs share; `customdata` is loss and √(a² + b²)."""
    a, b, loss = shown_grid(result)
    return {
        "x": a,
        "y": b,
        "z": on_scale(loss, log),
        "customdata": np.dstack([loss, np.hypot(a[None], b[:, None])]).astype(np.float32),
        "colorscale": COLORSCALE,
        "hovertemplate": HOVER,
    }


def _targets(result: SurfaceResult) -> go.Scatter:
    """Markers that nobody sees: what hovers and what is clicked."""
    a, b, loss = shown_grid(result)
    stride = -(-max(loss.shape) // MAX_TARGETS)
    a, b, loss = a[::stride], b[::stride], loss[::stride, ::stride]
    x, y = (axis.ravel() for axis in np.meshgrid(a, b))
    return go.Scatter(
        x=x,
        y=y,
        customdata=np.column_stack([loss.ravel(), np.hypot(x, y)]),
        hovertemplate=HOVER,
        mode="markers",
        marker={"opacity": 0, "size": 12},
        selected={"marker": {"opacity": 0}},
        unselected={"marker": {"opacity": 0}},
        showlegend=False,
    )


def chosen(point: Point) -> go.Scatter:
    """A dot where somebody chose a point."""
    return go.Scatter(
        x=[point[0]],
        y=[point[1]],
        mode="markers",
        marker={
            "symbol": "circle",
            "size": 11,
            "color": CHOSEN,
            "line": {"width": 2, "color": "white"},
        },
        hoverinfo="skip",
        unselected=OPAQUE,
        cliponaxis=False,
        showlegend=False,
    )


def _places(result: SurfaceResult, names: Sequence[str]) -> go.Scatter:
    """The checkpoint in the origin and its partners where they lie, or whose foot lies there."""
    places = np.concatenate([np.zeros((1, 3)), result.marks])
    titles = [*names, *[""] * len(places)][: len(places)]
    on_plane = [off < OFF_PLANE for off in places[:, 2]]
    distance = [
        "" if on else f"<br>{off:.0%} of its distance off the plane"
        for on, off in zip(on_plane, places[:, 2], strict=True)
    ]
    return go.Scatter(
        x=places[:, 0],
        y=places[:, 1],
        mode="markers+text",
        text=titles,
        textposition="top center",
        textfont={"color": "white"},
        marker={
            "symbol": ["cross-thin" if on else "circle-open" for on in on_plane],
            "size": 12,
            "color": "white",
            "line": {"width": 2, "color": "white"},
        },
        customdata=distance,
        hovertemplate="%{text}<br>a %{x:.3f}, b %{y:.3f}%{customdata}<extra></extra>",
        unselected=OPAQUE,
        cliponaxis=False,
        showlegend=False,
    )


def _path(places: go.Scatter, trajectory: Sequence[int]) -> go.Scatter:
    """A line from place to place."""
    x, y = np.array(places.x), np.array(places.y)
    return go.Scatter(
        x=x[list(trajectory)],
        y=y[list(trajectory)],
        mode="lines",
        line={"color": "white", "width": 1, "dash": "dot"},
        hoverinfo="skip",
        showlegend=False,
    )


@remembered
def surface_lines(
    series: Sequence[Series[SurfaceResult]],
    *,
    log: bool = False,
    x_title: str = "a",
    point: Point | None = None,
) -> go.Figure:
    """One line a checkpoint over a, with the noise floor of each as a band.

    A point that somebody chose is an upright line at its a.
    """
    figure = go.Figure()
    for entry in series:
        result, style = entry.result, entry.style
        known = result.computed[0]
        a, loss = result.a[known], result.loss[0][known]
        if np.isfinite(result.noise_floor):
            figure.add_trace(band(a, loss, result.noise_floor, style.color))
        figure.add_trace(
            go.Scatter(
                x=a,
                y=loss,
                name=entry.title,
                mode="lines",
                line=style.line,
                customdata=result.rise_stderr[0][known],
                hovertemplate="a %{x:.3f}, loss %{y:.4f} ± %{customdata:.4f}",
            )
        )
    if point is not None:
        figure.add_vline(point[0], line={"color": CHOSEN, "width": 2})
    figure.update_xaxes(title=x_title)
    figure.update_yaxes(title="loss", type="log" if log else "linear")
    return laid_out(figure, height=420)
