"""Epsilon-norm curves, their gap, and the variance error of the chain."""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from flatdiff.measures.comparison import Estimate
from flatdiff.measures.exposure import ExposureResult
from flatdiff.views.base import Headline, Picture, Row, Section, View, with_error
from flatdiff.views.style import Series, band, laid_out

STEPS = "step i of the sampler (it runs from right to left)"


def _mark_coarse(figure: go.Figure, series: Sequence[Series[ExposureResult]]) -> None:
    """Shade the steps whose noise is finer than the grey levels of real images."""
    count = max((int(entry.result.coarse.sum()) for entry in series), default=0)
    if count:
        figure.add_vrect(
            x0=-0.5,
            x1=count - 0.5,
            fillcolor="gray",
            opacity=0.2,
            line_width=0,
        )
        figure.add_annotation(
            text="finer than<br>grey levels",
            x=count - 0.5,
            y=0,
            yref="paper",
            xanchor="left",
            yanchor="bottom",
            align="left",
            showarrow=False,
        )


def exposure_curves(series: Sequence[Series[ExposureResult]]) -> go.Figure:
    """Norm of the predicted noise by step: sampling in strong lines, training thin and dotted."""
    figure = go.Figure()
    for entry in series:
        result, style = entry.result, entry.style
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
    _mark_coarse(figure, series)
    figure.update_xaxes(title=STEPS)
    figure.update_yaxes(title="mean ‖ε‖₂")
    return laid_out(figure, height=420)


def exposure_gaps(series: Sequence[Series[ExposureResult]]) -> go.Figure:
    """Sampling minus training by step, with one standard error as a band."""
    figure = go.Figure()
    for entry in series:
        result, style = entry.result, entry.style
        steps = np.arange(len(result.gap))
        figure.add_trace(band(steps, result.gap, result.gap_stderr, style.color))
        figure.add_trace(
            go.Scatter(
                x=steps,
                y=result.gap,
                name=entry.title,
                mode="lines",
                line=style.line,
                hovertemplate="step %{x}: %{y:.3f}",
            )
        )
    figure.add_hline(y=0, line={"width": 1, "color": "gray"})
    _mark_coarse(figure, series)
    figure.update_xaxes(title=STEPS)
    figure.update_yaxes(title="gap of ‖ε‖₂")
    return laid_out(figure, height=360)


def exposure_deltas(series: Sequence[Series[ExposureResult]]) -> go.Figure:
    """Delta by step on a logarithmic axis with its standard error; what is not known is a hole."""
    figure = go.Figure()
    for entry in series:
        result, style = entry.result, entry.style
        figure.add_trace(
            go.Scatter(
                x=np.arange(len(result.delta)),
                y=np.where(result.delta > 0, result.delta, np.nan),
                name=entry.title,
                mode="lines+markers",
                line=style.line,
                marker={"symbol": style.symbol, "size": 6},
                error_y={"array": result.delta_stderr, "thickness": 1},
                hovertemplate="step %{x}: %{y:.3g} ± %{error_y.array:.2g}",
            )
        )
    figure.update_xaxes(title=STEPS)
    figure.update_yaxes(title="δ", type="log", exponentformat="power", dtick=1)
    return laid_out(figure, height=360)


def exposure_pictures(series: Sequence[Series], _settings: Any, _view: View) -> Iterator[Picture]:
    """Both curves, their gap, and the variance error."""
    yield Picture(
        key="curves",
        content=exposure_curves(series),
        alt="Norm of the predicted noise by step, while sampling and in training",
    )
    yield Picture(
        key="gaps",
        content=exposure_gaps(series),
        alt="Gap by step with one standard error",
        heading="Gap: sampling minus training",
    )
    yield Picture(
        key="deltas",
        content=exposure_deltas(series),
        alt="Variance error by step with its standard error",
        heading="δ: how far a chain strays from the image it began with",
    )


def exposure_numbers(result: ExposureResult) -> list[Row]:
    """Every gap with its standard error."""
    if not result.num_images:
        return []
    above = result.training[0] >= result.sqrt_dimension
    gaps = {
        "mean gap of ‖ε‖": (result.mean_gap, result.mean_gap_stderr),
        "summed over steps": (result.summed_gap, result.summed_gap_stderr),
        "mean gap of ‖ε‖²": (result.mean_squared_gap, result.mean_squared_gap_stderr),
    }
    return [
        {
            **{name: with_error(*gap, signed=True) for name, gap in gaps.items()},
            "steps left out": f"{result.coarse.sum()}",
            "images": f"{result.num_images}",
            "training < √d at step 0": "no" if above else "yes",
        }
    ]


def exposure_table(result: ExposureResult) -> pd.DataFrame:
    """One row a step of the respaced process."""
    names = ("sampling", "training", "gap", "chain_std", "delta")
    columns = [column for name in names for column in (name, f"{name}_stderr")]
    table = pd.DataFrame({name: getattr(result, name) for name in (*columns, "coarse")})
    return table.rename_axis("step").reset_index()


def _headline(result: ExposureResult) -> Estimate:
    return Estimate(result.mean_gap, result.mean_gap_stderr)


SECTION = Section(
    title="Exposure bias",
    draw=exposure_pictures,
    headline=Headline("gap between sampling and training", _headline),
    table=exposure_table,
    read=exposure_numbers,
    caveat="The closer the norm of the predicted noise while sampling is to that in training, "
    "the smaller the exposure bias. Means leave out steps whose noise is finer than half a grey "
    "level: there a network tells real images from samples by their levels. δ grows to the left "
    "even for a perfect network; compare checkpoints, not the curve with 0.",
)
