"""Sharpness: the rise of the loss at the worst weights within a ball, by its radius."""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from flatdiff.measures.comparison import Estimate
from flatdiff.measures.sharpness import Ball, SharpnessResult
from flatdiff.views.base import Headline, Picture, Row, Section, View, with_error
from flatdiff.views.style import Series, laid_out

RADIUS_TITLES: dict[Ball, str] = {
    "norm": "radius of the ball, ‖δ‖ / ‖θ‖",
    "adaptive": "radius of the ball, root mean square of |δ / θ|",
}


def sharpness_lines(
    series: Sequence[Series[SharpnessResult]], *, x_title: str, log: bool = False
) -> go.Figure:
    """The highest rise with twice its standard error; dotted, that after SAM's one step."""
    figure = go.Figure()
    for k, entry in enumerate(series):
        result, style = entry.result, entry.style
        figure.add_scatter(
            x=result.radii,
            y=result.rise,
            name=entry.title,
            mode="lines+markers",
            line=style.line,
            marker={"symbol": style.symbol, "size": 8},
            error_y={"array": 2 * result.rise_stderr, "thickness": 1},
            legendgroup=str(k),
            hovertemplate="%{x:.3g}: rise %{y:.3g} ± %{error_y.array:.1g}",
        )
        figure.add_scatter(
            x=result.radii,
            y=result.first_rise,
            name=entry.title,
            mode="lines",
            line={"color": style.color, "dash": "dot", "width": 1},
            legendgroup=str(k),
            showlegend=False,
            hovertemplate="%{x:.3g}: rise %{y:.3g} after one step",
        )
    radii = sorted({float(radius) for entry in series for radius in entry.result.radii})
    figure.update_xaxes(
        title=x_title, type="log", tickvals=radii, ticktext=[f"{radius:g}" for radius in radii]
    )
    figure.update_yaxes(title="rise of the loss", type="log" if log else "linear")
    if not log:
        figure.update_yaxes(rangemode="tozero")
    return laid_out(figure, height=420)


def ascent_lines(series: Sequence[Series[SharpnessResult]]) -> go.Figure:
    """The rise after every step within the largest ball: has the ascent come to its end?"""
    figure = go.Figure()
    for entry in series:
        rises = entry.result.by_step[-1]
        figure.add_scatter(
            x=np.arange(1, 1 + len(rises)),
            y=rises,
            name=entry.title,
            mode="lines",
            line=entry.style.line,
            hovertemplate="step %{x}: rise %{y:.3g}",
        )
    figure.update_xaxes(title="step of the ascent")
    figure.update_yaxes(title="rise of the loss", rangemode="tozero")
    return laid_out(figure, height=320)


def sharpness_pictures(series: Sequence[Series], settings: Any, view: View) -> Iterator[Picture]:
    """By radius, and by step within the largest ball."""
    yield Picture(
        key="rises",
        content=sharpness_lines(series, x_title=RADIUS_TITLES[settings.ball], log=view.log),
        alt="Rise of the loss at the worst weights by the ball's radius, one line a checkpoint",
        caption="Bars are two standard errors over panels; dotted, after one step: SAM's own.",
    )
    if settings.num_ascent_steps > 1 and all(np.isfinite(e.result.rise[-1]) for e in series):
        yield Picture(
            key="steps",
            content=ascent_lines(series),
            alt="Rise of the loss by the step of the ascent, within the largest ball",
            heading="Has the ascent come to its end?",
            caption="Within the largest ball. Where a line still rises, worse weights are there.",
        )


def sharpness_rows(result: SharpnessResult) -> list[Row]:
    """One radius a row."""
    return [
        {
            "radius": f"{result.radii[k]:g}",
            "rise": with_error(result.rise[k], result.rise_stderr[k]),
            "after one step": with_error(result.first_rise[k], result.first_rise_stderr[k]),
            "‖δ‖ / ‖θ‖": f"{result.relative_norms[k]:.3g}",
        }
        for k in range(len(result.radii))
        if np.isfinite(result.rise[k])
    ]


def sharpness_table(result: SharpnessResult) -> pd.DataFrame:
    """One row a radius."""
    columns = ("radii", "rise", "rise_stderr", "first_rise", "first_rise_stderr")
    columns += ("relative_norms",)
    return pd.DataFrame({name: getattr(result, name) for name in columns})


def _headline(result: SharpnessResult) -> Estimate:
    return Estimate(float(result.rise[-1]), float(result.rise_stderr[-1]))


SECTION = Section(
    title="Sharpness",
    draw=sharpness_pictures,
    headline=Headline("rise of the loss at the worst weights in the largest ball", _headline),
    table=sharpness_table,
    read=sharpness_rows,
    detail=lambda result: int(np.isfinite(result.rise).sum()),
    caveat="The worst weights that an ascent of the frozen panel's loss finds: there may be worse "
    "ones, and another panel has others. In a ball of the norm, rescaling fakes flatness; in an "
    "adaptive ball it cannot.",
)
