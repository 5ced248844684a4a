"""Views draw some checkpoints' results of one measure: what is compared shares axes and colours.

One function a measure, the same for its page, the sheet and reports; see `sections.py`.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray

from flatdiff.images.grid import image_grid
from flatdiff.landscape.noise import LPF_MODES
from flatdiff.measures.timesteps import NUM_TIMESTEP_BINS
from flatdiff.views.curvature import density_lines, eigenvalue_dots
from flatdiff.views.estimates import with_error
from flatdiff.views.exposure import exposure_curves, exposure_deltas, exposure_gaps
from flatdiff.views.frechet import frechet_dots
from flatdiff.views.lpf import lpf_by_timestep, lpf_dots
from flatdiff.views.quantization import quantization_lines, sensitivity_dots
from flatdiff.views.radius import SIZE_TITLES, radius_lines, rises_of, timestep_map
from flatdiff.views.relief import surface_3d
from flatdiff.views.rescaling import highest_loss, rescaling_lines
from flatdiff.views.style import Series
from flatdiff.views.surface_plot import (
    MAX_RELIEFS,
    X_TITLES,
    Point,
    common_range,
    surface_contour,
    surface_lines,
)

GRID_COLUMNS = 8


@dataclass(frozen=True, kw_only=True)
class View:
    """What a person may change about the pictures without measuring anything again."""

    log: bool = False  # the loss on a logarithmic scale
    relative: bool = False  # distances as a share of the norm of the weights
    spaghetti: bool = False  # every direction beside the mean
    timestep_bins: int = NUM_TIMESTEP_BINS  # that rises are sorted into
    names: Sequence[str] = ()  # of the checkpoints of a line or plane, to be written at them
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


def surface_pictures(series: Sequence[Series], settings: Any, view: View) -> Iterator[Picture]:
    """Contours on one scale and reliefs, or lines."""
    limits = common_range([entry.result for entry in series])
    if limits is None:
        return
    if settings.dimensions == 1:
        yield Picture(
            key="lines",
            content=surface_lines(
                series, log=view.log, x_title=X_TITLES[settings.axes], point=view.point
            ),
            alt="Loss against distance along one direction, one line a checkpoint",
        )
        return
    for entry in series:
        yield Picture(
            key=f"contour-{entry.title}",
            content=surface_contour(
                entry.result,
                limits,
                log=view.log,
                names=view.names,
                trajectory=view.trajectory,
                point=view.point,
            ),
            alt=f"Loss surface of {entry.title}, {limits[0]:.3f} to {limits[1]:.3f}",
            heading=entry.title,
            row="contours",
        )
    for entry in series[:MAX_RELIEFS]:
        yield Picture(
            key=f"relief-{entry.title}",
            content=surface_3d(entry.result, limits, log=view.log, point=view.point),
            alt=f"Relief of the loss of {entry.title}, {limits[0]:.3f} to {limits[1]:.3f}",
            heading=f"{entry.title}, relief",
            row="reliefs",
            folded=True,
        )


def lpf_pictures(series: Sequence[Series], _settings: Any, view: View) -> Iterator[Picture]:
    """Loss and LPF, and where the loss rises."""
    yield Picture(
        key="dots",
        content=lpf_dots(series),
        alt="Loss and LPF of each checkpoint",
    )
    yield Picture(
        key="timesteps",
        content=lpf_by_timestep(series, view.timestep_bins),
        alt="Rise of the loss under weight noise by timestep, one line a checkpoint",
        heading="At which timesteps?",
    )


def radius_pictures(series: Sequence[Series], settings: Any, view: View) -> Iterator[Picture]:
    """Loss over the size of a perturbation, and by timestep."""
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
    rises = [rises_of(entry.result, view.timestep_bins) for entry in series]
    gaps = np.concatenate([each.gap.ravel() for each in rises])
    if not np.isfinite(gaps).any():
        return
    for entry, each in zip(series, rises, strict=True):
        yield Picture(
            key=f"timesteps-{entry.title}",
            content=timestep_map(
                entry.result.sizes, each, float(np.nanmax(gaps)), x_title=size_title
            ),
            alt=f"Rise of the loss of {entry.title} by timestep and size",
            heading=f"{entry.title}, by timestep",
            row="timesteps",
        )


def curvature_pictures(series: Sequence[Series], _settings: Any, _view: View) -> Iterator[Picture]:
    """The ends of the spectrum, and all of it."""
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


def exposure_pictures(series: Sequence[Series], _settings: Any, _view: View) -> Iterator[Picture]:
    """Both curves, their gap, and the variance error."""
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


def quantization_pictures(
    series: Sequence[Series], _settings: Any, view: View
) -> Iterator[Picture]:
    """Rise of the loss over the bit width."""
    yield Picture(
        key="lines",
        content=quantization_lines(series, log=view.log),
        alt="Rise of the loss by bit width, one line a checkpoint",
    )


def sensitivity_pictures(
    series: Sequence[Series], _settings: Any, _view: View
) -> Iterator[Picture]:
    """The layers that lose most."""
    yield Picture(
        key="layers",
        content=sensitivity_dots(series),
        alt="Rise of the loss with one layer rounded, the twenty most sensitive layers",
        caption="The twenty most sensitive.",
    )


def samples_pictures(series: Sequence[Series], _settings: Any, _view: View) -> Iterator[Picture]:
    """A grid for every bit width."""
    for entry in series:
        for k, (bits, grid) in enumerate(zip(entry.result.bits, entry.result.images, strict=True)):
            change = with_error(entry.result.pixel_change[k], entry.result.pixel_change_stderr[k])
            yield Picture(
                key=f"grid-{entry.title}-{bits}",
                content=image_grid(grid, GRID_COLUMNS),
                alt=f"{len(grid)} samples of {entry.title} at {bits} bits",
                heading=f"{entry.title}, {bits} bits",
                caption=f"Mean change of a pixel: {change} of 255." if k else "",
                row=entry.title,
            )


def frechet_pictures(series: Sequence[Series], _settings: Any, _view: View) -> Iterator[Picture]:
    """Distances at each bit width."""
    yield Picture(
        key="dots",
        content=frechet_dots(series),
        alt="Distance from real images of each checkpoint at 32 bits and rounded",
    )


def rescaling_pictures(series: Sequence[Series], _settings: Any, _view: View) -> Iterator[Picture]:
    """LPF over the factor under each kind of noise, on one scale."""
    highest = highest_loss(series)
    headings = (
        "absolute noise: one σ for every weight",
        "filter-relative noise: σ by filter size",
    )
    for mode, heading in zip(LPF_MODES, headings, strict=True):
        yield Picture(
            key=mode,
            content=rescaling_lines(series, mode, highest),
            alt=f"LPF under {mode.replace('_', '-')} noise over the factor, a line a checkpoint",
            heading=f"LPF, {heading}",
            row="modes",
        )


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
