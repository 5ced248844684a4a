"""The size of every change of the weights, on one axis."""

from collections.abc import Mapping, Sequence

import plotly.graph_objects as go

from flatdiff.landscape.perturbation_sizes import Mark
from flatdiff.system.remembered import remembered
from flatdiff.views.style import laid_out, style_of


@remembered
def ruler_dots(marks: Mapping[str, tuple[str, Sequence[Mark]]]) -> go.Figure:
    """One dot a mark, a row a kind, a colour a checkpoint; title to (method, marks)."""
    figure = go.Figure()
    for title, (method, found) in marks.items():
        style = style_of(method)
        # Checkpoints of one family lie close together: one of them carries the words.
        mode = "markers" if figure.data else "markers+text"
        shown = [mark for mark in found if mark.relative_norm > 0]  # the axis is logarithmic
        figure.add_trace(
            go.Scatter(
                x=[mark.relative_norm for mark in shown],
                y=[mark.kind for mark in shown],
                text=[mark.label for mark in shown],
                name=title,
                mode=mode,
                textposition=_sides([mark.kind for mark in shown]),
                textfont={"size": 10},
                marker={"color": style.color, "symbol": style.symbol, "size": 9},
                hovertemplate="%{y}, %{text}: %{x:.3g} of the norm of the weights",
            )
        )
    figure.update_xaxes(title="‖δ‖ / ‖θ‖", type="log", dtick=1, tickformat="~g")
    figure.update_yaxes(autorange="reversed", type="category")
    return laid_out(figure, height=440)


def _sides(kinds: Sequence[str]) -> list[str]:
    """Above and below by turns within a kind, because neighbours lie close together.

    >>> _sides(["Sphere", "Rounding", "Rounding"])
    ['top center', 'top center', 'bottom center']
    """
    turns = [kinds[:k].count(kind) % 2 for k, kind in enumerate(kinds)]
    return ["bottom center" if turn else "top center" for turn in turns]
