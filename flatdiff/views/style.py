"""How a checkpoint looks in every figure, and what every figure shares.

Colours are Okabe and Ito's, which colour-blind readers can tell apart: one hue a base method, one
dash a kind of weights, everywhere.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from typing import Any, Generic, TypeVar
from zlib import crc32

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray

from flatdiff.checkpoints.averages import RAW, WEIGHT_KINDS

R = TypeVar("R")

COLORSCALE = "Viridis"  # of a loss, everywhere: even in brightness, so that print keeps the order
HUES = {"adm": "#0072B2", "ip": "#E69F00", "sam": "#009E73"}
# In the order of the kinds of weights; a kind beyond them looks like raw weights.
DASHES = dict(zip(WEIGHT_KINDS, ("solid", "dash", "dot", "12px,3px", "3px,8px"), strict=False))
SYMBOLS = dict(zip(WEIGHT_KINDS, ("circle", "diamond", "square", "cross", "star"), strict=False))
OTHER_HUE = "#CC79A7"
BUNDLED = "digits"  # the family that comes with the program
# Of other families: how much of black (0) or white (255) is in their hues.
SHADES = ((0, 0.35), (255, 0.3), (0, 0.6))


@dataclass(frozen=True)
class Style:
    """How one checkpoint looks in every figure."""

    color: str
    dash: str
    symbol: str

    @property
    def line(self) -> dict[str, str]:
        """Of a trace."""
        return {"color": self.color, "dash": self.dash}


def style_of(method: str, family: str = "") -> Style:
    """Of a method's name, and of the family where it is not the bundled one.

    The shade is the family's own, on every page and whatever else is shown.

    >>> style_of("sam-ema").color == style_of("sam").color
    True
    >>> style_of("sam", BUNDLED) == style_of("sam") != style_of("sam", "mine")
    True
    """
    base, _, weights = method.partition("-")
    kind = weights or RAW
    color = _shaded(HUES.get(base, OTHER_HUE), family)
    return Style(color, DASHES.get(kind, "solid"), SYMBOLS.get(kind, "circle"))


def _shaded(color: str, family: str) -> str:
    """A hue with white or black in it, by the family's name."""
    if family in ("", BUNDLED):
        return color
    target, share = SHADES[crc32(family.encode()) % len(SHADES)]
    parts = (int(color[i : i + 2], 16) for i in (1, 3, 5))
    return "#" + "".join(f"{round(part + (target - part) * share):02X}" for part in parts)


@dataclass(frozen=True)
class Series(Generic[R]):
    """One checkpoint's result in a comparison."""

    title: str
    method: str
    result: R
    family: str = ""

    @property
    def style(self) -> Style:
        """The same on every page."""
        return style_of(self.method, self.family)


def band(x: NDArray, y: NDArray, half_width: NDArray | float, color: str) -> go.Scatter:
    """A translucent ribbon of y +- half_width."""
    red, green, blue = (int(color[i : i + 2], 16) for i in (1, 3, 5))
    upper, lower = y + half_width, y - half_width
    return go.Scatter(
        x=np.concatenate([x, x[::-1]]),
        y=np.concatenate([upper, lower[::-1]]),
        mode="lines",
        fill="toself",
        fillcolor=f"rgba({red},{green},{blue},0.15)",
        line={"width": 0},
        hoverinfo="skip",
        showlegend=False,
    )


def laid_out(figure: go.Figure, *, height: int) -> go.Figure:
    """Margins, legend and height (pixels) of every figure; names in it are text, never markup."""
    for trace in figure.data:
        _as_text(trace, ("name", "text", "x", "y"))
    for axis in (*figure.select_xaxes(), *figure.select_yaxes()):
        _as_text(axis, ("categoryarray",))
    return figure.update_layout(
        height=height,
        margin={"l": 10, "r": 10, "t": 24, "b": 10},
        legend={"orientation": "h", "y": -0.2},
        uirevision="keep",
    )


def _as_text(part: Any, names: Sequence[str]) -> None:
    """Escape what plotly.js would read as tags and entities in names and categories."""
    for name in [name for name in names if name in part]:
        value = part[name]
        if isinstance(value, str):
            part[name] = escape(value, quote=False)
        elif value is not None and len(value) and isinstance(value[0], str):
            part[name] = [escape(word, quote=False) for word in value]
