"""Flatness and samples along training runs, as `measures.along_run` finds them."""

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray

from flatdiff.images.grid import data_url, image_grid
from flatdiff.training.evaluations import Evaluation
from flatdiff.views.style import band, laid_out
from flatdiff.views.training import LOG_AXIS, Look, Scale, along_steps, line_of, of_run

STRIP_HEIGHT = 380  # pixels, as the charts above it
MARKER_SIZE = 5  # pixels

Shown = Literal["lpf", "gap"]
# The rise may be below zero within its error, so that it has no logarithm.
TITLES: dict[Shown, str] = {"lpf": "LPF", "gap": "rise of the loss under weight noise"}


def flatness_curves(
    found: Mapping[str, tuple[Look, Sequence[Evaluation]]], shown: Shown, scale: Scale
) -> go.Figure:
    """LPF, or its rise above the loss, by step: a line a run, in a band of one standard error.

    Args:
        found: by the run's name, in the order of the legend; each has one evaluation or more.
        shown: which of the two.
        scale: of LPF; the rise has a linear one.
    """
    figure = go.Figure()
    for run, (look, evaluations) in found.items():
        step = np.array([e.step for e in evaluations])
        values = np.array([getattr(e, shown) for e in evaluations])
        error = np.array([e.stderr for e in evaluations])
        line = line_of(look, step, values)
        line.update(mode="lines+markers", marker={"size": MARKER_SIZE})  # they are few
        line.hovertemplate, line.customdata = "%{y:.4f} ± %{customdata:.4f}", error
        figure.add_trace(of_run(band(step, values, error, look.color), run))
        figure.add_trace(of_run(line, run, shown=True))
    log = scale == "log" and shown == "lpf"
    axis: dict[str, Any] = LOG_AXIS if log else {"type": "linear"}
    figure.update_yaxes(title=TITLES[shown], **axis, uirevision=f"{shown}-{log}")
    return along_steps(figure, height=380)


def sample_strip(samples: Mapping[int, NDArray[np.uint8]]) -> go.Figure:
    """A column of samples a step, the same noise along a row; step to (n, H, W, C)."""
    steps, columns = list(samples), np.stack(list(samples.values()), axis=1)
    grid = image_grid(columns.reshape(-1, *columns.shape[2:]), len(steps))
    figure = go.Figure(go.Image(source=data_url(grid), hoverinfo="skip"))
    pitch = grid.shape[1] / len(steps)  # pixels from one column to the next
    figure.update_xaxes(
        tickvals=[(k + 0.5) * pitch for k in range(len(steps))],
        ticktext=[f"{step:,}" for step in steps],
        title="step",
        showgrid=False,
        constrain="domain",
        constraintoward="left",
    )
    figure.update_yaxes(visible=False, constrain="domain", constraintoward="top")
    return laid_out(figure, height=STRIP_HEIGHT)
