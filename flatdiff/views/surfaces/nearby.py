"""Samples that the weights at a point of a surface draw."""

from collections.abc import Iterator, Sequence
from typing import Any

import pandas as pd

from flatdiff.images.grid import image_grid
from flatdiff.measures.surfaces.nearby import NearbyResult
from flatdiff.views.base import GRID_COLUMNS, Picture, Section, View
from flatdiff.views.style import Series


def nearby_pictures(series: Sequence[Series], _settings: Any, _view: View) -> Iterator[Picture]:
    """What the weights at one point draw."""
    for entry in series:
        result = entry.result
        where = f"({result.a:.4g}, {result.b:.4g})"
        yield Picture(
            key=f"grid-{entry.title}",
            content=image_grid(result.images, GRID_COLUMNS),
            alt=f"{len(result.images)} samples of {entry.title} at {where}",
            heading=f"{entry.title}, at {where}",
            caption=f"{result.relative_distance:.1%} of the norm of the weights from the centre.",
            row="points",
        )


def nearby_table(result: NearbyResult) -> pd.DataFrame:
    """One row."""
    row = {"a": result.a, "b": result.b, "relative_distance": result.relative_distance}
    return pd.DataFrame([{**row, "num_images": len(result.images)}])


SECTION = Section(
    title="Samples at a point",
    draw=nearby_pictures,
    table=nearby_table,
    detail=lambda result: len(result.images) > 0,
    caveat="Drawn from the weights at a point of a surface, from the same noise everywhere.",
)
