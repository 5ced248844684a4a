"""Training on the toy loss: where runs go, and one step of SAM in slow motion."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import plotly.graph_objects as go

from flatdiff.landscape import toy
from flatdiff.landscape.toy import Place, Step
from flatdiff.system.remembered import remembered
from flatdiff.views.style import laid_out, style_of

Range = tuple[float, float]

X_RANGE, Y_RANGE = (-2.9, 2.7), (-2.1, 2.1)  # of the whole picture
TOP = 2.6  # loss above which there is nothing to see
DESCENT_SCALE = 5  # a step down is drawn this much longer than it is
NUM_STAGES = 4
UP_HUE = "#D55E00"  # of Okabe and Ito's, as the others


@dataclass(frozen=True)
class Trail:
    """One way across the picture, or its end alone."""

    title: str
    method: str  # decides the look
    points: Place  # (n, 2)


def _ground(x_range: Range, y_range: Range) -> go.Figure:
    """The loss as contour lines over a part of the plane, the same levels everywhere."""
    x, y = np.linspace(*x_range, 61), np.linspace(*y_range, 49)
    figure = go.Figure(
        go.Contour(
            x=x,
            y=y,
            z=np.minimum(toy.loss(np.stack(np.meshgrid(x, y), axis=-1)), TOP),
            zmin=0.85,
            zmax=TOP,
            contours={"start": 0.9, "end": TOP - 0.1, "size": 0.1},
            line={"width": 0.5, "color": "gray"},
            colorscale=[[0, "black"], [1, "white"]],
            opacity=0.35,  # the valleys are the darkest on either background
            showscale=False,
            hovertemplate="(%{x:.2f}, %{y:.2f}): loss %{z:.3f}<extra></extra>",
        )
    )
    figure.update_xaxes(range=x_range, title="first weight", constrain="domain")
    figure.update_yaxes(range=y_range, title="second weight", scaleanchor="x", constrain="domain")
    for name, minimum in (("sharp", toy.SHARP), ("flat", toy.FLAT)):
        if x_range[0] < minimum[0] < x_range[1] and y_range[0] < minimum[1] < y_range[1]:
            figure.add_annotation(
                x=minimum[0], y=minimum[1], text=name, showarrow=False, yshift=-30
            )
    return figure


@remembered
def toy_paths(
    trails: Sequence[Trail], x_range: Range = X_RANGE, y_range: Range = Y_RANGE
) -> go.Figure:
    """Lines from start to end, the ends marked; a trail of one point is a mark alone."""
    figure = _ground(x_range, y_range)
    for trail in trails:
        style, end = style_of(trail.method), trail.points[-1:]
        line = {"color": style.color, "dash": style.dash, "width": 1.5}
        figure.add_scatter(
            x=trail.points[:, 0],
            y=trail.points[:, 1],
            name=trail.title,
            mode="lines",  # a mark at every step, seen or not, would take a browser half a second
            line=line,
            legendgroup=trail.title,
            showlegend=False,
            hovertemplate="step %{pointNumber}: (%{x:.2f}, %{y:.2f})",
        )
        figure.add_scatter(
            x=end[:, 0],
            y=end[:, 1],
            name=trail.title,
            mode="lines+markers",
            line=line,
            marker={"symbol": style.symbol, "size": 11, "line": {"width": 1, "color": "white"}},
            legendgroup=trail.title,
            hoverinfo="skip",
        )
    return laid_out(figure, height=400)


@remembered
def toy_step(step: Step, stage: int, learning_rate: float) -> go.Figure:
    """One step of SAM, its first stages: gradient, way up, gradient there, way down from theta.

    Args:
        step: that is shown.
        stage: 1 to 4, how much of it.
        learning_rate: of the step; tells where SGD would have gone.
    """
    rho = float(np.linalg.norm(step.ascended - step.theta))
    half = 1.5 * max(rho, 0.4)
    (x, y), (low_x, low_y) = step.theta, step.theta - half
    figure = _ground((low_x, x + half), (low_y, y + half))
    longest = max(np.linalg.norm(step.gradient), np.linalg.norm(step.ascended_gradient), toy.EPS)
    unit = 0.5 * half / longest
    sam, sgd = style_of("sam").color, style_of("adm").color
    across = np.array([-step.gradient[1], step.gradient[0]])  # g and the way up lie on one line
    _arrow(figure, step.theta, unit * step.gradient, "g", sgd, across)
    if stage >= 2:
        figure.add_shape(
            {"type": "circle", "x0": x - rho, "x1": x + rho, "y0": y - rho, "y1": y + rho},
            line={"dash": "dot", "width": 1, "color": "gray"},
        )
        _arrow(figure, step.theta, step.ascended - step.theta, "ρ g / ‖g‖", UP_HUE, -across)
    if stage >= 3:
        _arrow(figure, step.ascended, unit * step.ascended_gradient, "g′", sam)
    if stage >= NUM_STAGES:
        down = DESCENT_SCALE * learning_rate
        _arrow(figure, step.theta, -down * step.gradient, "SGD", sgd)
        side = across if across @ step.ascended_gradient < 0 else -across  # where the arrow lies
        _arrow(figure, step.theta, -down * step.ascended_gradient, "SAM", sam, side)
    points = [("θ", step.theta), ("θ + ρ g / ‖g‖", step.ascended)][: 1 + (stage >= 2)]
    for name, point in points:
        figure.add_scatter(
            x=[point[0]],
            y=[point[1]],
            mode="markers",
            marker={"size": 11, "color": sam, "line": {"width": 1, "color": "white"}},
            showlegend=False,
            hovertemplate=f"{name}: (%{{x:.3f}}, %{{y:.3f}})<extra></extra>",
        )
    return laid_out(figure, height=430)


def _arrow(
    figure: go.Figure,
    tail: Place,
    vector: Place,
    text: str,
    color: str,
    beside: Place | None = None,
) -> None:
    """From a point along a vector; its name stands at its head, ahead of it or to one side."""
    head = tail + vector
    figure.add_annotation(
        {"x": head[0], "y": head[1], "ax": tail[0], "ay": tail[1], "axref": "x", "ayref": "y"},
        showarrow=True,
        arrowhead=2,
        arrowwidth=2.5,
        arrowcolor=color,
        text="",
    )
    aside = vector if beside is None else beside
    away = 15 * aside / max(float(np.linalg.norm(aside)), toy.EPS)
    figure.add_annotation(
        {"x": head[0], "y": head[1], "xshift": away[0], "yshift": away[1]},
        text=f"<b>{text}</b>",
        showarrow=False,
        font={"color": color, "size": 14},
    )
