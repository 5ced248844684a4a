"""A section shows some checkpoints' results of one measure: pictures, a reading, a caveat.

Pages, the sheet and reports take their pictures from the registry below, so that all of them show
the same.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from flatdiff.views.style import Series
from flatdiff.views.surface_plot import drawable
from flatdiff.views.views import (
    Picture,
    View,
    curvature_pictures,
    exposure_pictures,
    frechet_pictures,
    lpf_pictures,
    nearby_pictures,
    quantization_pictures,
    radius_pictures,
    rescaling_pictures,
    samples_pictures,
    sensitivity_pictures,
    surface_pictures,
)


@dataclass(frozen=True, kw_only=True)
class Section:
    """How a measure is shown."""

    title: str
    pictures: Callable[[Sequence[Series], Any, View], Iterable[Picture]]  # of ready results
    caveat: str
    ready: Callable[[Any], bool] = lambda _: True  # whether a result in the making can be drawn


SECTIONS: dict[str, Section] = {
    "surface": Section(
        title="Loss surface",
        pictures=surface_pictures,
        ready=drawable,
        caveat="The noise floor is the standard deviation of the loss over other draws of the "
        "panel: a rise below it may be chance. The interpolation error is the largest one found "
        "at points that the interpolation was not told of. Planes can mislead; another seed is "
        "another plane.",
    ),
    "lpf": Section(
        title="Flatness",
        pictures=lpf_pictures,
        caveat="LPF is the mean loss under Gaussian noise on the weights: the lower, the flatter. "
        "± is one standard error over antithetic pairs. Absolute noise is not comparable between "
        "networks whose layers are scaled differently; filter-relative noise is.",
    ),
    "radius": Section(
        title="Loss against distance",
        pictures=radius_pictures,
        ready=lambda result: result.num_directions > 0,
        caveat="Over random directions; the slower the loss rises, the flatter the checkpoint.",
    ),
    "rescaling": Section(
        title="Rescaling",
        pictures=rescaling_pictures,
        ready=lambda result: bool(np.isfinite(result.lpf).any()),
        caveat="LPF is the mean loss under Gaussian noise on the weights, with its standard "
        "error; lower is flatter. Dotted: the loss without noise. The same noise at every factor.",
    ),
    "curvature": Section(
        title="Curvature",
        pictures=curvature_pictures,
        caveat="The ± of an eigenvalue is how far from it a true one is at most; every other is "
        "one standard error over probes. Curvature is not invariant under reparametrisation: "
        "compare checkpoints of one architecture and training recipe.",
    ),
    "exposure": Section(
        title="Exposure bias",
        pictures=exposure_pictures,
        caveat="The closer the norm of the predicted noise while sampling is to that in training, "
        "the smaller the exposure bias. δ grows to the left even for a perfect network; compare "
        "checkpoints, not the curve with 0.",
    ),
    "quantization": Section(
        title="Quantization",
        pictures=quantization_pictures,
        caveat="± is one standard error over panel members, paired. File: one byte a weight "
        "whatever the width; packed: what it would need with its codes packed.",
    ),
    "sensitivity": Section(
        title="Layers that need their bits",
        pictures=sensitivity_pictures,
        caveat="Rise of the loss with this layer alone rounded; the rises need not add up to "
        "that of the whole network.",
    ),
    "samples": Section(
        title="Samples",
        pictures=samples_pictures,
        ready=lambda result: result.images.shape[1] > 0,
        caveat="The same noise through every network at every bit width.",
    ),
    "nearby": Section(
        title="Samples at a point",
        pictures=nearby_pictures,
        ready=lambda result: len(result.images) > 0,
        caveat="Drawn from the weights at a point of a surface, from the same noise everywhere.",
    ),
    "frechet": Section(
        title="Sample quality",
        pictures=frechet_pictures,
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
