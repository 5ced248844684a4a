"""What rounding does to the loss: by bit width, and layer by layer."""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from flatdiff.measures.comparison import Estimate
from flatdiff.measures.quantization import QuantizationResult
from flatdiff.views.base import Headline, Picture, Row, Section, View, with_error
from flatdiff.views.style import Series, laid_out


def quantization_lines(
    series: Sequence[Series[QuantizationResult]], *, log: bool = False
) -> go.Figure:
    """Rise of the loss over full precision by bit width, with its paired standard error.

    A logarithmic axis has no place for what is not above 0: those points are left out.
    """
    figure = go.Figure()
    for entry in series:
        result, style = entry.result, entry.style
        figure.add_trace(
            go.Scatter(
                x=[str(bits) for bits in result.bits],
                y=np.where(result.rise > 0, result.rise, np.nan) if log else result.rise,
                name=entry.title,
                mode="lines+markers",
                line=style.line,
                marker={"symbol": style.symbol, "size": 8},
                error_y={"array": result.rise_stderr},
                hovertemplate="%{x} bits: %{y:+.5f}",
            )
        )
    figure.update_xaxes(title="bits", type="category")
    kind = "log" if log else "linear"
    figure.update_yaxes(title="loss − loss at 32 bits", type=kind, exponentformat="power")
    return laid_out(figure, height=360)


def quantization_pictures(
    series: Sequence[Series], _settings: Any, view: View
) -> Iterator[Picture]:
    """Rise of the loss over the bit width."""
    yield Picture(
        key="lines",
        content=quantization_lines(series, log=view.log),
        alt="Rise of the loss by bit width, one line a checkpoint",
    )


def quantization_sizes(result: QuantizationResult) -> list[Row]:
    """A row a bit width that is computed: error, rise and bytes."""
    return [
        {
            "bits": str(bits),
            "‖Δθ‖ / ‖θ‖": f"{result.relative_error[k]:.2%}",
            "loss − loss at 32 bits": with_error(
                result.rise[k], result.rise_stderr[k], signed=True
            )
            if k
            else "",
            "file": f"{result.file_bytes[k] / 1e6:.2f} MB",
            "packed": f"{result.packed_bytes[k] / 1e6:.2f} MB",
            "smaller": f"{result.file_bytes[0] / result.file_bytes[k]:.2f} ×",
        }
        for k, bits in enumerate(result.bits)
        if result.file_bytes[k] > 0
    ]


def quantization_table(result: QuantizationResult) -> pd.DataFrame:
    """One row a bit width."""
    losses = ("bits", "loss", "stderr", "rise", "rise_stderr")
    columns = (*losses, "relative_error", "file_bytes", "packed_bytes")
    return pd.DataFrame({name: getattr(result, name) for name in columns})


def _headline(result: QuantizationResult) -> Estimate:
    return Estimate(float(result.rise[-1]), float(result.rise_stderr[-1]))


SECTION = Section(
    title="Quantization",
    draw=quantization_pictures,
    headline=Headline("rise of the loss at the fewest bits", _headline),
    table=quantization_table,
    read=quantization_sizes,
    caveat="± is one standard error over panel members, paired. File: one byte a weight "
    "whatever the width; packed: what it would need with its codes packed.",
)
