"""A summary is one number a measure for every checkpoint, the best of each marked by a sign."""

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pandas as pd

from flatdiff.measures.frechet import FrechetSettings
from flatdiff.reports.columns import COLUMNS, Column, Value
from flatdiff.reports.measured import Measured
from flatdiff.views.base import with_error

BEST, NEAR = "★", "☆"
STANDARD_ERRORS = 2.0  # of the difference: nearer to the best, two cannot be told apart
LEGEND = (
    f"In every row, less is better. {BEST} is the lowest; {NEAR} is within {STANDARD_ERRORS:g} "
    "standard errors of the difference from it, taken as if the two were independent: they share "
    "noise and panel, so the pages that compare pair by pair can tell more apart. The top "
    "eigenvalue's ± is no standard error but a bound on what its computation misses."
)


def summary(items: Sequence[Measured]) -> pd.DataFrame:
    """A row a quantity, a column a checkpoint, of the results that are whole."""
    titles = list(dict.fromkeys(item.card.label for item in items))
    rows = {}
    for column in COLUMNS:
        found = {
            item.card.label: (title_of(column, item.request.settings), column.value(item.result))
            for item in items
            if item.done and _is_of(column, item)
        }
        if found:
            title = next(iter(found.values()))[0]
            values = {name: value for name, (_, value) in found.items()}
            rows[title] = _marked([values.get(name, (math.nan, math.nan)) for name in titles])
    return pd.DataFrame.from_dict(rows, orient="index", columns=titles).rename_axis("quantity")


def _is_of(column: Column, item: Measured) -> bool:
    """By settings; samples may be seen by either feature network."""
    settings = item.request.settings
    if isinstance(settings, FrechetSettings):
        settings = replace(settings, features=FrechetSettings.features)
    return item.measure == column.measure and settings == column.settings


def title_of(column: Column, settings: Any) -> str:
    """The distance has its name where the features are Inception's."""
    seen = getattr(settings, "features", "digits")
    return column.title if seen == "digits" else column.title.replace("proxy Fréchet", "FID")


def _marked(values: Sequence[Value]) -> list[str]:
    """As text; nothing is best where there is nothing beside it."""
    known = [value for value in values if math.isfinite(value[0])]
    best = min(known) if len(known) > 1 else None
    return [f"{_mark(value, best)}{with_error(*value)}" for value in values]


def _mark(value: Value, best: Value | None) -> str:
    """The sign before a number."""
    if best is None or not math.isfinite(value[0]):
        return ""
    if value == best:
        return f"{BEST} "
    near = value[0] - best[0] <= STANDARD_ERRORS * math.hypot(value[1], best[1])
    return f"{NEAR} " if near else ""
