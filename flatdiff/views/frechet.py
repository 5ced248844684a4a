"""Distances of generated from real images as dots with errors."""

from collections.abc import Sequence

import plotly.graph_objects as go

from flatdiff.landscape.quantization import FULL_PRECISION_BITS
from flatdiff.measures.frechet import FrechetResult
from flatdiff.views.style import Series, laid_out, style_of


def frechet_dots(series: Sequence[Series[FrechetResult]]) -> go.Figure:
    """A row a checkpoint, a dot a bit width with one standard error; open at 32 bits."""
    figure = go.Figure()
    for entry in series:
        result, style = entry.result, style_of(entry.method)
        for k, bits in enumerate(result.bits):
            open_or_not = "-open" if bits == FULL_PRECISION_BITS else ""
            figure.add_trace(
                go.Scatter(
                    x=[result.frechet[k]],
                    y=[entry.title],
                    name=f"{bits} bits",
                    mode="markers",
                    marker={
                        "color": style.color,
                        "symbol": f"{style.symbol}{open_or_not}",
                        "size": 10,
                    },
                    error_x={"array": [result.frechet_stderr[k]]},
                    hovertemplate="%{y}: %{x:.4g} ± %{error_x.array:.2g}",
                    orientation="h",
                    offsetgroup=str(bits),
                    showlegend=False,
                )
            )
    label = series[0].result.label if series else ""
    figure.update_xaxes(
        title=f"{label}<br>at 32 bits (open), rounded (filled)", rangemode="tozero"
    )
    figure.update_yaxes(autorange="reversed", type="category")
    figure.update_layout(scattermode="group", scattergap=0.4)
    return laid_out(figure, height=110 + 56 * len(series))
