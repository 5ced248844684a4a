"""A section shows some checkpoints' results of one measure: pictures, a reading, a caveat.

Pages, the sheet and reports take their pictures from the registry below, so that all of them show
the same. What is compared shares its axes, range and colours.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray

from flatdiff.figures.curvature import density_lines, eigenvalue_dots
from flatdiff.figures.exposure import exposure_curves, exposure_deltas, exposure_gaps
from flatdiff.figures.frechet import frechet_dots
from flatdiff.figures.lpf import lpf_by_timestep, lpf_dots
from flatdiff.figures.quantization import quantization_lines, sensitivity_dots
from flatdiff.figures.radius import SIZE_TITLES, radius_lines, timestep_map
from flatdiff.figures.style import Series
from flatdiff.figures.surface import (
    MAX_RELIEFS,
    X_TITLES,
    common_range,
    drawable,
    surface_3d,
    surface_contour,
    surface_lines,
)
from flatdiff.pictures import image_grid

GRID_COLUMNS = 8


@dataclass(frozen=True, kw_only=True)
class View:
    """What a person may change about the pictures without measuring anything again."""

    log: bool = False  # the loss on a logarithmic scale
    relative: bool = False  # distances as a share of the norm of the weights
    spaghetti: bool = False  # every direction beside the mean
    names: Sequence[str] = ()  # of the checkpoints of a line or plane, to be written at them
    trajectory: Sequence[int] = ()  # which of these are states of one run, in their order


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


@dataclass(frozen=True, kw_only=True)
class Section:
    """How a measure is shown."""

    title: str
    pictures: Callable[[Sequence[Series], Any, View], Iterable[Picture]]  # of ready results
    caveat: str
    ready: Callable[[Any], bool] = lambda _: True  # whether a result in the making can be drawn


def _surface(series: Sequence[Series], settings: Any, view: View) -> Iterator[Picture]:
    limits = common_range([entry.result for entry in series])
    if limits is None:
        return
    if settings.dimensions == 1:
        yield Picture(
            key="lines",
            content=surface_lines(series, log=view.log, x_title=X_TITLES[settings.axes]),
            alt="Loss against distance along one direction, one line a checkpoint",
        )
        return
    for entry in series:
        yield Picture(
            key=f"contour-{entry.title}",
            content=surface_contour(
                entry.result, limits, log=view.log, names=view.names, trajectory=view.trajectory
            ),
            alt=f"Loss surface of {entry.title}, {limits[0]:.3f} to {limits[1]:.3f}",
            heading=entry.title,
            row="contours",
        )
    for entry in series[:MAX_RELIEFS]:
        yield Picture(
            key=f"relief-{entry.title}",
            content=surface_3d(entry.result, limits, log=view.log),
            alt=f"Relief of the loss of {entry.title}, {limits[0]:.3f} to {limits[1]:.3f}",
            heading=f"{entry.title}, relief",
            row="reliefs",
            folded=True,
        )


def _lpf(series: Sequence[Series], _settings: Any, _view: View) -> Iterator[Picture]:
    yield Picture(
        key="dots",
        content=lpf_dots(series),
        alt="Loss and LPF of each checkpoint",
    )
    yield Picture(
        key="timesteps",
        content=lpf_by_timestep(series),
        alt="Rise of the loss under weight noise by timestep, one line a checkpoint",
        heading="At which timesteps?",
    )


def _radius(series: Sequence[Series], settings: Any, view: View) -> Iterator[Picture]:
    size_title = SIZE_TITLES[settings.noise]
    yield Picture(
        key="curves",
        content=radius_lines(
            series,
            axis="relative_norms" if view.relative else "sizes",
            x_title="‖δ‖ / ‖θ‖" if view.relative else size_title,
            spaghetti=view.spaghetti,
            log=view.log,
        ),
        alt="Loss against the size of the perturbation, one line a checkpoint",
        caption="Bands are two standard errors over directions; the panel is frozen.",
    )
    rises = np.concatenate([entry.result.gap_by_timestep.ravel() for entry in series])
    if not np.isfinite(rises).any():
        return
    for entry in series:
        yield Picture(
            key=f"timesteps-{entry.title}",
            content=timestep_map(entry.result, float(np.nanmax(rises)), x_title=size_title),
            alt=f"Rise of the loss of {entry.title} by timestep and size",
            heading=f"{entry.title}, by timestep",
            row="timesteps",
        )


def _curvature(series: Sequence[Series], _settings: Any, _view: View) -> Iterator[Picture]:
    yield Picture(
        key="eigenvalues",
        content=eigenvalue_dots(series),
        alt="Top and lowest eigenvalue of each checkpoint",
        heading="Eigenvalues",
    )
    yield Picture(
        key="density",
        content=density_lines(series),
        alt="Eigenvalues per unit of curvature",
        heading="Spectral density",
    )


def _exposure(series: Sequence[Series], _settings: Any, _view: View) -> Iterator[Picture]:
    yield Picture(
        key="curves",
        content=exposure_curves(series),
        alt="Norm of the predicted noise by step, while sampling and in training",
    )
    yield Picture(
        key="gaps",
        content=exposure_gaps(series),
        alt="Gap by step with one standard error",
        heading="Gap: sampling minus training",
    )
    yield Picture(
        key="deltas",
        content=exposure_deltas(series),
        alt="Variance error by step with its standard error",
        heading="δ: how far a chain strays from the image it began with",
    )


def _quantization(series: Sequence[Series], _settings: Any, view: View) -> Iterator[Picture]:
    yield Picture(
        key="lines",
        content=quantization_lines(series, log=view.log),
        alt="Rise of the loss by bit width, one line a checkpoint",
    )


def _sensitivity(series: Sequence[Series], _settings: Any, _view: View) -> Iterator[Picture]:
    yield Picture(
        key="layers",
        content=sensitivity_dots(series),
        alt="Rise of the loss with one layer rounded, the twenty most sensitive layers",
        caption="The twenty most sensitive.",
    )


def _samples(series: Sequence[Series], _settings: Any, _view: View) -> Iterator[Picture]:
    for entry in series:
        for k, (bits, grid) in enumerate(zip(entry.result.bits, entry.result.images, strict=True)):
            change, error = entry.result.pixel_change[k], entry.result.pixel_change_stderr[k]
            yield Picture(
                key=f"grid-{entry.title}-{bits}",
                content=image_grid(grid, GRID_COLUMNS),
                alt=f"{len(grid)} samples of {entry.title} at {bits} bits",
                heading=f"{entry.title}, {bits} bits",
                caption=f"Mean change of a pixel: {change:.2f} ± {error:.2f} of 255." if k else "",
                row=entry.title,
            )


def _frechet(series: Sequence[Series], _settings: Any, _view: View) -> Iterator[Picture]:
    yield Picture(
        key="dots",
        content=frechet_dots(series),
        alt="Distance from real images of each checkpoint at 32 bits and rounded",
    )


SECTIONS: dict[str, Section] = {
    "surface": Section(
        title="Loss surface",
        pictures=_surface,
        ready=drawable,
        caveat="The noise floor is the standard deviation of the loss over other draws of the "
        "panel: a rise below it may be chance. The interpolation error is the largest one found "
        "at points that the interpolation was not told of. Planes can mislead; another seed is "
        "another plane.",
    ),
    "lpf": Section(
        title="Flatness",
        pictures=_lpf,
        caveat="LPF is the mean loss under Gaussian noise on the weights: the lower, the flatter. "
        "± is one standard error over antithetic pairs. Absolute noise is not comparable between "
        "networks whose layers are scaled differently; filter-relative noise is.",
    ),
    "radius": Section(
        title="Loss against distance",
        pictures=_radius,
        ready=lambda result: result.num_directions > 0,
        caveat="Over random directions; the slower the loss rises, the flatter the checkpoint.",
    ),
    "curvature": Section(
        title="Curvature",
        pictures=_curvature,
        caveat="The ± of an eigenvalue is how far from it a true one is at most; every other is "
        "one standard error over probes. Curvature is not invariant under reparametrisation: "
        "compare checkpoints of one architecture and training recipe.",
    ),
    "exposure": Section(
        title="Exposure bias",
        pictures=_exposure,
        caveat="The closer the norm of the predicted noise while sampling is to that in training, "
        "the smaller the exposure bias. δ grows to the left even for a perfect network; compare "
        "checkpoints, not the curve with 0.",
    ),
    "quantization": Section(
        title="Quantization",
        pictures=_quantization,
        caveat="± is one standard error over panel members, paired. File: one byte a weight "
        "whatever the width; packed: what it would need with its codes packed.",
    ),
    "sensitivity": Section(
        title="Layers that need their bits",
        pictures=_sensitivity,
        caveat="Rise of the loss with this layer alone rounded; the rises need not add up to "
        "that of the whole network.",
    ),
    "samples": Section(
        title="Samples",
        pictures=_samples,
        ready=lambda result: result.images.shape[1] > 0,
        caveat="The same noise through every network at every bit width.",
    ),
    "frechet": Section(
        title="Sample quality",
        pictures=_frechet,
        ready=lambda result: bool(np.isfinite(result.frechet[0])),
        caveat="± is one standard error over generated images, but over real ones for recall. A "
        "Fréchet distance is too large by an amount that shrinks with the number of images: "
        "compare only equal numbers. In digits features it is a proxy and no published FID.",
    ),
}


def in_groups(pictures: Sequence[Picture]) -> list[list[Picture]]:
    """Those that share a row together, every other one alone; in their order."""
    groups: list[list[Picture]] = []
    for picture in pictures:
        if picture.row and groups and groups[-1][0].row == picture.row:
            groups[-1].append(picture)
        else:
            groups.append([picture])
    return groups


def pictures_of(
    measure: str, series: Sequence[Series], settings: Any, view: View | None = None
) -> list[Picture]:
    """Of the results that can be drawn; none where there is no such result yet."""
    section = SECTIONS[measure]
    shown = [entry for entry in series if section.ready(entry.result)]
    return list(section.pictures(shown, settings, view or View())) if shown else []
