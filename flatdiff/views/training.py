"""Loss histories of training runs, finished and going on."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray

from flatdiff.views.style import band, laid_out, style_of

USUAL = 0.995  # share of the means that the axis holds; a rare batch lies far above
# Ticks at 1, 2 and 5 of every decade as whole numbers: plotly writes the 2 of 0.2 alone.
LOSS_AXIS: dict[str, Any] = {
    "title": "training loss (dropout on)",
    "type": "log",
    "dtick": "D2",
    "tickformat": "~g",
}


def loss_history_lines(
    histories: Mapping[str, tuple[str, Sequence[Sequence[float]]]],
) -> go.Figure:
    """Training loss by step; title to (method, [[step, loss], ...])."""
    figure = go.Figure()
    for title, (method, rows) in histories.items():
        style = style_of(method)
        figure.add_trace(
            go.Scatter(
                x=[row[0] for row in rows],
                y=[row[1] for row in rows],
                name=title,
                mode="lines",
                line={"color": style.color, "dash": style.dash},
            )
        )
    figure.update_xaxes(title="step")
    figure.update_yaxes(**LOSS_AXIS)
    return laid_out(figure, height=320)


@dataclass(frozen=True)
class LossCurve:
    """A run's losses, thinned for a picture."""

    title: str
    method: str
    dash: str  # tells families apart
    step: NDArray  # (P,), the last of each part
    loss: NDArray  # (P,), mean of a part
    low: NDArray  # (P,), least loss of a batch in it
    high: NDArray  # (P,), greatest


def loss_curves(curves: Sequence[LossCurve]) -> go.Figure:
    """Mean losses as lines, the spread of single batches behind them, on one logarithmic axis.

    The axis begins so that the lines fill it: single batches reach far above.
    """
    figure = go.Figure()
    for curve in curves:
        color = style_of(curve.method).color
        middle, half = (curve.high + curve.low) / 2, (curve.high - curve.low) / 2
        figure.add_trace(band(curve.step, middle, half, color))
    for curve in curves:
        figure.add_trace(
            go.Scatter(
                x=curve.step,
                y=curve.loss,
                name=curve.title,
                mode="lines" if len(curve.step) > 1 else "markers",
                line={"color": style_of(curve.method).color, "dash": curve.dash},
                hovertemplate="step %{x}: %{y:.4f}",
                showlegend=True,
            )
        )
    figure.update_xaxes(title="step", rangemode="tozero")
    figure.update_yaxes(**LOSS_AXIS, range=_log_range(curves))
    return laid_out(figure, height=380)


def _log_range(curves: Sequence[LossCurve]) -> list[float]:
    """Powers of ten from the least batch to a little above the greatest usual mean."""
    top = max(float(np.quantile(curve.loss, USUAL)) for curve in curves)
    lows = [low for curve in curves if (low := float(curve.low.min())) > 0]
    return [np.log10(0.9 * min(lows, default=top / 10)), np.log10(1.3 * top)]
