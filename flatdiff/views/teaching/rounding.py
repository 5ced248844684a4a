"""Rounding one tensor: its weights above, the levels below, and which weight falls on which."""

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray
from plotly.subplots import make_subplots

from flatdiff.landscape.quantization import Scheme, dequantize, quantize
from flatdiff.system.remembered import remembered
from flatdiff.views.style import laid_out, style_of

NUM_BINS = 80
NUM_THREADS = 120  # weights whose way to their level is drawn


def levels_of(values: NDArray[np.float32], bits: int) -> NDArray[np.float32]:
    """The values that a tensor's weights can have at a width: symmetric around 0, ascending.

    >>> levels_of(np.array([-0.5, 1.0], np.float32), 2).tolist()
    [-1.0, 0.0, 1.0]
    """
    largest = 2 ** (bits - 1) - 1
    return (
        np.arange(-largest, largest + 1, dtype=np.float32)
        * quantize(values, Scheme(bits=bits)).scale
    )


@remembered
def rounding_strip(
    values: NDArray[np.float32], bits: int, method: str, largest: float
) -> go.Figure:
    """Weights as a histogram, the share of them on each level, and threads from one to the other.

    Args:
        values: a tensor's weights, of any shape.
        bits: 2 to 8.
        method: of the checkpoint; decides the colour.
        largest: absolute weight that has to fit: the end of the axis that strips share.
    """
    flat = values.ravel()
    levels, rounded = levels_of(flat, bits), dequantize(quantize(flat, Scheme(bits=bits)))
    color = style_of(method).color
    counts, edges = np.histogram(flat, NUM_BINS)
    figure = make_subplots(
        rows=3, shared_xaxes=True, vertical_spacing=0.02, row_heights=[0.4, 0.2, 0.4]
    )
    _bars(figure, 1, color, (edges[1:] + edges[:-1]) / 2, counts, np.diff(edges))
    figure.add_scatter(
        **_threads(flat, rounded), line={"color": color, "width": 0.7}, row=2, col=1
    )
    width = min(float(levels[1] - levels[0]) * 0.6, float(np.ptp(levels)) / 60)
    _bars(figure, 3, color, *np.unique(rounded, return_counts=True), width)
    figure.add_scatter(
        x=levels,
        y=np.zeros(len(levels)),
        mode="markers",
        marker={"symbol": "line-ns-open", "size": 9, "color": "gray"},
        hovertemplate="level %{x:.4f}<extra></extra>",
        row=3,
        col=1,
    )
    figure.update_yaxes(showticklabels=False, showgrid=False, zeroline=False)
    figure.update_yaxes(title="weights", row=1, col=1)
    figure.update_yaxes(range=[0, 1], fixedrange=True, row=2, col=1)
    figure.update_yaxes(title="rounded", row=3, col=1)
    figure.update_xaxes(range=[-1.05 * largest, 1.05 * largest])
    figure.update_xaxes(title="value of a weight", row=3, col=1)
    return laid_out(figure, height=380).update_layout(showlegend=False, bargap=0)


def _bars(
    figure: go.Figure, row: int, color: str, x: NDArray, counts: NDArray, width: NDArray | float
) -> None:
    """Shares of all weights at some values, in one of the figure's rows."""
    figure.add_bar(
        x=x,
        y=counts / counts.sum(),
        width=width,
        marker={"color": color, "line": {"width": 0}},
        hovertemplate=("around %{x:.3f}" if row == 1 else "level %{x:.4f}")
        + ": %{y:.2%} of the weights<extra></extra>",
        row=row,
        col=1,
    )


def _threads(flat: NDArray[np.float32], rounded: NDArray[np.float32]) -> dict:
    """Thin lines from weights, spread evenly over their order, to their levels."""
    order = np.argsort(flat)
    chosen = order[np.linspace(0, flat.size - 1, min(NUM_THREADS, flat.size)).astype(int)]
    gaps = np.full(len(chosen), np.nan)
    return {
        "x": np.stack([flat[chosen], rounded[chosen], gaps], axis=1).ravel(),
        "y": np.tile([1.0, 0.0, np.nan], len(chosen)),
        "mode": "lines",
        "opacity": 0.7,
        "hoverinfo": "skip",
    }
