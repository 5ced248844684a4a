"""What is drawn at every point of a grid over a surface, laid out as the surface is."""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pandas as pd
import plotly.graph_objects as go
from numpy.typing import NDArray

from flatdiff.images.grid import image_grid
from flatdiff.measures.surface import SurfaceResult
from flatdiff.measures.surfaces.atlas import AtlasResult, AtlasSettings
from flatdiff.views.base import GRID_COLUMNS, Picture, Section, View, with_error
from flatdiff.views.style import Series

MARGIN = 0.04  # beside a picture, as a share of what it shows
GROUND = 128  # where nothing is drawn yet: the grey between images


def atlas_pictures(
    series: Sequence[Series[AtlasResult]], settings: AtlasSettings, _view: View
) -> Iterator[Picture]:
    """Along the path, and one of all points a checkpoint and chain: the same noise everywhere."""
    for entry in series:
        yield _path_picture(entry, settings)
    for entry in series:
        columns, count = len(entry.result.a), entry.result.point_images.shape[2]
        rows = np.split(np.concatenate(atlas_rows(entry.result)), count)
        for k, images in enumerate(rows, 1):
            yield Picture(
                key=f"atlas-{entry.title}-{k}",
                content=image_grid(images, columns),
                alt=f"Sample {k} of {entry.title} at {entry.result.computed.sum()} points",
                heading=f"{entry.title}, sample {k}",
                caption=_extent(entry.result),
                row=entry.title,
            )


def _path_picture(entry: Series[AtlasResult], settings: AtlasSettings) -> Picture:
    """A row a chain from the checkpoint to the end of the first axis; it can be walked."""
    result = entry.result
    path = list(settings.columns_of(result.a))
    row = int(np.flatnonzero(result.b == 0)[0])
    drawn = result.computed[row, path, None, None, None, None]
    along = np.where(drawn, result.point_images[row, path], np.uint8(GROUND))
    count = along.shape[1]
    return Picture(
        key=f"path-{entry.title}",
        content=image_grid(np.concatenate(np.swapaxes(along, 0, 1)), len(path)),
        alt=f"{count} samples of {entry.title} at {len(path)} points along the first axis",
        heading=f"{entry.title}, along the path",
        caption=f"a from 0 to {result.a[path[-1]]:g}, the same noise at every point.",
        row="path",
        moments=[
            (f"a = {a:.2f}", image_grid(images, GRID_COLUMNS))
            for a, images in zip(result.a[path], along, strict=True)
        ],
    )


def _extent(result: AtlasResult) -> str:
    a, b = result.a, result.b
    upwards = f", b from {b[0]:g} to {b[-1]:g} upwards" if len(b) > 1 else ""
    return f"a from {a[0]:g} to {a[-1]:g} to the right{upwards}."


def atlas_rows(result: AtlasResult) -> list[NDArray[np.uint8]]:
    """What each chain draws, as a map: rows from the highest b down, (columns, H, W, C) each."""
    computed = result.computed[:, :, None, None, None, None]
    images = np.where(computed, result.point_images, np.uint8(GROUND))[::-1]
    return [row[:, k] for k in range(images.shape[2]) for row in images]


def point_words(surface: SurfaceResult, atlas: AtlasResult) -> list[str]:
    """What is known of each point of an atlas, row by row: its loss, and how images change.

    Args:
        surface: of the same plane; its grid may be another one.
        atlas: drawn or not.
    """
    rise = surface.loss - surface.base_loss
    on_surface = (surface.loss, surface.stderr, rise, surface.rise_stderr)
    known = [at_points(surface, values, atlas) for values in on_surface]
    known[2][np.ix_(atlas.b == 0, atlas.a == 0)] = 0.0  # interpolation leaves a rounding there
    known += [atlas.pixel_change, atlas.pixel_change_stderr]
    return [_words(*map(float, numbers)) for numbers in np.dstack(known).reshape(-1, len(known))]


def at_points(
    surface: SurfaceResult, values: NDArray[np.float64], atlas: AtlasResult
) -> NDArray[np.float64]:
    """Values on a surface's grid at the points of an atlas, (rows, columns): bilinear, or NaN."""
    rows = np.array([np.interp(atlas.a, surface.a, row) for row in values])
    return np.array([np.interp(atlas.b, surface.b, column) for column in rows.T]).T


def _words(
    loss: float, error: float, rise: float, rise_error: float, change: float, change_error: float
) -> str:
    if not np.isfinite(loss):
        return "Loss not known."
    rises = with_error(rise, rise_error, signed=True) if rise else ""
    said = f"Loss {with_error(loss, error)}" + (f", {rises} from the centre." if rises else ".")
    changed = with_error(change, change_error) if change else ""
    return f"{said} Pixels changed by {changed} of 255." if changed else said


def dotted(figure: go.Figure, settings: AtlasSettings) -> go.Figure:
    """A picture of the surface, with a dot at each point of the plane that is drawn."""
    if settings.dimensions == 1:
        return figure
    b, a = np.meshgrid(settings.b, settings.a, indexing="ij")
    dots = go.Scatter(
        x=a.ravel(),
        y=b.ravel(),
        mode="markers",
        marker={"size": 3, "color": "white", "opacity": 0.6},
        hoverinfo="skip",
        showlegend=False,
    )
    figure.add_trace(dots)
    traces: Any = figure.data
    figure.update_xaxes(showgrid=False, range=_range([trace.x for trace in traces]))
    return figure.update_yaxes(showgrid=False, range=_range([trace.y for trace in traces]))


def _range(values: Sequence[Any]) -> list[float]:
    """That all of them are in, with a margin: of each picture the same, whatever its size."""
    known = np.concatenate([np.asarray(some, np.float64) for some in values])
    margin = MARGIN * np.ptp(known)
    return [float(known.min() - margin), float(known.max() + margin)]


def atlas_table(result: AtlasResult) -> pd.DataFrame:
    """One row a point that is drawn."""
    b, a = np.meshgrid(result.b, result.a, indexing="ij")
    table = pd.DataFrame(
        {
            "a": a.ravel(),
            "b": b.ravel(),
            "relative_distance": result.relative_distance.ravel(),
            "num_images": result.point_images.shape[2],
            "pixel_change": result.pixel_change.ravel(),
            "pixel_change_stderr": result.pixel_change_stderr.ravel(),
        }
    )
    return table.loc[result.computed.ravel()]


SECTION = Section(
    title="Samples over a surface",
    draw=atlas_pictures,
    table=atlas_table,
    detail=lambda result: bool(result.computed.any()),
    caveat="Few images of few steps, from the same noise at every point: they show what happens "
    "to samples where the loss rises, not how often.",
)
