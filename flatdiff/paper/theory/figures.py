"""The theory's pictures: both sides of an equality, two Gaussians, bounds, and what is covered."""

from collections.abc import Mapping, Sequence

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray

from flatdiff.paper.theory.lab import MIXES, SIZES, Bounds, Coverage, MeanAndCovariance, Moments
from flatdiff.system.remembered import remembered
from flatdiff.views.style import COLORSCALE, laid_out

# Okabe and Ito's colours that no method has.
BEFORE, AFTER, WRONG = "#56B4E9", "#D55E00", "#CC79A7"
GREY = "#8a8f98"
ANGLES = np.linspace(0, 2 * np.pi, 73)
SHADES = ("#0072B2", "#56B4E9", "#D55E00")


@remembered
def loss_map(
    ticks: NDArray,
    values: NDArray,
    highest: float,
    *,
    density: NDArray | None = None,
    edge: NDArray | None = None,
) -> go.Figure:
    """A loss over the plane, with a density's contours in white; colours follow its root.

    Args:
        ticks: of both axes, (n,).
        values: by x2 and x1, (n, n).
        highest: end of the colour scale, the same for all that is compared.
        density: (n, n); None draws no contours.
        edge: (n, n); None draws none, else a line where it is 0.
    """
    figure = go.Figure(_heat(ticks, values, highest))
    if density is not None:
        figure.add_trace(_contour(ticks, ticks, density / density.max(), (0.1, 0.9, 0.2), 1))
    if edge is not None:
        figure.add_trace(_contour(ticks, ticks, edge, (0, 0, 1), 3))
    _plane(figure, float(ticks[-1]))
    figure.update_layout(xaxis_title=None, yaxis_title=None)
    return laid_out(figure, height=320)


def _heat(ticks: NDArray, values: NDArray, highest: float) -> go.Heatmap:
    """A loss over the plane, coloured by its root; the colour bar has the loss itself."""
    marks = np.linspace(0, 1, 4) ** 2 * highest  # even steps of the colour, in units of the loss
    return go.Heatmap(
        x=ticks,
        y=ticks,
        z=np.sqrt(values),
        customdata=values,
        zmin=0,
        zmax=highest**0.5,
        zsmooth="best",
        colorscale=COLORSCALE,
        colorbar={
            "orientation": "h",
            "thickness": 8,
            "y": -0.1,
            "yanchor": "top",
            "tickvals": np.sqrt(marks),
            "ticktext": [f"{mark:.3g}" for mark in marks],
        },
        hovertemplate="x₁ %{x:.2f}, x₂ %{y:.2f}<br>loss %{customdata:.4g}<extra></extra>",
    )


def ellipse(mean: NDArray, cov: NDArray, radius: float) -> NDArray:
    """Points radius standard deviations from the mean, (n, d)."""
    circle = np.stack([np.cos(ANGLES), np.sin(ANGLES)], axis=-1)
    return mean + radius * circle @ np.linalg.cholesky(cov).T


@remembered
def gaussian_contours(moments: Moments) -> go.Figure:
    """N(0, I) and the prior that the perturbation makes of it, at 1, 2 and 3 deviations."""
    figure = go.Figure()
    known = (
        ("N(0, I)", np.zeros(2), np.eye(2), BEFORE, "solid"),
        ("N(μ, Σ) with −, as derived", moments.mean, moments.cov, AFTER, "solid"),
        ("N(μ, Σ) with +, as printed", moments.printed_mean, moments.cov, WRONG, "dot"),
    )
    for name, mean, cov, color, dash in known:
        rings = [ellipse(mean, cov, radius) for radius in (1, 2, 3)]
        figure.add_trace(_lines(rings, name, {"color": color, "width": 2, "dash": dash}))
        figure.add_trace(_dot(mean, color, "circle"))
    figure.add_trace(_dot(moments.summed_mean, AFTER, "circle-open", size=18))
    figure.data[-1].update(name="mean, added up on a grid", showlegend=True)
    corner = max(np.abs(ellipse(m, c, 3)).max() for _, m, c, *_ in known)
    _plane(figure, float(corner) * 1.05)
    return laid_out(figure, height=440).update_layout(legend={"y": -0.15})


@remembered
def bound_lines(found: Bounds, size: float) -> go.Figure:
    """KL and three bounds by the size of the perturbation."""
    figure = go.Figure()
    known = (
        ("KL", found.kl, AFTER, "solid", 4),
        ("Eq. 18, corrected", found.corrected, BEFORE, "dash", 2),
        ("Eq. 18, as printed", found.printed, WRONG, "dot", 3),
        ("any δ of this size", found.ball, GREY, "dashdot", 1),
    )
    for name, values, color, dash, width in known:
        figure.add_trace(
            go.Scatter(
                x=found.sizes,
                y=values,
                name=name,
                mode="lines",
                line={"color": color, "dash": dash, "width": width},
                hovertemplate="Δ %{x:.2f}: %{y:.4f}",
            )
        )
    figure.add_vline(x=size, line={"color": GREY, "width": 1})
    shown = [found.kl, found.corrected, found.printed]
    highest = float(np.nanmax(np.concatenate(shown)))
    figure.update_xaxes(title="Δ, size of the perturbation")
    figure.update_yaxes(title="nats", range=[0, 1.05 * highest])
    return laid_out(figure, height=400)


