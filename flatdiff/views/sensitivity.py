"""What rounding one layer at a time does to the loss."""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from flatdiff.measures.sensitivity import SensitivityResult
from flatdiff.views.base import Picture, Section, View
from flatdiff.views.style import Series, laid_out


def sensitivity_dots(
    series: Sequence[Series[SensitivityResult]], num_layers: int = 20
) -> go.Figure:
    """Rise of the loss with one layer rounded, the layers that matter most to anybody on top."""
    rises: dict[str, float] = {}
    for entry in series:
        for layer, rise in zip(entry.result.layers, entry.result.rise, strict=True):
            if np.isfinite(rise):
                rises[layer] = max(rise, rises.get(layer, rise))
    shown = sorted(rises, key=rises.__getitem__, reverse=True)[:num_layers]
    figure = go.Figure()
    for entry in series:
        result, style = entry.result, entry.style
        rows = [result.layers.index(layer) for layer in shown if layer in result.layers]
        figure.add_trace(
            go.Scatter(
                x=result.rise[rows],
                y=[result.layers[row] for row in rows],
                name=entry.title,
                mode="markers",
                marker={"color": style.color, "symbol": style.symbol, "size": 8},
                error_x={"array": result.rise_stderr[rows], "thickness": 1},
                customdata=result.parameters[rows],
                hovertemplate="%{y}: %{x:+.5f}<br>%{customdata:,} weights",
            )
        )
    figure.add_vline(x=0, line={"width": 1, "color": "gray"})
    figure.update_xaxes(title="loss − loss at 32 bits")
    figure.update_yaxes(categoryorder="array", categoryarray=shown[::-1], type="category")
    return laid_out(figure, height=120 + 22 * len(shown))


def sensitivity_pictures(
    series: Sequence[Series], _settings: Any, _view: View
) -> Iterator[Picture]:
    """The layers that lose most."""
    yield Picture(
        key="layers",
        content=sensitivity_dots(series),
        alt="Rise of the loss with one layer rounded, the twenty most sensitive layers",
        caption="The twenty most sensitive.",
    )


def sensitivity_table(result: SensitivityResult) -> pd.DataFrame:
    """One row a layer, the most sensitive first, those not computed yet last."""
    columns = ("parameters", "rise", "rise_stderr", "relative_error")
    table = pd.DataFrame({name: getattr(result, name) for name in columns})
    table.insert(0, "layer", pd.Series(result.layers, dtype=str))
    return table.sort_values("rise", ascending=False, ignore_index=True)


SECTION = Section(
    title="Layers that need their bits",
    draw=sensitivity_pictures,
    table=sensitivity_table,
    caveat="Rise of the loss with this layer alone rounded; the rises need not add up to "
    "that of the whole network.",
)
