"""A loss surface is the loss along one or two directions through a checkpoint's weights.

L(theta + a d1 [+ b d2]) on the frozen panel (Li et al. 2018, arXiv 1712.09913; paper Fig. 1). With
filter-normalised random directions a = 1 moves every filter by its own norm; between checkpoints
a = 1 is the other checkpoint; along Hessian eigenvectors a is the norm of the perturbation. A cell
whose loss is not finite stays so; a cell not computed yet is marked, never given a number.
"""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from flatdiff.measures.base import Item, Measure, base_arrays, complete
from flatdiff.measures.surfaces.axes import axes_of
from flatdiff.measures.surfaces.result import (
    SurfaceResult,
    assemble_surface,
    can_be_interpolated,
    within_tolerance,
)
from flatdiff.measures.surfaces.settings import SurfaceSettings, surface_items
from flatdiff.system.arrays import Arrays

if TYPE_CHECKING:  # a subject of a test answers what it is asked, and no more
    from flatdiff.landscape.measurable import Measurable

CORNERS_AND_MIDDLE = 3  # along an axis

__all__ = ["MEASURE", "SurfaceResult", "SurfaceSettings"]


def _evaluate(subject: "Measurable", settings: SurfaceSettings, item: Item) -> Arrays:
    match item:
        case ("base",):
            return _base(subject, settings)
        case ("mark", int(k)):
            with subject.at((1.0, subject.partner_offset(k))):
                return {"losses": subject.losses()}
    a, b = _place(settings, item)
    first, second = axes_of(subject, settings)
    terms = [(a, first)] if settings.dimensions == 1 else [(a, first), (b, second)]
    with subject.at(*terms):
        return {"losses": subject.losses()}


def _place(settings: SurfaceSettings, item: Item) -> tuple[float, float]:
    """(a, b) of a cell of the exact grid or of a node."""
    kind, i, j = item
    if kind == "cell":
        rows, columns = settings.shape
        return float(settings.axis(columns)[j]), float(settings.axis(rows)[i])
    *b, a = settings.scaled(settings.grids.places([(i, j)])[0]).tolist()
    return a, b[0] if b else 0.0


def _base(subject: "Measurable", settings: SurfaceSettings) -> Arrays:
    first, second = axes_of(subject, settings)
    return {
        **base_arrays(subject),
        "axes_cosine": np.array(subject.cosine(first, second)),
        "relative_step": np.array(subject.relative_norm(first)),
        "marks": subject.partner_coordinates(first, second),
    }


def _plan(settings: SurfaceSettings, done: Mapping[int, Arrays]) -> Sequence[int]:
    """Level by level until the error is small enough; every cell where it will not be.

    Of the coarsest level the corners and middles come first (`_sketched`).
    """
    items = surface_items(settings)
    if settings.mode == "exact":
        return range(len(items))
    grids, where = settings.grids, {item: k for k, item in enumerate(items)}
    stage = [k for k, item in enumerate(items) if item[0] in ("base", "mark")]
    for level in range(grids.num_levels):
        known = set(stage)
        added = {where["node", *node]: node for node in grids.known(level)}
        new = [k for k in sorted(added) if k not in known]
        stage += sorted(new, key=lambda k: grids.fineness(added[k]))
        if not complete(stage, done) or within_tolerance(settings, done, level):
            return stage
        if not can_be_interpolated(settings, done, level):
            break
    return [*stage, *(k for k, item in enumerate(items) if item[0] == "cell")]


def _sketched(settings: SurfaceSettings) -> int:
    """Corners and middles of an interpolated one; exact cells fill their picture one by one."""
    if settings.mode == "exact":
        return 0
    return 1 + settings.num_marks + CORNERS_AND_MIDDLE**settings.dimensions


MEASURE = Measure(
    name="surface",
    question="How does the loss rise along directions through the weights?",
    version=5,
    settings_type=SurfaceSettings,
    items=surface_items,
    evaluate=_evaluate,
    assemble=assemble_surface,
    image_forwards=lambda settings, item, panel_size: panel_size,
    plan=_plan,
    prepare=axes_of,
    sketched=_sketched,
    min_partners=lambda settings: settings.num_marks,
)
