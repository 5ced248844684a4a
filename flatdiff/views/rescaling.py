"""LPF over the factor by which weights before a norm were multiplied."""

from collections.abc import Iterator, Sequence
from fractions import Fraction
from typing import Any

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from flatdiff.landscape.noise import LPF_MODES, LpfMode
from flatdiff.measures.rescaling import RescalingResult
from flatdiff.views.base import Picture, Section, View
from flatdiff.views.style import Series, laid_out


def factor_name(factor: float) -> str:
    """As a person writes it.

    >>> factor_name(0.25), factor_name(2.0)
    ('1/4', '2')
    """
    return str(Fraction(factor).limit_denominator(1024))


def highest_loss(series: Sequence[Series[RescalingResult]]) -> float:
    """The end of the axis that compared figures share; NaN where nothing is known."""
    tops = [result.lpf + np.nan_to_num(result.stderr) for result in (e.result for e in series)]
    known = np.concatenate([top[np.isfinite(top)] for top in tops])
    return float(known.max()) if len(known) else float("nan")


def rescaling_lines(
    series: Sequence[Series[RescalingResult]], mode: LpfMode, highest: float
) -> go.Figure:
    """LPF with its standard error, and the loss without noise dotted below, by checkpoint.

    Args:
        series: the checkpoints.
        mode: of the noise.
        highest: loss that has to fit; see `highest_loss`.
    """
    figure, row = go.Figure(), LPF_MODES.index(mode)
    for entry in series:
        result, style = entry.result, entry.style
        figure.add_scatter(
            x=result.factors,
            y=result.lpf[row],
            error_y={"array": result.stderr[row]},
            name=entry.title,
            mode="lines+markers",
            line=style.line,
            marker={"symbol": style.symbol, "size": 8},
            customdata=result.stderr[row],
            hovertemplate="factor %{x:g}: %{y:.4f} ± %{customdata:.4f}",
        )
        figure.add_scatter(
            x=result.factors,
            y=result.loss,
            name=f"{entry.title}, no noise",
            mode="lines",
            line={"color": style.color, "dash": "dot", "width": 1},
            showlegend=False,
            hovertemplate="factor %{x:g}: %{y:.5f}",
        )
    factors = sorted({factor for entry in series for factor in entry.result.factors})
    names = [factor_name(factor) for factor in factors]
    figure.update_xaxes(title="factor", type="log", tickvals=factors, ticktext=names)
    figure.update_yaxes(title="loss", range=[0, 1.05 * highest])
    return laid_out(figure, height=340)


def rescaling_pictures(series: Sequence[Series], _settings: Any, _view: View) -> Iterator[Picture]:
    """LPF over the factor under each kind of noise, on one scale."""
    highest = highest_loss(series)
    headings = (
        "absolute noise: one σ for every weight",
        "filter-relative noise: σ by filter size",
    )
    for mode, heading in zip(LPF_MODES, headings, strict=True):
        yield Picture(
            key=mode,
            content=rescaling_lines(series, mode, highest),
            alt=f"LPF under {mode.replace('_', '-')} noise over the factor, a line a checkpoint",
            heading=f"LPF, {heading}",
            row="modes",
        )


def rescaling_table(result: RescalingResult) -> pd.DataFrame:
    """One row a factor."""
    names = ("factors", "loss", "loss_change", "largest_change")
    table = pd.DataFrame({name: getattr(result, name) for name in names})
    for mode, of_mode in enumerate(LPF_MODES):
        for name in ("lpf", "stderr", "change", "change_stderr", "num_perturbations"):
            table[f"{of_mode}_{name}"] = getattr(result, name)[mode]
    return table


SECTION = Section(
    title="Rescaling",
    draw=rescaling_pictures,
    table=rescaling_table,
    detail=lambda result: bool(np.isfinite(result.lpf).any()),
    caveat="LPF is the mean loss under Gaussian noise on the weights, with its standard "
    "error; lower is flatter. Dotted: the loss without noise. The same noise at every factor.",
)
