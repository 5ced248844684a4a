"""A claim as a picture: flatness against what it should buy, one point a training run."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import plotly.graph_objects as go

from flatdiff.measures.comparison import Estimate
from flatdiff.system.remembered import remembered
from flatdiff.views.style import laid_out, style_of

AVERAGED = 0.35  # opacity of what is no run of its own


@dataclass(frozen=True)
class Point:
    """One checkpoint in the picture; on both axes less is better."""

    name: str
    method: str
    family: str
    x: Estimate  # sharpness
    y: Estimate  # what flatness should lower
    is_run: bool  # raw weights at the end of a run, and not an average of it or a state before


@remembered
def claim_scatter(points: Sequence[Point], x_title: str, y_title: str) -> go.Figure:
    """Runs with two standard errors both ways; their averages and earlier states faint.

    Args:
        points: those that are not measured on both axes are left out.
        x_title: a measure of sharpness.
        y_title: what flatness should lower.
    """
    figure = go.Figure()
    shown = [p for p in points if np.isfinite([p.x.value, p.y.value]).all()]
    middle = np.mean([f(p.x.value for p in shown) for f in (min, max)]) if shown else 0.0
    for point in shown:
        style = style_of(point.method, point.family)
        figure.add_trace(
            go.Scatter(
                x=[point.x.value],
                y=[point.y.value],
                error_x={"array": [_bar(point.x)], "thickness": 1},
                error_y={"array": [_bar(point.y)], "thickness": 1},
                name=point.name,
                mode="markers+text" if point.is_run else "markers",
                text=[point.name],
                textposition=f"middle {'right' if point.x.value <= middle else 'left'}",
                opacity=1.0 if point.is_run else AVERAGED,
                marker={"color": style.color, "symbol": style.symbol, "size": 10},
                hovertemplate=f"{x_title} %{{x:.4g}}<br>{y_title} %{{y:.4g}}",
                showlegend=False,
            )
        )
    figure.update_xaxes(title=f"{x_title} (flatter to the left)")
    figure.update_yaxes(title=f"{y_title} (better below)")
    return laid_out(figure, height=320)


def _bar(estimate: Estimate) -> float:
    """Two standard errors; none where it is not known."""
    return 2 * estimate.error if np.isfinite(estimate.error) else 0.0
