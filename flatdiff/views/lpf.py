"""LPF scores as dots with intervals."""

from collections.abc import Iterator, Sequence
from typing import Any

import pandas as pd
import plotly.graph_objects as go

from flatdiff.measures.comparison import Estimate
from flatdiff.measures.lpf import LpfResult
from flatdiff.measures.timesteps import by_timestep
from flatdiff.views.base import Headline, Picture, Row, Section, View, with_error
from flatdiff.views.style import Series, laid_out


def lpf_dots(series: Sequence[Series[LpfResult]]) -> go.Figure:
    """Loss at the checkpoint (open) and under noise (filled, 95 % interval), one row each."""
    figure = go.Figure()
    for entry in series:
        result, style = entry.result, entry.style
        marker = {"color": style.color, "symbol": style.symbol, "size": 10}
        figure.add_trace(
            go.Scatter(
                x=[result.loss, result.lpf],
                y=[entry.title, entry.title],
                mode="lines+markers",
                line={"color": style.color, "width": 1},
                marker={**marker, "symbol": [f"{style.symbol}-open", style.symbol]},
                error_x={
                    "array": [None, result.ci_high - result.lpf],
                    "arrayminus": [None, result.lpf - result.ci_low],
                },
                hovertemplate="%{y}: %{x:.4f}<extra></extra>",
                showlegend=False,
            )
        )
    figure.update_xaxes(title="loss: at the checkpoint (open),<br>under weight noise (filled)")
    figure.update_yaxes(autorange="reversed", type="category")
    return laid_out(figure, height=90 + 42 * len(series))


def lpf_by_timestep(series: Sequence[Series[LpfResult]], num_bins: int) -> go.Figure:
    """Rise of the loss under noise by timestep, one line a checkpoint."""
    figure = go.Figure()
    for entry in series:
        result, style = entry.result, entry.style
        rises = by_timestep(result.pair_gaps, result.timesteps, result.num_steps, num_bins)
        figure.add_trace(
            go.Scatter(
                x=(rises.edges[1:] + rises.edges[:-1]) / 2,
                y=rises.gap,
                error_y={"array": rises.stderr},
                name=entry.title,
                mode="lines+markers",
                line=style.line,
                marker={"symbol": style.symbol},
                hovertemplate="t around %{x:.0f}: rise %{y:.4f}",
            )
        )
    figure.update_xaxes(title="timestep (0 is nearly clean, the last nearly noise)")
    figure.update_yaxes(title="rise of the loss under weight noise")
    return laid_out(figure, height=380)


def lpf_pictures(series: Sequence[Series], _settings: Any, view: View) -> Iterator[Picture]:
    """Loss and LPF, and where the loss rises."""
    yield Picture(
        key="dots",
        content=lpf_dots(series),
        alt="Loss and LPF of each checkpoint",
    )
    timed = [entry for entry in series if entry.result.num_steps > 1]
    if not timed:
        return
    yield Picture(
        key="timesteps",
        content=lpf_by_timestep(timed, view.timestep_bins),
        alt="Rise of the loss under weight noise by timestep, one line a checkpoint",
        heading="At which timesteps?",
    )


def lpf_scores(result: LpfResult) -> list[Row]:
    """Loss, LPF and its rise."""
    return [
        {
            "loss": f"{result.loss:.4f}",
            "LPF": with_error(result.lpf, result.stderr),
            "over panels": f"± {result.panel_stderr:.2g}",
            "rise": with_error(result.gap, result.stderr),
            "of the rise over panels": f"± {result.gap_panel_stderr:.2g}",
            "perturbations": f"{result.num_perturbations}",
            "‖δ‖ / ‖θ‖": f"{result.relative_perturbation_norm:.3f}",
        }
    ]


def lpf_table(result: LpfResult) -> pd.DataFrame:
    """One row."""
    columns = (
        "lpf",
        "stderr",
        "ci_low",
        "ci_high",
        "panel_stderr",
        "total_stderr",
        "loss",
        "gap",
        "gap_panel_stderr",
        "gap_total_stderr",
        "num_perturbations",
        "relative_perturbation_norm",
    )
    return pd.DataFrame([{name: getattr(result, name) for name in columns}])


def _headline(result: LpfResult) -> Estimate:
    return Estimate(result.gap, result.gap_total_stderr, result.rises)


SECTION = Section(
    title="Flatness",
    draw=lpf_pictures,
    headline=Headline("rise of the loss under weight noise", _headline),
    table=lpf_table,
    read=lpf_scores,
    caveat="LPF is the mean loss under Gaussian noise on the weights: the lower, the flatter. "
    "± is one standard error over other noise on this panel, and over other panels where it says "
    "so. Absolute noise is not comparable between "
    "networks whose layers are scaled differently; filter-relative noise is.",
)
