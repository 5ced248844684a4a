"""Loss histories of training runs."""

from collections.abc import Mapping, Sequence

import plotly.graph_objects as go

from flatdiff.figures.style import laid_out, style_of


def loss_history_lines(
    histories: Mapping[str, tuple[str, Sequence[Sequence[float]]]],
) -> go.Figure:
    """Training loss by step; title to (method, [[step, loss], ...])."""
    figure = go.Figure()
    for title, (method, rows) in histories.items():
        style = style_of(method)
        figure.add_trace(
            go.Scatter(
                x=[row[0] for row in rows],
                y=[row[1] for row in rows],
                name=title,
                mode="lines",
                line={"color": style.color, "dash": style.dash},
            )
        )
    figure.update_xaxes(title="step")
    figure.update_yaxes(title="training loss (dropout on)", type="log")
    return laid_out(figure, height=320)
