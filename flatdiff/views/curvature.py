"""Eigenvalues as dots, spectral densities as lines."""

from collections.abc import Sequence

import numpy as np
import plotly.graph_objects as go

from flatdiff.measures.curvature import CurvatureResult
from flatdiff.views.style import Series, band, laid_out, style_of

FLOOR_SHARE = 0.1  # of the peak of a single eigenvalue's bell: below it there is nothing


def eigenvalue_dots(series: Sequence[Series[CurvatureResult]]) -> go.Figure:
    """Top eigenvalues (filled) and the lowest one (open) with their errors, one row each."""
    figure = go.Figure()
    for entry in series:
        result, style = entry.result, style_of(entry.method)
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
        result, style = entry.result, style_of(entry.method)
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
                line={"color": style.color, "dash": style.dash},
                hovertemplate="at %{x:.3g}: %{y:.3g} eigenvalues per unit",
            )
        )
    figure.update_xaxes(title="eigenvalue")
    figure.update_yaxes(title="eigenvalues per unit", type="log", exponentformat="power")
    return laid_out(figure, height=400)
