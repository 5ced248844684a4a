"""What every measure's file in this room is made of: pictures, a reading, a table and a caveat."""

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
import plotly.graph_objects as go
from numpy.typing import NDArray

from flatdiff.measures.comparison import Estimate
from flatdiff.measures.timesteps import NUM_TIMESTEP_BINS
from flatdiff.system.remembered import remembered
from flatdiff.views.style import Series

ROUNDING = 1e-15  # of a float64, relative: an error below says nothing

Point = tuple[float, float]  # (a, b)

Row = dict[str, str]  # a column's title to text, every number with its error

GRID_COLUMNS = 8  # of images side by side

PICTURES = 32  # kept of all measures together, each as somebody last looked at it


@dataclass(frozen=True, kw_only=True)
class View:
    """What a person may change about the pictures without measuring anything again."""

    log: bool = False  # the loss on a logarithmic scale
    relative: bool = False  # distances as a share of the norm of the weights
    spaghetti: bool = False  # every direction beside the mean
    timestep_bins: int = NUM_TIMESTEP_BINS  # that rises are sorted into
    names: Sequence[str] = ()  # of the checkpoints of a line or plane, to be written at them
    methods: Sequence[str] = ()  # of the same checkpoints, by which they look
    trajectory: Sequence[int] = ()  # which of these are states of one run, in their order
    point: Point | None = None  # of a surface, that somebody chose


@dataclass(frozen=True, kw_only=True)
class Picture:
    """A figure or an image, and what a reader is told of it."""

    key: str  # unique in its section
    content: go.Figure | NDArray[np.uint8]  # or pixels, (H, W) or (H, W, 3)
    alt: str  # for those who cannot see it
    heading: str = ""
    caption: str = ""
    row: str = ""  # of pictures that stand beside each other; "" = alone
    folded: bool = False  # shown only to those who ask for it
    # Where it moves: what is said of each moment, and what it shows then.
    moments: Sequence[tuple[str, NDArray[np.uint8]]] = ()


@dataclass(frozen=True)
class Headline:
    """The number of a measure that a verdict is about; the less, the better."""

    quantity: str  # after "times less"
    estimate: Callable[[Any], Estimate]  # of a result


def _no_rows(_result: Any) -> list[Row]:
    return []


@dataclass(frozen=True, kw_only=True)
class Section:
    """How a measure is shown: the same on its page, in the sheet and in reports."""

    title: str
    draw: Callable[[Sequence[Series], Any, View], Iterable[Picture]]  # of results that can be
    table: Callable[[Any], pd.DataFrame]  # every number: what a CSV file holds
    caveat: str
    read: Callable[[Any], list[Row]] = _no_rows  # the few rows that stand under the pictures
    headline: Headline | None = None  # None: nothing of it is better for being less
    # How detailed a picture of a result in the making is; 0 where it cannot be drawn.
    detail: Callable[[Any], int] = lambda _: 1

    def pictures(
        self, series: Sequence[Series], settings: Any, view: View | None = None
    ) -> list[Picture]:
        """Of the results that can be drawn; none where there is no such result yet."""
        shown = [entry for entry in series if self.detail(entry.result)]
        return list(_drawn(self, shown, settings, view or View())) if shown else []

    def reading(self, results: Sequence[tuple[str, Any]]) -> pd.DataFrame:
        """The rows of some checkpoints, (title, result) each; empty where the measure has none."""
        return pd.DataFrame(
            [
                {"checkpoint": title, **row}
                for title, result in results
                for row in self.read(result)
            ]
        )

    def numbers(self, results: Sequence[tuple[str, Any]]) -> pd.DataFrame:
        """The tables of some checkpoints below each other, (title, result) each."""
        tables = [self.table(result).assign(checkpoint=title) for title, result in results]
        return pd.concat(tables).set_index("checkpoint").reset_index()


@partial(remembered, most=PICTURES)
def _drawn(
    section: Section, shown: Sequence[Series], settings: Any, view: View
) -> Sequence[Picture]:
    return tuple(section.draw(shown, settings, view))


def in_groups(pictures: Sequence[Picture]) -> list[list[Picture]]:
    """Those that share a row together, every other one alone; in their order."""
    groups: list[list[Picture]] = []
    for picture in pictures:
        if picture.row and groups and groups[-1][0].row == picture.row:
            groups[-1].append(picture)
        else:
            groups.append([picture])
    return groups


def with_error(value: float, error: float, *, signed: bool = False) -> str:
    """An estimate to two digits of its error; empty where there is none yet.

    Args:
        value: the estimate.
        error: its standard error, or another bound.
        signed: differences show a plus, too.

    >>> with_error(0.12345, 0.0021), with_error(123456.0, 2300.0), with_error(-3.3e-9, 4e-10)
    ('0.1235 ± 0.0021', '123500 ± 2300', '-3.30e-9 ± 4.0e-10')
    >>> with_error(0.12345, float("nan")), with_error(float("nan"), 0.1)
    ('0.1235', '')
    >>> with_error(0.5, 0.1, signed=True), with_error(-0.5, 0.1, signed=True)
    ('+0.50 ± 0.10', '-0.50 ± 0.10')
    """
    sign = "+" if signed else "-"
    if not math.isfinite(value):
        return ""
    if not math.isfinite(error) or error <= ROUNDING * abs(value):
        return f"{value:{sign}.4g}"
    digits = Decimal(f"{error:.1e}")
    style = "f" if error >= 1e-6 and max(abs(value), error) < 1e6 else "g"
    return f"{Decimal(float(value)).quantize(digits):{sign}{style}} ± {digits:{style}}"
