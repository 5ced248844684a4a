"""Pictures of the tour alone: one line through a surface, and two valleys that are shaken."""

import numpy as np
import plotly.graph_objects as go
import scipy

from flatdiff.measures.surface import SurfaceResult
from flatdiff.system.remembered import remembered
from flatdiff.views.style import Series, laid_out, style_of
from flatdiff.views.surfaces.plot import CHOSEN, shown_grid

WELLS = {"narrow": (8.0, "adm"), "wide": (1.0, "sam")}  # second derivative; whose look it has
NUM_PLACES = 12  # where the noise may lead to
HEIGHT, HIGHEST = 280, 1.2  # pixels; loss


@remembered
def line_through(entry: Series[SurfaceResult], at: float) -> go.Figure:
    """The row of a surface that passes through its checkpoint, and one place on it.

    Args:
        entry: a surface in two dimensions.
        at: of the place, along the first direction.
    """
    a, loss = middle_row(entry.result)
    figure = go.Figure()
    figure.add_scatter(
        x=a,
        y=loss,
        mode="lines",
        line={"color": entry.style.color, "width": 3},
        hovertemplate="moved by %{x:.2f}, loss %{y:.3f}<extra></extra>",
    )
    figure.add_scatter(
        x=[at],
        y=[np.interp(at, a, loss)],
        mode="markers",
        marker={"size": 16, "color": CHOSEN, "line": {"width": 2, "color": "white"}},
        hoverinfo="skip",
    )
    figure.update_xaxes(title="distance along the direction")
    figure.update_yaxes(title="loss", rangemode="tozero")
    return laid_out(figure, height=HEIGHT).update_layout(showlegend=False)


def middle_row(result: SurfaceResult) -> "tuple[np.ndarray, np.ndarray]":
    """Places along the first direction, and the loss there; the second one is at its zero."""
    a, b, loss = shown_grid(result)
    return a, loss[int(np.argmin(np.abs(b)))]


def rise_under_noise(curvature: float, sigma: float) -> float:
    """How much Gaussian noise raises the mean of 1/2 k x^2: k sigma^2 / 2.

    >>> rise_under_noise(8.0, 0.5)
    1.0
    """
    return curvature * sigma**2 / 2


@remembered
def wells(sigma: float) -> go.Figure:
    """Two valleys, equally deep, with the mean loss of each under noise on the weight.

    Args:
        sigma: standard deviation of the noise.
    """
    figure, x = go.Figure(), np.linspace(-1.5, 1.5, 201)
    # Places that are equally likely, instead of a draw: dragging sigma moves them smoothly.
    places = sigma * scipy.special.ndtri((np.arange(NUM_PLACES) + 0.5) / NUM_PLACES)
    for name, (curvature, method) in WELLS.items():
        look = style_of(method)
        height = curvature * x**2 / 2
        figure.add_scatter(
            x=x,
            y=np.where(height <= HIGHEST, height, np.nan),
            name=f"{name} valley",
            mode="lines",
            line={"color": look.color, "width": 3},
            hoverinfo="skip",
        )
        figure.add_scatter(
            x=places,
            y=curvature * places**2 / 2,
            mode="markers",
            marker={"color": look.color, "size": 8, "opacity": 0.6},
            hoverinfo="skip",
            showlegend=False,
        )
        figure.add_hline(
            rise_under_noise(curvature, sigma), line={"color": look.color, "dash": "dash"}
        )
    figure.update_xaxes(title="weight")
    figure.update_yaxes(title="loss", range=[-0.04, HIGHEST])
    return laid_out(figure, height=HEIGHT).update_layout(legend_y=1.15)
