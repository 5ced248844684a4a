"""Epsilon-norm curves, their gap, and the variance error of the chain."""

from collections.abc import Sequence

import numpy as np
import plotly.graph_objects as go

from flatdiff.measures.exposure import ExposureResult
from flatdiff.views.style import Series, band, laid_out, style_of

STEPS = "step i of the sampler (it runs from right to left)"


def exposure_curves(series: Sequence[Series[ExposureResult]]) -> go.Figure:
    """Norm of the predicted noise by step: sampling in strong lines, training thin and dotted."""
    figure = go.Figure()
    for entry in series:
        result, style = entry.result, style_of(entry.method)
        steps = np.arange(len(result.sampling))
        for name, values, stderr, width, dash in (
            ("sampling", result.sampling, result.sampling_stderr, 2.5, style.dash),
            ("training", result.training, result.training_stderr, 1.0, "dot"),
        ):
            figure.add_trace(
                go.Scatter(
                    x=steps,
                    y=values,
                    name=f"{entry.title}, {name}",
                    mode="lines",
                    line={"color": style.color, "dash": dash, "width": width},
                    customdata=stderr,
                    hovertemplate="step %{x}: %{y:.3f} ± %{customdata:.3f}",
                )
            )
    if series and np.isfinite(series[0].result.sqrt_dimension):
        figure.add_hline(
            y=series[0].result.sqrt_dimension,
            line={"dash": "dash", "width": 1, "color": "gray"},
            annotation_text="√d",
            annotation_position="top left",
        )
    figure.update_xaxes(title=STEPS)
    figure.update_yaxes(title="mean ‖ε‖₂")
    return laid_out(figure, height=420)


def exposure_gaps(series: Sequence[Series[ExposureResult]]) -> go.Figure:
    """Sampling minus training by step, with one standard error as a band."""
    figure = go.Figure()
    for entry in series:
        result, style = entry.result, style_of(entry.method)
        steps = np.arange(len(result.gap))
        figure.add_trace(band(steps, result.gap, result.gap_stderr, style.color))
        figure.add_trace(
            go.Scatter(
                x=steps,
                y=result.gap,
                name=entry.title,
                mode="lines",
                line={"color": style.color, "dash": style.dash},
                hovertemplate="step %{x}: %{y:.3f}",
            )
        )
    figure.add_hline(y=0, line={"width": 1, "color": "gray"})
    figure.update_xaxes(title=STEPS)
    figure.update_yaxes(title="gap of ‖ε‖₂")
    return laid_out(figure, height=360)


def exposure_deltas(series: Sequence[Series[ExposureResult]]) -> go.Figure:
    """Delta by step on a logarithmic axis with its standard error; what is not known is a hole."""
    figure = go.Figure()
    for entry in series:
        result, style = entry.result, style_of(entry.method)
        figure.add_trace(
            go.Scatter(
                x=np.arange(len(result.delta)),
                y=np.where(result.delta > 0, result.delta, np.nan),
                name=entry.title,
                mode="lines+markers",
                line={"color": style.color, "dash": style.dash},
                marker={"symbol": style.symbol, "size": 6},
                error_y={"array": result.delta_stderr, "thickness": 1},
                hovertemplate="step %{x}: %{y:.3g} ± %{error_y.array:.2g}",
            )
        )
    figure.update_xaxes(title=STEPS)
    figure.update_yaxes(title="δ", type="log", exponentformat="power", dtick=1)
    return laid_out(figure, height=360)
