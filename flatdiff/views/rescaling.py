"""LPF over the factor by which weights before a norm were multiplied."""

from collections.abc import Sequence
from fractions import Fraction

import numpy as np
import plotly.graph_objects as go

from flatdiff.landscape.noise import LPF_MODES, LpfMode
from flatdiff.measures.rescaling import RescalingResult
from flatdiff.views.style import Series, laid_out, style_of


def factor_name(factor: float) -> str:
    """As a person writes it.

    >>> factor_name(0.25), factor_name(2.0)
    ('1/4', '2')
    """
    return str(Fraction(factor).limit_denominator(1024))


def highest_loss(series: Sequence[Series[RescalingResult]]) -> float:
    """The end of the axis that compared figures share; NaN where nothing is known."""
    tops = [result.lpf + np.nan_to_num(result.stderr) for result in (e.result for e in series)]
    known = np.concatenate([top[np.isfinite(top)] for top in tops])
    return float(known.max()) if len(known) else float("nan")


def rescaling_lines(
    series: Sequence[Series[RescalingResult]], mode: LpfMode, highest: float
) -> go.Figure:
    """LPF with its standard error, and the loss without noise dotted below, by checkpoint.

    Args:
        series: the checkpoints.
        mode: of the noise.
        highest: loss that has to fit; see `highest_loss`.
    """
    figure, row = go.Figure(), LPF_MODES.index(mode)
    for entry in series:
        result, style = entry.result, style_of(entry.method)
        figure.add_scatter(
            x=result.factors,
            y=result.lpf[row],
            error_y={"array": result.stderr[row]},
            name=entry.title,
            mode="lines+markers",
            line={"color": style.color, "dash": style.dash},
            marker={"symbol": style.symbol, "size": 8},
            customdata=result.stderr[row],
            hovertemplate="factor %{x:g}: %{y:.4f} ± %{customdata:.4f}",
        )
        figure.add_scatter(
            x=result.factors,
            y=result.loss,
            name=f"{entry.title}, no noise",
            mode="lines",
            line={"color": style.color, "dash": "dot", "width": 1},
            showlegend=False,
            hovertemplate="factor %{x:g}: %{y:.5f}",
        )
    factors = sorted({factor for entry in series for factor in entry.result.factors})
    names = [factor_name(factor) for factor in factors]
    figure.update_xaxes(title="factor", type="log", tickvals=factors, ticktext=names)
    figure.update_yaxes(title="loss", range=[0, 1.05 * highest])
    return laid_out(figure, height=340)
