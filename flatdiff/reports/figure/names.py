"""Names in a figure for print: along an axis, where long ones are turned, and in a legend."""

from collections.abc import Collection
from typing import Any

import plotly.graph_objects as go
from matplotlib.axes import Axes

MOST_INSIDE, NAME_LETTERS = 5, 24  # names of a legend that find room in a chart; their length
TURNED = 60  # degrees, of names that would lie over each other


def legend(axes: Axes, letters: int, *, below: bool) -> None:
    """Inside, where it hides least, or below what names there are."""
    look: Any = {"frameon": False, "fontsize": "small", "handlelength": 2.4}
    if not below:
        axes.legend(**look)
    elif any(label.get_rotation() for label in axes.get_xticklabels()):
        handles, names = axes.get_legend_handles_labels()
        place = {"loc": "outside lower center", "ncols": beside(letters)}
        axes.figure.legend(handles, names, **look, **place)
    else:
        place = {"loc": "upper center", "bbox_to_anchor": (0.5, -0.3), "ncols": beside(letters)}
        axes.legend(**look, **place)


def named_in(figure: go.Figure) -> int:
    """How many names the legend of a chart has."""
    said: Any = figure
    if said.layout.showlegend is False:
        return 0
    return sum(bool(trace.name) and trace.showlegend is not False for trace in said.data)


def turned_letters(figure: go.Figure, letters: int) -> int:
    """Of the longest name along the bottom, where names are turned; 0 where they are not."""
    said: Any = figure
    if said.layout.xaxis.type != "category":
        return 0
    names = {str(name) for trace in said.data if trace.x is not None for name in trace.x}
    return max(map(len, names)) if too_long(names, letters) else 0


def too_long(names: Collection[str], letters: int) -> bool:
    """Whether names would lie over each other where so many letters fit."""
    return sum(len(name) + 1 for name in names) > letters


def beside(letters: int) -> int:
    """How many names of a legend stand in a row where so many letters fit."""
    return max(1, letters // NAME_LETTERS)


def turn_what_is_too_long(axes: Axes, letters: int) -> None:
    """Names that would lie over each other."""
    axis = axes.xaxis
    names = axis.get_major_formatter().format_ticks(list(axis.get_majorticklocs()))
    if too_long(names, letters):
        for label in axes.get_xticklabels():
            label.set(rotation=TURNED, ha="right", rotation_mode="anchor")
