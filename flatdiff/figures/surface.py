"""Loss surfaces as contours, reliefs and lines; viridis, one range for all that is compared."""

from collections.abc import Sequence

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray

from flatdiff.figures.style import Series, band, laid_out, style_of
from flatdiff.measures.surface import SurfaceResult

COLORSCALE = "Viridis"
CONTOUR_LEVELS = 16


def shown_grid(result: SurfaceResult) -> tuple[NDArray, NDArray, NDArray]:
    """The finest sub-grid that is computed throughout: columns, rows, loss.

    A surface in the making is drawn coarse, never with holes that look like a result.
    """
    stride = 1
    while stride < max(result.loss.shape) and not result.computed[::stride, ::stride].all():
        stride *= 2
    return result.a[::stride], result.b[::stride], result.loss[::stride, ::stride]


def common_range(results: Sequence[SurfaceResult]) -> tuple[float, float] | None:
    """The lowest and highest finite loss of all; None where nothing is computed."""
    values = np.concatenate([result.loss[np.isfinite(result.loss)] for result in results])
    return (float(values.min()), float(values.max())) if values.size else None


def surface_contour(
    result: SurfaceResult, limits: tuple[float, float], *, log: bool = False
) -> go.Figure:
    """Filled contours of one checkpoint over (a, b), on the comparison's range."""
    a, b, loss = shown_grid(result)
    low, high = _scaled(np.array(limits), log)
    figure = go.Figure(
        go.Contour(
            x=a,
            y=b,
            z=_scaled(loss, log),
            customdata=loss,
            zmin=low,
            zmax=high,
            contours={"start": low, "end": high, "size": (high - low) / CONTOUR_LEVELS or 1.0},
            colorscale=COLORSCALE,
            line={"width": 0.5, "color": "rgba(255,255,255,0.35)"},
            colorbar=_colorbar(limits, log),
            hovertemplate="a %{x:.3f}<br>b %{y:.3f}<br>loss %{customdata:.4f}<extra></extra>",
        )
    )
    figure.add_trace(
        go.Scatter(
            x=[0],
            y=[0],
            mode="markers",
            marker={"symbol": "cross-thin", "size": 12, "line": {"width": 2, "color": "white"}},
            hovertemplate=f"checkpoint<br>loss {result.base_loss:.4f}<extra></extra>",
            showlegend=False,
        )
    )
    figure.update_xaxes(title="a", constrain="domain")
    figure.update_yaxes(title="b", scaleanchor="x", constrain="domain")
    return laid_out(figure, height=380)


def surface_3d(
    result: SurfaceResult, limits: tuple[float, float], *, log: bool = False
) -> go.Figure:
    """The same as a relief."""
    a, b, loss = shown_grid(result)
    low, high = _scaled(np.array(limits), log)
    figure = go.Figure(
        go.Surface(
            x=a,
            y=b,
            z=_scaled(loss, log),
            customdata=loss,
            cmin=low,
            cmax=high,
            colorscale=COLORSCALE,
            colorbar=_colorbar(limits, log),
            hovertemplate="a %{x:.3f}<br>b %{y:.3f}<br>loss %{customdata:.4f}<extra></extra>",
        )
    )
    name = "log10 loss" if log else "loss"
    figure.update_scenes(
        xaxis_title="a",
        yaxis_title="b",
        zaxis={"title": name, "range": [low, high]},
        aspectmode="cube",
    )
    return laid_out(figure, height=460)


def surface_lines(series: Sequence[Series[SurfaceResult]], *, log: bool = False) -> go.Figure:
    """One line a checkpoint over a, with the noise floor of each as a band."""
    figure = go.Figure()
    for entry in series:
        result, style = entry.result, style_of(entry.method)
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
                line={"color": style.color, "dash": style.dash},
                customdata=result.rise_stderr[0][known],
                hovertemplate="a %{x:.3f}, loss %{y:.4f} ± %{customdata:.4f}",
            )
        )
    figure.update_xaxes(title="a (1 moves every filter by its own norm)")
    figure.update_yaxes(title="loss", type="log" if log else "linear")
    return laid_out(figure, height=420)


def _scaled(values: NDArray, log: bool) -> NDArray:
    return np.log10(values) if log else values


def _colorbar(limits: tuple[float, float], log: bool) -> dict:
    """Ticks in units of the loss, whatever the scale."""
    ticks = np.geomspace(*limits, 5) if log else np.linspace(*limits, 5)
    return {
        "title": "loss",
        "tickvals": _scaled(ticks, log),
        "ticktext": [f"{tick:.3g}" for tick in ticks],
        "thickness": 12,
    }