@remembered
def failure_map(ratio: NDArray, mark: tuple[float, float] | None) -> go.Figure:
    """KL over the printed bound by mix and size; inside the white line the bound fails.

    Args:
        ratio: by SIZES (but 0) and MIXES.
        mark: mix and size of the chosen perturbation, where it is one of these.
    """
    highest = max(float(np.nanmax(ratio)), 1.01)
    figure = go.Figure(
        go.Heatmap(
            x=MIXES,
            y=SIZES[1:],
            z=ratio,
            zmin=0,
            zmax=highest,
            zsmooth="best",
            colorscale=COLORSCALE,
            colorbar={"title": "ratio", "thickness": 12},
            hovertemplate="mix %{x}°, Δ %{y:.2f}<br>KL / bound %{z:.3f}<extra></extra>",
        )
    )
    figure.add_trace(_contour(MIXES, SIZES[1:], ratio, (1, 1, 1), 3))
    if mark is not None:
        figure.add_trace(_dot(np.array(mark), "white", "cross-thin", size=12))
        figure.data[-1].update(marker={"line": {"width": 3, "color": "white"}})
    names = ("0°", "90°<br>narrower", "180°<br>wider,<br>shifted", "270°<br>wider", "360°")
    figure.update_xaxes(title="mix", tickvals=(0, 90, 180, 270, 360), ticktext=names)
    figure.update_yaxes(title="Δ")
    return laid_out(figure, height=400)


@remembered
def covered_priors(members: Mapping[str, Sequence[MeanAndCovariance]]) -> go.Figure:
    """The one-deviation ellipses of many covered priors, by the size that covers them."""
    figure = go.Figure()
    rings = {
        name: [ellipse(mean, cov, 1) for mean, cov in found] for name, found in members.items()
    }
    for k, (name, lines) in reversed(list(enumerate(rings.items()))):
        style = {"color": SHADES[k % len(SHADES)], "width": 1.5}
        figure.add_trace(_lines(lines, name, style))
        figure.data[-1].update(opacity=0.7)
    style = {"color": GREY, "width": 3}
    figure.add_trace(_lines([ellipse(np.zeros(2), np.eye(2), 1)], "N(0, I)", style))
    corner = max(float(np.abs(line).max()) for lines in rings.values() for line in lines)
    _plane(figure, 1.05 * corner)
    return laid_out(figure, height=440)


@remembered
def coverage_map(found: Coverage, size: float, inner: float, outer: float) -> go.Figure:
    """How large a perturbation each Gaussian needs; what one size covers, and two KL levels."""
    figure = go.Figure(
        go.Heatmap(
            x=found.means,
            y=found.stds,
            z=found.needed,
            customdata=np.stack([found.needed, found.kl], axis=-1),
            zmin=0,
            zmax=2 * size,
            zsmooth="best",
            colorscale=COLORSCALE,
            colorbar={"title": "Δ", "thickness": 12},
            hovertemplate="mean %{x:.2f}, deviation %{y:.2f}<br>needs Δ = %{customdata[0]:.2f}, "
            "KL %{customdata[1]:.3f}<extra></extra>",
        )
    )
    levels = (
        (found.needed, size, "solid", 4),
        (found.kl, inner, "dot", 3),
        (found.kl, outer, "dash", 2),
    )
    for values, level, dash, width in levels:
        at = (level, level, 1)
        figure.add_trace(_contour(found.means, found.stds, values, at, width, dash))
    figure.update_xaxes(title="mean along the axis")
    figure.update_yaxes(title="standard deviation along it")
    return laid_out(figure, height=440)


def _contour(
    x: NDArray,
    y: NDArray,
    z: NDArray,
    levels: tuple[float, float, float],
    width: float,
    dash: str = "solid",
) -> go.Contour:
    """White lines on a map, at levels from, to and by."""
    start, end, step = levels
    return go.Contour(
        x=x,
        y=y,
        z=z,
        contours={"start": start, "end": end, "size": step, "coloring": "none"},
        line={"color": "white", "dash": dash, "width": width},
        showscale=False,
        showlegend=False,
        hoverinfo="skip",
    )


def _lines(rings: Sequence[NDArray], name: str, style: dict) -> go.Scatter:
    """Closed lines as one trace, with gaps between them."""
    gap = np.full((1, 2), np.nan)
    points = np.concatenate([part for ring in rings for part in (ring, gap)])
    return go.Scatter(
        x=points[:, 0], y=points[:, 1], name=name, mode="lines", line=style, hoverinfo="skip"
    )


def _dot(place: NDArray, color: str, symbol: str, size: int = 8) -> go.Scatter:
    return go.Scatter(
        x=place[:1],
        y=place[1:],
        mode="markers",
        marker={"color": color, "symbol": symbol, "size": size},
        hovertemplate="%{x:.4g}, %{y:.4g}<extra></extra>",
        showlegend=False,
    )


def _plane(figure: go.Figure, corner: float) -> None:
    """Both axes alike, so that a circle is a circle."""
    figure.update_xaxes(title="x₁", range=[-corner, corner], constrain="domain")
    figure.update_yaxes(title="x₂", range=[-corner, corner], scaleanchor="x", constrain="domain")
