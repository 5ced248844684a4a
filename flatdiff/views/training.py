"""Losses of training runs, finished and going on."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray

from flatdiff.views.style import band, laid_out, style_of

Scale = Literal["log", "linear"]
SCALES: tuple[Scale, ...] = ("log", "linear")

USUAL = 0.995  # share of the means that the axis holds; a rare batch lies far above
FAINT = 0.35  # opacity of what is smoothed, behind it
# Of runs whose colour another one has; dashes and dots are of averaged weights everywhere.
FURTHER_DASHES = ("solid", "longdash", "dashdot", "longdashdot")
LOSS_TITLE = "training loss (dropout on)"
# Ticks at 1, 2 and 5 of every decade as whole numbers: plotly writes the 2 of 0.2 alone.
LOG_AXIS: dict[str, Any] = {"type": "log", "dtick": "D2", "tickformat": "~g"}


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
                line=style.line,
            )
        )
    figure.update_xaxes(title="step")
    figure.update_yaxes(title=LOSS_TITLE, **LOG_AXIS)
    return laid_out(figure, height=320)


def smoothed(values: NDArray, weight: float) -> NDArray[np.float64]:
    """The exponential moving average of values, (n,) to (n,), without a bias to zero.

    m_k = w m_{k-1} + (1 - w) y_k from m_0 = 0, divided by 1 - w^k (Kingma and Ba 2015,
    arXiv 1412.6980, Sec. 3), as TensorBoard smooths its curves. What is not finite has no part.

    Args:
        values: in their order.
        weight: of what was before, in [0, 1); 0 changes nothing.

    >>> smoothed(np.array([1.0, 4.0]), 0.5)
    array([1., 3.])
    """
    mean, share, result = 0.0, 0.0, np.array(values, np.float64)
    for k in np.flatnonzero(np.isfinite(result)):
        mean = weight * mean + (1 - weight) * result[k]
        share = weight * share + (1 - weight)  # 1 - w^k
        result[k] = mean / share
    return result


@dataclass(frozen=True)
class Look:
    """How a run looks in every chart of the Train page."""

    color: str
    dash: str


def looks(runs: Sequence[str]) -> dict[str, Look]:
    """Of runs `<family>/<method>`: colours of everywhere, and dashes where two have the same."""
    found: dict[str, Look] = {}
    for name in runs:
        family, _, method = name.partition("/")
        color = style_of(method, family).color
        before = sum(look.color == color for look in found.values())
        found[name] = Look(color, FURTHER_DASHES[before % len(FURTHER_DASHES)])
    return found


@dataclass(frozen=True)
class LossCurve:
    """A run's losses, thinned for a picture."""

    run: str  # its name
    look: Look
    step: NDArray  # (P,), the last of each part
    loss: NDArray  # (P,), mean of a part
    low: NDArray  # (P,), least loss of a batch in it
    high: NDArray  # (P,), greatest


def loss_curves(
    curves: Sequence[LossCurve], smoothing: float = 0.0, scale: Scale = "log"
) -> go.Figure:
    """Mean losses as lines over the spread of single batches; what is smoothed stays behind.

    Args:
        curves: in the order of the legend.
        smoothing: see `smoothed`.
        scale: of the losses; the axis begins so that the lines fill it, as single batches reach
            far above.
    """
    figure = go.Figure()
    for curve in curves:
        figure.add_traces([of_run(trace, curve.run) for trace in _behind(curve, smoothing)])
    for curve in curves:
        line = line_of(curve.look, curve.step, smoothed(curve.loss, smoothing))
        line.hovertemplate = "%{y:.4f}" if smoothing == 0 else "%{y:.4f} (%{customdata:.4f})"
        line.customdata = curve.loss
        figure.add_trace(of_run(line, curve.run, shown=True))
    axis: dict[str, Any] = LOG_AXIS if scale == "log" else {"type": "linear"}
    # A zoom into one scale is none into the other.
    figure.update_yaxes(title=LOSS_TITLE, **axis, range=_range(curves, scale), uirevision=scale)
    return along_steps(figure, height=380)


def _behind(curve: LossCurve, smoothing: float) -> Iterator[go.Scatter]:
    """Single batches, and the means where the line is another."""
    middle, half = (curve.high + curve.low) / 2, (curve.high - curve.low) / 2
    yield band(curve.step, middle, half, curve.look.color)
    if smoothing:
        raw = line_of(curve.look, curve.step, curve.loss)
        yield raw.update(opacity=FAINT, hoverinfo="skip", line={"width": 1, "dash": "solid"})


def line_of(look: Look, step: NDArray, values: NDArray) -> go.Scatter:
    """A run's line; a dot where there is but one value."""
    return go.Scatter(
        x=step,
        y=values,
        mode="lines" if len(step) > 1 else "markers",
        line={"color": look.color, "dash": look.dash},
    )


def of_run(trace: go.Scatter, run: str, *, shown: bool = False) -> go.Scatter:
    """One of the traces of a run, which its name in the legend hides together.

    A browser keeps what is hidden by the name that a trace has of its own, whatever others come.

    Args:
        trace: of it.
        run: its name.
        shown: whether this is the trace in the legend.
    """
    uid = f"{run}:{trace.fill or ''}{trace.opacity or ''}"
    return trace.update(uid=uid, legendgroup=run, name=run, showlegend=shown)


def along_steps(figure: go.Figure, *, height: int) -> go.Figure:
    """Over the steps of a run; a crosshair tells the values of all."""
    figure.update_xaxes(title="step", rangemode="tozero", hoverformat=",d")
    figure.update_layout(hovermode="x unified")
    return laid_out(figure, height=height)


def _range(curves: Sequence[LossCurve], scale: Scale) -> list[float]:
    """From the least batch to a little above the greatest usual mean; logarithmic: its powers."""
    top = 1.3 * max(float(np.quantile(curve.loss, USUAL)) for curve in curves)
    if scale == "linear":
        return [0.0, top]
    lows = [low for curve in curves if (low := float(curve.low.min())) > 0]
    return [np.log10(0.9 * min(lows, default=top / 13)), np.log10(top)]
