"""LPF scores as dots with intervals."""

from collections.abc import Sequence

import plotly.graph_objects as go

from flatdiff.measures.lpf import LpfResult
from flatdiff.measures.timesteps import by_timestep
from flatdiff.views.style import Series, laid_out, style_of


def lpf_dots(series: Sequence[Series[LpfResult]]) -> go.Figure:
    """Loss at the checkpoint (open) and under noise (filled, 95 % interval), one row each."""
    figure = go.Figure()
    for entry in series:
        result, style = entry.result, style_of(entry.method)
        marker = {"color": style.color, "symbol": style.symbol, "size": 10}
        figure.add_trace(
            go.Scatter(
                x=[result.loss, result.lpf],
                y=[entry.title, entry.title],
                mode="lines+markers",
                line={"color": style.color, "width": 1},
                marker={**marker, "symbol": [f"{style.symbol}-open", style.symbol]},
                error_x={
                    "array": [None, result.ci_high - result.lpf],
                    "arrayminus": [None, result.lpf - result.ci_low],
                },
                hovertemplate="%{y}: %{x:.4f}<extra></extra>",
                showlegend=False,
            )
        )
    figure.update_xaxes(title="loss: at the checkpoint (open),<br>under weight noise (filled)")
    figure.update_yaxes(autorange="reversed", type="category")
    return laid_out(figure, height=90 + 42 * len(series))


def lpf_by_timestep(series: Sequence[Series[LpfResult]], num_bins: int) -> go.Figure:
    """Rise of the loss under noise by timestep, one line a checkpoint."""
    figure = go.Figure()
    for entry in series:
        result, style = entry.result, style_of(entry.method)
        rises = by_timestep(result.pair_gaps, result.timesteps, result.num_steps, num_bins)
        figure.add_trace(
            go.Scatter(
                x=(rises.edges[1:] + rises.edges[:-1]) / 2,
                y=rises.gap,
                error_y={"array": rises.stderr},
                name=entry.title,
                mode="lines+markers",
                line={"color": style.color, "dash": style.dash},
                marker={"symbol": style.symbol},
                hovertemplate="t around %{x:.0f}: rise %{y:.4f}",
            )
        )
    figure.update_xaxes(title="timestep (0 is nearly clean, the last nearly noise)")
    figure.update_yaxes(title="rise of the loss under weight noise")
    return laid_out(figure, height=380)
