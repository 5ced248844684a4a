"""Loss by bit width."""

from collections.abc import Sequence

import plotly.graph_objects as go

from flatdiff.figures.style import Series, laid_out, style_of
from flatdiff.measures.quantization import QuantizationResult


def quantization_lines(series: Sequence[Series[QuantizationResult]]) -> go.Figure:
    """Rise of the loss over full precision by bit width, with its paired standard error."""
    figure = go.Figure()
    for entry in series:
        result, style = entry.result, style_of(entry.method)
        figure.add_trace(
            go.Scatter(
                x=[str(bits) for bits in result.bits],
                y=result.rise,
                name=entry.title,
                mode="lines+markers",
                line={"color": style.color, "dash": style.dash},
                marker={"symbol": style.symbol, "size": 8},
                error_y={"array": result.rise_stderr},
                hovertemplate="%{x} bits: +%{y:.5f}",
            )
        )
    figure.update_xaxes(title="bits", type="category")
    figure.update_yaxes(title="loss − loss at 32 bits")
    return laid_out(figure, height=360)
