"""Which block of a network is sharp, by depth, and whether rounding hurts the same ones."""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pandas as pd
import plotly.graph_objects as go
from numpy.typing import NDArray

from flatdiff.measures.blocks import BlocksResult
from flatdiff.measures.statistics import RankCorrelation, rank_correlation
from flatdiff.views.base import Picture, Row, Section, View, with_error
from flatdiff.views.style import Series, laid_out

# What is drawn of a block: a title, the field, and that of its error.
PANELS = (
    ("Rise of the loss under noise", "noise_rise", "noise_stderr"),
    ("Rise of the loss when rounded", "rounding_rise", "rounding_stderr"),
    ("Top eigenvalue of the Hessian", "eigenvalue", "eigenvalue_error"),
    ("Share of SAM's ascent", "ascent_share", ""),
)


def by_depth(
    series: Sequence[Series[BlocksResult]], field: str, error: str, *, log: bool = False
) -> go.Figure:
    """A number of every block, from the input at the left to the output at the right.

    What is not above 0 has no place on a logarithmic axis.
    """
    figure = go.Figure([_line(entry, field, error) for entry in series])
    order = list(dict.fromkeys(block for entry in series for block in entry.result.blocks))
    figure.update_xaxes(type="category", categoryorder="array", categoryarray=order)
    if log:
        figure.update_yaxes(type="log", exponentformat="power", dtick=1)
    laid_out(figure, height=320)
    return figure.update_layout(legend={"orientation": "h", "y": 1.0, "yanchor": "bottom"})


def _line(entry: Series[BlocksResult], field: str, error: str) -> go.Scatter:
    """Of one checkpoint."""
    result, style = entry.result, entry.style
    line = go.Scatter(
        x=list(result.blocks),
        y=getattr(result, field),
        name=entry.title,
        mode="lines+markers",
        line={**style.line, "width": 1},
        marker={"symbol": style.symbol, "size": 7},
        customdata=result.parameters,
        hovertemplate="%{x}: %{y:.1%}",
    )
    if error:
        line.error_y = {"array": getattr(result, error), "thickness": 1}
        line.hovertemplate = "%{x}: %{y:.3g} ± %{error_y.array:.1g}<br>%{customdata:,} weights"
    return line


def blocks_pictures(series: Sequence[Series], settings: Any, view: View) -> Iterator[Picture]:
    """Four, of all blocks."""
    told = {
        "noise_rise": f"σ = {settings.lpf_sigma:g}, each block alone; ± one standard error.",
        "rounding_rise": f"To {settings.bits} bits, each block alone; ± one standard error.",
        "eigenvalue": "Of the block's own part; bars: how near it is to a true one.",
        "ascent_share": "‖gₖ‖² / ‖g‖², g the gradient of the panel's loss.",
    }
    for title, field, error in PANELS:
        yield Picture(
            key=f"blocks-{field}",
            content=by_depth(series, field, error, log=view.log),
            alt=f"{title}, block by block from the input to the output",
            heading=title,
            caption=told[field],
            row="blocks",
        )


def agreements(series: Sequence[Series[BlocksResult]]) -> list[str]:
    """What the order of the blocks says, in a sentence each; none of what is not known yet.

    Of every checkpoint, whether noise and rounding hurt the same blocks; of every one after the
    first, whether it is flatter than the first where rounding hurts that one.
    """
    said = [
        _said(
            f"{entry.title}: the blocks that noise hurts are {{}} those that rounding hurts",
            rank_correlation(entry.result.noise_rise, entry.result.rounding_rise),
        )
        for entry in series
    ]
    for other in series[1:]:
        first = series[0]
        said.append(
            _said(
                f"{other.title} is flatter than {first.title} {{}} where rounding hurts "
                f"{first.title}",
                rank_correlation(
                    _times_flatter(first.result, other.result), first.result.rounding_rise
                ),
                ("most", "least"),
            )
        )
    return [sentence for sentence in said if sentence]


def _times_flatter(one: BlocksResult, other: BlocksResult) -> NDArray[np.float64]:
    """Of each block of one, its rise over the other's; NaN where either does not rise."""
    rises = dict(zip(other.blocks, other.noise_rise, strict=True))
    below = np.array([rises.get(block, np.nan) for block in one.blocks])
    fits = (one.noise_rise > 0) & (below > 0)
    return np.divide(one.noise_rise, below, out=np.full(len(below), np.nan), where=fits)


def _said(
    claim: str, found: RankCorrelation, words: tuple[str, str] = ("mostly", "mostly not")
) -> str:
    """A claim as far as its interval allows; "" where nothing is known."""
    if not np.isfinite(found.rho):
        return ""
    order = (
        f"rank correlation {found.rho:+.2f} ({found.low:+.2f} to {found.high:+.2f}) over "
        f"{found.count} blocks"
    )
    if found.low <= 0 <= found.high:
        return f"Not decided whether {claim.format(words[0])}: {order}."
    return f"{claim.format(words[found.rho < 0])}: {order}."


def blocks_rows(result: BlocksResult) -> list[Row]:
    """One block a row, then all of them together."""
    rows = [
        {
            "block": block,
            "rise under noise": with_error(result.noise_rise[k], result.noise_stderr[k]),
            "rise when rounded": with_error(result.rounding_rise[k], result.rounding_stderr[k]),
            "top eigenvalue": with_error(result.eigenvalue[k], result.eigenvalue_error[k]),
            "share of SAM's ascent": _per_cent(result.ascent_share[k]),
        }
        for k, block in enumerate(result.blocks)
    ]
    sums = np.array([result.noise_rise.sum(), result.rounding_rise.sum()])
    together = {
        "block": "all together",
        "rise under noise": with_error(result.whole_noise_rise, result.whole_noise_stderr),
        "rise when rounded": with_error(result.whole_rounding_rise, result.whole_rounding_stderr),
    }
    apart = {
        "block": "sum of the blocks",
        "rise under noise": with_error(sums[0], np.nan),
        "rise when rounded": with_error(sums[1], np.nan),
    }
    return [*rows, together, apart]


def _per_cent(share: float) -> str:
    return f"{share:.1%}" if np.isfinite(share) else ""


def blocks_table(result: BlocksResult) -> pd.DataFrame:
    """One row a block."""
    columns = ("parameters", "noise_rise", "noise_stderr", "rounding_rise", "rounding_stderr")
    columns += ("eigenvalue", "eigenvalue_error", "ascent_share")
    table = pd.DataFrame({name: getattr(result, name) for name in columns})
    table.insert(0, "block", pd.Series(result.blocks, dtype=str))
    return table


SECTION = Section(
    title="Blocks",
    draw=blocks_pictures,
    table=blocks_table,
    read=blocks_rows,
    detail=lambda result: int(np.isfinite(result.noise_rise).sum()),
    caveat="Each block is perturbed alone: what they cost need not add up to what all of them "
    "cost together. Under noise in units of each filter's size, and by rounding, blocks can be "
    "compared; an eigenvalue grows as the weights of its block shrink.",
)
