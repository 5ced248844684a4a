"""Eigenvalues as dots, spectral densities as lines."""

import math
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from flatdiff.measures.comparison import Estimate
from flatdiff.measures.curvature import LPF_SIGMAS, CurvatureResult
from flatdiff.views.base import Headline, Picture, Row, Section, View, with_error
from flatdiff.views.style import Series, band, laid_out

FLOOR_SHARE = 0.1  # of the peak of a single eigenvalue's bell: below it there is nothing


def eigenvalue_dots(series: Sequence[Series[CurvatureResult]]) -> go.Figure:
    """Top eigenvalues (filled) and the lowest one (open) with their errors, one row each."""
    figure = go.Figure()
    for entry in series:
        result, style = entry.result, entry.style
        values = [*result.eigenvalues, result.lowest_eigenvalue]
        symbols = [style.symbol] * len(result.eigenvalues) + [f"{style.symbol}-open"]
        errors = [*result.eigenvalue_errors, result.lowest_eigenvalue_error]
        figure.add_trace(
            go.Scatter(
                x=values,
                y=[entry.title] * len(values),
                mode="markers",
                marker={"color": style.color, "symbol": symbols, "size": 10},
                error_x={"array": errors, "width": 0},
                customdata=errors,
                hovertemplate="%{y}: %{x:.4g} ± %{customdata:.1g}<extra></extra>",
                showlegend=False,
            )
        )
    figure.add_vline(x=0, line={"width": 1, "color": "gray"})
    figure.update_xaxes(title="top eigenvalues, and the lowest (open)")
    figure.update_yaxes(autorange="reversed", type="category")
    return laid_out(figure, height=90 + 42 * len(series))


def density_lines(series: Sequence[Series[CurvatureResult]]) -> go.Figure:
    """Eigenvalues per unit of curvature, one line a checkpoint, one standard error as a band."""
    figure = go.Figure()
    shown = [entry for entry in series if np.isfinite(entry.result.density).any()]
    peaks = [1 / (np.sqrt(2 * np.pi) * entry.result.density_width) for entry in shown]
    floor = FLOOR_SHARE * min(peaks, default=1.0)
    for entry in shown:
        result, style = entry.result, entry.style
        grid = result.density_grid
        lower = np.maximum(result.density - result.density_stderr, floor)
        upper = np.maximum(result.density + result.density_stderr, floor)
        if np.isfinite(upper).all():
            middle, half_width = (upper + lower) / 2, (upper - lower) / 2
            figure.add_trace(band(grid, middle, half_width, style.color))
        figure.add_trace(
            go.Scatter(
                x=grid,
                y=np.where(result.density < floor, np.nan, result.density),
                name=entry.title,
                mode="lines",
                line=style.line,
                hovertemplate="at %{x:.3g}: %{y:.3g} eigenvalues per unit",
            )
        )
    figure.update_xaxes(title="eigenvalue")
    figure.update_yaxes(title="eigenvalues per unit", type="log", exponentformat="power")
    return laid_out(figure, height=400)


def curvature_pictures(series: Sequence[Series], _settings: Any, _view: View) -> Iterator[Picture]:
    """The ends of the spectrum, and all of it."""
    yield Picture(
        key="eigenvalues",
        content=eigenvalue_dots(series),
        alt="Top and lowest eigenvalue of each checkpoint",
        heading="Eigenvalues",
    )
    yield Picture(
        key="density",
        content=density_lines(series),
        alt="Eigenvalues per unit of curvature",
        heading="Spectral density",
    )


def curvature_numbers(result: CurvatureResult) -> list[Row]:
    """What a checkpoint's curvature comes to."""
    row = {
        "top eigenvalue": with_error(result.eigenvalues[0], result.top_error),
        "lowest": with_error(result.lowest_eigenvalue, result.lowest_eigenvalue_error),
        "trace": with_error(result.trace, result.trace_total_stderr),
        "of it over probes, panels": f"{result.trace_stderr:.2g}, {result.trace_panel_stderr:.2g}",
        "negative, %": with_error(100 * result.negative_share, 100 * result.negative_share_stderr),
        "‖gradient‖": f"{result.gradient_norm:.3g}" if math.isfinite(result.gradient_norm) else "",
    }
    for sigma in LPF_SIGMAS:
        row[f"LPF rise, σ {sigma:g}"] = with_error(*result.predicted_lpf_rise(sigma))
    return [row]


def curvature_table(result: CurvatureResult) -> pd.DataFrame:
    """One row; the density is in the other files."""
    row: dict[str, float] = {}
    for rank, value in enumerate(result.eigenvalues):
        row[f"eigenvalue_{rank + 1}"] = value
        row[f"eigenvalue_{rank + 1}_error"] = result.eigenvalue_errors[rank]
        row[f"eigenvalue_{rank + 1}_panel_stderr"] = result.eigenvalue_panel_stderrs[rank]
    for name in ("lowest_eigenvalue", "trace", "negative_share"):
        error = "error" if name == "lowest_eigenvalue" else "stderr"
        row[name] = getattr(result, name)
        row[f"{name}_{error}"] = getattr(result, f"{name}_{error}")
    row["trace_panel_stderr"] = result.trace_panel_stderr
    row["trace_total_stderr"] = result.trace_total_stderr
    for sigma in LPF_SIGMAS:
        rise, stderr = result.predicted_lpf_rise(sigma)
        row |= {f"lpf_rise_{sigma:g}": rise, f"lpf_rise_{sigma:g}_stderr": stderr}
    names = ("loss", "gradient_norm", "num_probes")
    return pd.DataFrame([row | {name: getattr(result, name) for name in names}])


def _headline(result: CurvatureResult) -> Estimate:
    return Estimate(result.trace, result.trace_total_stderr)


SECTION = Section(
    title="Curvature",
    draw=curvature_pictures,
    headline=Headline("trace of the Hessian", _headline),
    table=curvature_table,
    read=curvature_numbers,
    caveat="The ± of the top eigenvalue and of the trace cover other panels, too; that of the "
    "lowest is how far from it a true one is at most, every other one standard error over "
    "probes. Curvature is not invariant under reparametrisation: "
    "compare checkpoints of one architecture and training recipe.",
)
