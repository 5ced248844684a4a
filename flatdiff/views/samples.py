"""Samples as grids, a bit width beside the other."""

from collections.abc import Iterator, Sequence

import pandas as pd

from flatdiff.images.grid import image_grid
from flatdiff.measures.comparison import Estimate
from flatdiff.measures.samples import SamplesResult, SamplesSettings
from flatdiff.views.base import GRID_COLUMNS, Headline, Picture, Row, Section, View, with_error
from flatdiff.views.style import Series

COLUMNS = range(4, 17)  # of images that are neither huge nor tiny on a screen


def samples_pictures(
    series: Sequence[Series], settings: SamplesSettings, _view: View
) -> Iterator[Picture]:
    """A grid for every bit width; a row a class where each has as many images as the others."""
    for entry in series:
        for k, (bits, grid) in enumerate(zip(entry.result.bits, entry.result.images, strict=True)):
            change = with_error(entry.result.pixel_change[k], entry.result.pixel_change_stderr[k])
            yield Picture(
                key=f"grid-{entry.title}-{bits}",
                content=image_grid(grid, grid_columns(settings)),
                alt=f"{len(grid)} samples of {entry.title} at {bits} bits",
                heading=f"{entry.title}, {bits} bits",
                caption=f"Mean change of a pixel: {change} of 255." if k else "",
                row=entry.title,
            )


def grid_columns(settings: SamplesSettings) -> int:
    """How many images stand in a row."""
    share, rest = divmod(settings.num_images, max(1, len(settings.classes)))
    a_class_a_row = settings.classes and not rest and share in COLUMNS
    return share if a_class_a_row else GRID_COLUMNS


def pixel_change_rows(result: SamplesResult) -> list[Row]:
    """A row a bit width."""
    changes = zip(result.bits, result.pixel_change, result.pixel_change_stderr, strict=True)
    return [
        {
            "bits": str(bits),
            "images": str(result.images.shape[1]),
            "mean change of a pixel, of 255": with_error(change, error) if k else "",
        }
        for k, (bits, change, error) in enumerate(changes)
    ]


def samples_table(result: SamplesResult) -> pd.DataFrame:
    """One row a bit width."""
    return pd.DataFrame(
        {
            "bits": result.bits,
            "num_images": result.images.shape[1],
            "pixel_change": result.pixel_change,
            "pixel_change_stderr": result.pixel_change_stderr,
        }
    )


def _headline(result: SamplesResult) -> Estimate:
    return Estimate(float(result.pixel_change[-1]), float(result.pixel_change_stderr[-1]))


SECTION = Section(
    title="Samples",
    draw=samples_pictures,
    headline=Headline("change of a pixel by rounding", _headline),
    table=samples_table,
    read=pixel_change_rows,
    detail=lambda result: result.images.shape[1] > 0,
    caveat="The same noise through every network at every bit width.",
)
