"""Radius curves: the loss against the size of a perturbation, and by timestep."""

import itertools
from collections.abc import Iterator, Sequence
from typing import Any, Literal

import numpy as np
import pandas as pd
import plotly.graph_objects as go
from numpy.typing import NDArray

from flatdiff.landscape.noise import Noise
from flatdiff.measures.comparison import Estimate
from flatdiff.measures.radius import RadiusResult
from flatdiff.measures.timesteps import ByTimestep, by_timestep
from flatdiff.views.base import Headline, Picture, Row, Section, View, with_error
from flatdiff.views.style import Series, band, laid_out

Axis = Literal["sizes", "relative_norms"]
SIZE_TITLES: dict[Noise, str] = {
    "sphere": "perturbation norm γ",
    "absolute": "σ",
    "filter_relative": "σ, in units of each filter's size",
}


def radius_lines(
    series: Sequence[Series[RadiusResult]],
    *,
    axis: Axis = "sizes",
    x_title: str = "perturbation norm",
    spaghetti: bool = False,
    log: bool = False,
) -> go.Figure:
    """One line a checkpoint with twice its standard error; as spaghetti with every direction."""
    figure = go.Figure()
    for entry in series:
        result, style = entry.result, entry.style
        x = np.concatenate([[0.0], getattr(result, axis)])
        y = np.concatenate([[result.base_loss], result.loss])
        error = np.concatenate([[0.0], result.stderr])
        if np.isfinite(error).all():
            figure.add_trace(band(x, y, 2 * error, style.color))
        if spaghetti:
            figure.add_trace(_every_direction(entry, x))
        figure.add_trace(
            go.Scatter(
                x=x,
                y=y,
                name=entry.title,
                mode="lines+markers",
                line=style.line,
                marker={"symbol": style.symbol},
                customdata=error,
                hovertemplate="%{x:.3g}: loss %{y:.4f} ± %{customdata:.4f}",
            )
        )
    figure.update_xaxes(title=x_title, rangemode="tozero")
    figure.update_yaxes(title="loss", type="log" if log else "linear")
    return laid_out(figure, height=420)


def _every_direction(entry: Series[RadiusResult], x: np.ndarray) -> go.Scatter:
    """Thin lines, one a direction and sign, with gaps between them."""
    curves = entry.result.curves
    starts = np.full((len(curves), 1), entry.result.base_loss)
    gaps = np.full((len(curves), 1), np.nan)
    return go.Scatter(
        x=np.tile(np.append(x, np.nan), len(curves)),
        y=np.hstack([starts, curves, gaps]).ravel(),
        mode="lines",
        line={"color": entry.style.color, "width": 0.5},
        opacity=0.4,
        hoverinfo="skip",
        showlegend=False,
    )


def rises_of(result: RadiusResult, num_bins: int) -> ByTimestep:
    """The curve's rise by timestep, (S, bins)."""
    return by_timestep(result.member_gaps, result.timesteps, result.num_steps, num_bins)


def timestep_map(
    sizes: NDArray[np.float64], rises: ByTimestep, highest: float, *, x_title: str
) -> go.Figure:
    """Rise of the loss by timestep and size as a heat map.

    Args:
        sizes: (S,).
        rises: of one checkpoint, (S, bins).
        highest: rise at the end of the colour scale, shared by all that is compared.
        x_title: what a size is.
    """
    figure = go.Figure(
        go.Heatmap(
            x=[f"{size:g}" for size in sizes],
            y=[f"{low:.0f} to {high:.0f}" for low, high in itertools.pairwise(rises.edges)],
            z=rises.gap.T,
            customdata=rises.stderr.T,
            zmin=0,
            zmax=highest,
            colorscale="Viridis",
            colorbar={"title": "rise", "thickness": 12},
            hovertemplate="%{x}, t %{y}<br>rise %{z:.4f} ± %{customdata:.4f}<extra></extra>",
        )
    )
    figure.update_xaxes(title=x_title, type="category")
    figure.update_yaxes(title="timestep", type="category")
    return laid_out(figure, height=380)


def radius_pictures(series: Sequence[Series], settings: Any, view: View) -> Iterator[Picture]:
    """Loss over the size of a perturbation, and by timestep."""
    size_title = SIZE_TITLES[settings.noise]
    yield Picture(
        key="curves",
        content=radius_lines(
            series,
            axis="relative_norms" if view.relative else "sizes",
            x_title="‖δ‖ / ‖θ‖" if view.relative else size_title,
            spaghetti=view.spaghetti,
            log=view.log,
        ),
        alt="Loss against the size of the perturbation, one line a checkpoint",
        caption="Bands are two standard errors over directions; the panel is frozen.",
    )
    timed = [entry for entry in series if entry.result.num_steps > 1]
    rises = [rises_of(entry.result, view.timestep_bins) for entry in timed]
    gaps = np.concatenate([np.array([]), *(each.gap.ravel() for each in rises)])
    if not np.isfinite(gaps).any():
        return
    for entry, each in zip(timed, rises, strict=True):
        yield Picture(
            key=f"timesteps-{entry.title}",
            content=timestep_map(
                entry.result.sizes, each, float(np.nanmax(gaps)), x_title=size_title
            ),
            alt=f"Rise of the loss of {entry.title} by timestep and size",
            heading=f"{entry.title}, by timestep",
            row="timesteps",
        )


def radius_slope(result: RadiusResult) -> list[Row]:
    """The rise over the distance in one number, and at the largest size."""
    return [
        {
            "slope over ‖δ‖ / ‖θ‖": with_error(result.slope, result.slope_stderr),
            "of the slope over panels": f"± {result.slope_panel_stderr:.2g}",
            "largest size": f"{result.sizes[-1]:g}",
            "rise there": with_error(result.gap[-1], result.stderr[-1]),
            "of the rise over panels": f"± {result.gap_panel_stderr[-1]:.2g}",
            "directions": f"{result.num_directions}",
        }
    ]


def radius_table(result: RadiusResult) -> pd.DataFrame:
    """One row a size."""
    columns = ("sizes", "relative_norms", "loss", "stderr", "gap")
    columns += ("gap_panel_stderr", "gap_total_stderr")
    return pd.DataFrame({name: getattr(result, name) for name in columns})


def _headline(result: RadiusResult) -> Estimate:
    return Estimate(float(result.gap[-1]), float(result.gap_total_stderr[-1]), result.rises)


SECTION = Section(
    title="Loss against distance",
    draw=radius_pictures,
    headline=Headline("rise of the loss at the largest size", _headline),
    table=radius_table,
    read=radius_slope,
    detail=lambda result: result.num_directions > 0,
    caveat="Over random directions; the slower the loss rises, the flatter the checkpoint. ± is "
    "one standard error over other directions on this panel, and over panels where it says so.",
)
