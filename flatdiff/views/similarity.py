"""How alike several checkpoints are: in matrices, block by block, and in what they predict."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import plotly.graph_objects as go
import scipy
from numpy.typing import NDArray

from flatdiff.landscape.cka import over_known
from flatdiff.measures.similarity import SimilarityResult
from flatdiff.views.base import Picture, Row, Section, View, with_error
from flatdiff.views.style import COLORSCALE, Series, Style, laid_out, style_of

MATRIX_FROM = 3  # checkpoints; of two a matrix says one number
CELL = 44  # pixels of a matrix


def neighbours_first(alike: NDArray[np.float64]) -> list[int]:
    """An order in which those that are alike stand beside each other.

    The leaves of a tree by mean likeness (UPGMA), turned so that neighbours are closest
    (Bar-Joseph et al. 2001).

    Args:
        alike: (M, M), symmetric, 1 on the diagonal; as it is where not all of it is known.
    """
    if len(alike) < MATRIX_FROM or not np.isfinite(alike).all():
        return list(range(len(alike)))
    apart = np.clip(1 - (alike + alike.T) / 2, 0, None)
    condensed = apart[np.triu_indices(len(apart), 1)]
    tree = scipy.cluster.hierarchy.linkage(condensed, "average", optimal_ordering=True)
    return [int(k) for k in scipy.cluster.hierarchy.leaves_list(tree)]


def matrix(values: NDArray[np.float64], names: Sequence[str], digits: int) -> go.Figure:
    """Of every pair; brighter is more."""
    off = values[~np.eye(len(values), dtype=bool)]
    text = [
        [f"{value:.{digits}f}" if np.isfinite(value) else "" for value in row] for row in values
    ]
    figure = go.Figure(
        go.Heatmap(
            z=values,
            x=list(names),
            y=list(names),
            text=text,
            texttemplate="%{text}",
            colorscale=COLORSCALE,
            zmin=float(np.nanmin(off)),
            zmax=float(np.nanmax(off)),
            showscale=False,
            hovertemplate="%{y}, %{x}: %{z:.4f}<extra></extra>",
        )
    )
    figure.update_yaxes(autorange="reversed", type="category")
    figure.update_xaxes(type="category")
    return laid_out(figure, height=120 + CELL * len(names))


def by_block(result: SimilarityResult, others: Sequence[tuple[str, Style]]) -> go.Figure:
    """CKA with the first checkpoint by depth, a line a checkpoint and level, the mean strong."""
    figure = go.Figure()
    for k, (name, style) in enumerate(others, start=1):
        lines = result.cka[:, :, 0, k]
        for level, line in zip(result.levels, lines, strict=True):
            figure.add_scatter(
                x=list(result.blocks),
                y=line,
                name=f"t = {level:g} T",
                mode="lines",
                line={"color": style.color, "width": 1},
                opacity=0.35,
                legendgroup=str(k),
                showlegend=False,
                hovertemplate="%{x}: %{y:.3f}",
            )
        figure.add_scatter(
            x=list(result.blocks),
            y=over_known(lines),
            name=name,
            mode="lines+markers",
            line={**style.line, "width": 2.5},
            marker={"symbol": style.symbol, "size": 8},
            legendgroup=str(k),
            hovertemplate="%{x}: %{y:.3f}, mean over levels",
        )
    figure.update_xaxes(type="category", categoryorder="array", categoryarray=list(result.blocks))
    figure.update_yaxes(title="CKA of the activations")
    laid_out(figure, height=440)
    return figure.update_layout(legend={"orientation": "h", "y": 1.0, "yanchor": "bottom"})


def by_level(
    result: SimilarityResult, others: Sequence[tuple[str, Style]], *, log: bool = False
) -> go.Figure:
    """How far the noises are apart that the first checkpoint and each other predict."""
    figure = go.Figure()
    for k, (name, style) in enumerate(others, start=1):
        figure.add_scatter(
            x=result.levels,
            y=result.disagreement[:, 0, k],
            name=name,
            mode="lines+markers",
            line=style.line,
            marker={"symbol": style.symbol, "size": 8},
            error_y={"array": result.disagreement_stderr[:, 0, k], "thickness": 1},
            hovertemplate="t = %{x:g} T: %{y:.3g} ± %{error_y.array:.1g}",
        )
    figure.update_xaxes(title="timestep, as a share of T")
    figure.update_yaxes(title="mean squared difference of ε", type="log" if log else "linear")
    if not log:
        figure.update_yaxes(rangemode="tozero")
    return laid_out(figure, height=360)


def similarity_pictures(series: Sequence[Series], _settings: Any, view: View) -> Iterator[Picture]:
    """Matrices where there are more than two, then the first checkpoint against each other."""
    for entry in series:
        for picture in _pictures_of(entry.result, _names(entry.result, view), view):
            yield replace(picture, key=f"{picture.key}-{entry.title}")


def _names(result: SimilarityResult, view: View) -> list[str]:
    """Of the checkpoints in their order; numbers where nobody has told them."""
    numbers = [f"checkpoint {k}" for k in range(1, 1 + result.num_checkpoints)]
    return [*view.names, *numbers[len(view.names) :]]


def _pictures_of(result: SimilarityResult, names: list[str], view: View) -> Iterator[Picture]:
    alike = result.mean_cka
    order = neighbours_first(alike)
    if result.num_checkpoints >= MATRIX_FROM:
        shown = [names[k] for k in order]
        for key, values, heading, digits, caption in (
            ("alike", alike, "CKA of the activations", 3, "Mean over blocks and noise levels."),
            ("distance", result.distance, "Distance of the weights", 2, f"Of ‖θ‖ of {names[0]}."),
        ):
            yield Picture(
                key=key,
                content=matrix(values[np.ix_(order, order)], shown, digits),
                alt=f"{heading}, of every pair of {len(names)} checkpoints",
                heading=heading,
                caption=caption,
                row="matrices",
            )
    methods = [*view.methods, *[""] * len(names)]
    others = [(name, style_of(method)) for name, method in zip(names, methods, strict=False)][1:]
    yield Picture(
        key="blocks",
        content=by_block(result, others),
        alt=f"CKA with {names[0]} by block, one line a checkpoint",
        heading=f"Against {names[0]}, block by block",
        caption="Thin: one noise level each; strong: their mean. A block that gives the same for "
        "all images, as of the timestep alone, has none.",
    )
    yield Picture(
        key="levels",
        content=by_level(result, others, log=view.log),
        alt=f"Difference of the predicted noises to those of {names[0]}, by timestep",
        heading=f"Against {names[0]}, in what is predicted",
        caption="1 would be the difference of noise to nothing at all.",
    )


def similarity_sentence(result: SimilarityResult, names: Sequence[str]) -> str:
    """Which are alike, and which least; "" before anything is known.

    Args:
        result: of some checkpoints.
        names: theirs, in their order.
    """
    alike = result.mean_cka
    pairs = [(i, j) for i in range(len(alike)) for j in range(i) if np.isfinite(alike[i, j])]
    if not pairs:
        return ""
    most, least = (pick(pairs, key=lambda pair: alike[pair]) for pick in (max, min))
    if len(pairs) == 1:
        return (
            f"The activations of {names[0]} and {names[1]}: CKA {_mean(result, 0, 1)}, where 1 "
            "would be the same but for their axes."
        )
    told = [f"{names[j]} and {names[i]}, {_mean(result, j, i)}" for i, j in (most, least)]
    return f"Most alike in their activations, by CKA: {told[0]}; least: {told[1]}."


def _mean(result: SimilarityResult, i: int, j: int) -> str:
    return with_error(float(result.mean_cka[i, j]), float(result.mean_cka_stderr[i, j]))


def similarity_rows(result: SimilarityResult) -> list[Row]:
    """One row a further checkpoint: against the first one."""
    return [
        {
            "against the first": f"checkpoint {k + 1}",
            "CKA, mean": _mean(result, 0, k),
            "least alike": _least(result, k),
            "difference of ε, largest": _largest(result, k),
            "‖Δθ‖ / ‖θ‖": f"{result.distance[0, k]:.3f}",
        }
        for k in range(1, result.num_checkpoints)
    ]


def _least(result: SimilarityResult, k: int) -> str:
    """The block and level that have least in common."""
    values = np.where(np.isfinite(result.cka[:, :, 0, k]), result.cka[:, :, 0, k], np.inf)
    level, block = np.unravel_index(int(values.argmin()), values.shape)
    if not np.isfinite(values[level, block]):
        return ""
    told = with_error(float(values[level, block]), float(result.cka_stderr[level, block, 0, k]))
    return f"{result.blocks[block]} at {result.levels[level]:g} T: {told}"


def _largest(result: SimilarityResult, k: int) -> str:
    """And at which level."""
    values = np.where(np.isfinite(result.disagreement[:, 0, k]), result.disagreement[:, 0, k], -1)
    level = int(values.argmax())
    if values[level] < 0:
        return ""
    told = with_error(float(values[level]), float(result.disagreement_stderr[level, 0, k]))
    return f"{told} at {result.levels[level]:g} T"


def similarity_table(result: SimilarityResult) -> pd.DataFrame:
    """One row a pair, level and block; checkpoints are numbered in their order, from 1."""
    rows = [
        {
            "one": i + 1,
            "other": j + 1,
            "level": result.levels[level],
            "block": name,
            "cka": result.cka[level, block, i, j],
            "cka_stderr": result.cka_stderr[level, block, i, j],
            "disagreement": result.disagreement[level, i, j],
            "disagreement_stderr": result.disagreement_stderr[level, i, j],
            "distance": result.distance[i, j],
        }
        for i in range(result.num_checkpoints)
        for j in range(i + 1, result.num_checkpoints)
        for level in range(len(result.levels))
        for block, name in enumerate(result.blocks)
    ]
    columns = ["one", "other", "level", "block", "cka", "cka_stderr"]
    columns += ["disagreement", "disagreement_stderr", "distance"]
    return pd.DataFrame(rows, columns=columns)


SECTION = Section(
    title="Similarity",
    draw=similarity_pictures,
    table=similarity_table,
    read=similarity_rows,
    detail=lambda result: result.num_checkpoints > 0 and bool(np.isfinite(result.mean_cka).all()),
    caveat="CKA is 1 where the activations of one are those of the other, turned and scaled: it "
    "does not see which channel is which, and little of what few images alone show. Alike "
    "activations are no alike weights, and the other way round.",
)
