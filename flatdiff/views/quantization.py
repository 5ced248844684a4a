"""What rounding does to the loss: by bit width, and layer by layer."""

from collections.abc import Sequence

import numpy as np
import plotly.graph_objects as go

from flatdiff.measures.quantization import QuantizationResult
from flatdiff.measures.sensitivity import SensitivityResult
from flatdiff.views.style import Series, laid_out, style_of


def quantization_lines(
    series: Sequence[Series[QuantizationResult]], *, log: bool = False
) -> go.Figure:
    """Rise of the loss over full precision by bit width, with its paired standard error.

    A logarithmic axis has no place for what is not above 0: those points are left out.
    """
    figure = go.Figure()
    for entry in series:
        result, style = entry.result, style_of(entry.method)
        figure.add_trace(
            go.Scatter(
                x=[str(bits) for bits in result.bits],
                y=np.where(result.rise > 0, result.rise, np.nan) if log else result.rise,
                name=entry.title,
                mode="lines+markers",
                line={"color": style.color, "dash": style.dash},
                marker={"symbol": style.symbol, "size": 8},
                error_y={"array": result.rise_stderr},
                hovertemplate="%{x} bits: %{y:+.5f}",
            )
        )
    figure.update_xaxes(title="bits", type="category")
    kind = "log" if log else "linear"
    figure.update_yaxes(title="loss − loss at 32 bits", type=kind, exponentformat="power")
    return laid_out(figure, height=360)


def sensitivity_dots(
    series: Sequence[Series[SensitivityResult]], num_layers: int = 20
) -> go.Figure:
    """Rise of the loss with one layer rounded, the layers that matter most to anybody on top."""
    rises: dict[str, float] = {}
    for entry in series:
        for layer, rise in zip(entry.result.layers, entry.result.rise, strict=True):
            if np.isfinite(rise):
                rises[layer] = max(rise, rises.get(layer, rise))
    shown = sorted(rises, key=rises.__getitem__, reverse=True)[:num_layers]
    figure = go.Figure()
    for entry in series:
        result, style = entry.result, style_of(entry.method)
        rows = [result.layers.index(layer) for layer in shown if layer in result.layers]
        figure.add_trace(
            go.Scatter(
                x=result.rise[rows],
                y=[result.layers[row] for row in rows],
                name=entry.title,
                mode="markers",
                marker={"color": style.color, "symbol": style.symbol, "size": 8},
                error_x={"array": result.rise_stderr[rows], "thickness": 1},
                customdata=result.parameters[rows],
                hovertemplate="%{y}: %{x:+.5f}<br>%{customdata:,} weights",
            )
        )
    figure.add_vline(x=0, line={"width": 1, "color": "gray"})
    figure.update_xaxes(title="loss − loss at 32 bits")
    figure.update_yaxes(categoryorder="array", categoryarray=shown[::-1], type="category")
    return laid_out(figure, height=120 + 22 * len(shown))
