"""Distances of generated from real images as dots with errors."""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from flatdiff.landscape.quantization import FULL_PRECISION_BITS
from flatdiff.measures.comparison import Estimate
from flatdiff.measures.frechet import COLUMNS, FrechetResult
from flatdiff.views.base import Headline, Picture, Row, Section, View, with_error
from flatdiff.views.style import Series, laid_out


def frechet_dots(series: Sequence[Series[FrechetResult]]) -> go.Figure:
    """A row a checkpoint, a dot a bit width with one standard error; open at 32 bits."""
    figure = go.Figure()
    for entry in series:
        result, style = entry.result, entry.style
        for k, bits in enumerate(result.bits):
            open_or_not = "-open" if bits == FULL_PRECISION_BITS else ""
            figure.add_trace(
                go.Scatter(
                    x=[result.frechet[k]],
                    y=[entry.title],
                    name=f"{bits} bits",
                    mode="markers",
                    marker={
                        "color": style.color,
                        "symbol": f"{style.symbol}{open_or_not}",
                        "size": 10,
                    },
                    error_x={"array": [result.frechet_stderr[k]]},
                    hovertemplate="%{y}: %{x:.4g} ± %{error_x.array:.2g}",
                    orientation="h",
                    offsetgroup=str(bits),
                    showlegend=False,
                )
            )
    label = series[0].result.label if series else ""
    figure.update_xaxes(
        title=f"{label}<br>at 32 bits (open), rounded (filled)", rangemode="tozero"
    )
    figure.update_yaxes(autorange="reversed", type="category")
    figure.update_layout(scattermode="group", scattergap=0.4)
    return laid_out(figure, height=110 + 56 * len(series))


def frechet_pictures(series: Sequence[Series], _settings: Any, _view: View) -> Iterator[Picture]:
    """Distances at each bit width."""
    yield Picture(
        key="dots",
        content=frechet_dots(series),
        alt="Distance from real images of each checkpoint at 32 bits and rounded",
    )


def frechet_distances(result: FrechetResult) -> list[Row]:
    """A row a bit width, every number with its standard error."""
    return [
        {
            "bits": str(bits),
            "Fréchet": with_error(result.frechet[k], result.frechet_stderr[k]),
            "over 32 bits": with_error(result.rise[k], result.rise_stderr[k], signed=True)
            if k
            else "",
            "kernel distance": with_error(result.kernel[k], result.kernel_stderr[k]),
            "precision": with_error(result.precision[k], result.precision_stderr[k]),
            "recall": with_error(result.recall[k], result.recall_stderr[k]),
        }
        for k, bits in enumerate(result.bits)
    ]


def frechet_table(result: FrechetResult) -> pd.DataFrame:
    """One row a bit width."""
    columns = ("bits", "num_images", "num_reference", *COLUMNS, "label")
    return pd.DataFrame({name: getattr(result, name) for name in columns})


def _headline(result: FrechetResult) -> Estimate:
    return Estimate(float(result.frechet[0]), float(result.frechet_stderr[0]))


SECTION = Section(
    title="Sample quality",
    draw=frechet_pictures,
    headline=Headline("distance from real images", _headline),
    table=frechet_table,
    read=frechet_distances,
    detail=lambda result: bool(np.isfinite(result.frechet[0])),
    caveat="± is one standard error over generated images, but over real ones for recall. A "
    "Fréchet distance is too large by an amount that shrinks with the number of images: "
    "compare only equal numbers. In digits features it is a proxy and no published FID.",
)
