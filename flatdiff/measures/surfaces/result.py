"""What a loss surface shows: the loss with its error on a grid, and how the grid came about."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from flatdiff.landscape.interpolation import Grids, Node, display_matrix, error_matrix
from flatdiff.measures.base import NO_BASE
from flatdiff.measures.statistics import mean, panel_error, standard_error
from flatdiff.measures.surfaces.settings import (
    SurfaceMode,
    SurfaceSettings,
    surface_items,
)
from flatdiff.system.arrays import Arrays

NOT_SMOOTH = "Not smooth enough to be interpolated as asked: every cell was computed."
DISPLAY_RESOLUTION = {
    1: 201,
    2: 61,
}  # cells along an axis that an interpolated surface is shown on


@dataclass(frozen=True)
class SurfaceResult:
    """Losses are means over the panel; rows run along b, columns along a."""

    a: NDArray[np.float64]  # (columns,)
    b: NDArray[np.float64]  # (rows,); a single 0 where there is one dimension
    loss: NDArray[np.float64]  # (rows, columns); NaN where not computed or not a number
    stderr: NDArray[np.float64]  # (rows, columns), of the loss over panel members
    rise_stderr: NDArray[np.float64]  # (rows, columns), of loss - base_loss, paired by member
    computed: NDArray[np.bool_]  # (rows, columns)
    mode: SurfaceMode  # that it ended in
    error_estimate: float  # of an interpolated surface, in units of the loss; 0 where exact
    centre_error: float  # the same about the checkpoint in the middle; NaN where none is, or exact
    centre_rise: float  # the largest rise of the loss that this error is measured at
    note: str  # why it was not interpolated as asked; "" otherwise
    num_evaluations: int  # points whose loss was computed
    base_loss: float  # at the checkpoint itself
    base_stderr: float
    base_vb: float  # variational bound there, bits/dim; NaN without learned variance
    noise_floor: float  # SD of base_loss over draws of the panel, from the timesteps' strata
    nonfinite_fraction: float  # of the computed cells
    axes_cosine: float  # between the two directions
    relative_step: float  # ||d1|| / ||theta||: what a = 1 is on the perturbation-norm scale
    marks: NDArray[np.float64]  # (K, 3): a, b of each partner, and how far it lies off the plane,
    # as a share of its distance from the checkpoint
    mark_losses: NDArray[np.float64]  # (marks on the axes,)
    barrier: float  # highest loss above the chord between two checkpoints, which both lie on and
    # which is 0 where nothing is above it; NaN on other axes
    barrier_at: float  # a of the barrier


LossesByItem = Mapping[tuple[int, ...], NDArray]  # (N,) each, by the indices of their items


def _losses_of(settings: SurfaceSettings, done: Mapping[int, Arrays], kind: str) -> LossesByItem:
    """Per-member losses of the items of a kind that are done, by their indices."""
    items = surface_items(settings)
    return {items[k][1:]: arrays["losses"] for k, arrays in done.items() if items[k][0] == kind}


def _values(nodes: Sequence[Node], losses: LossesByItem) -> NDArray[np.float64]:
    """(n, N) of some points."""
    return np.array([losses[node] for node in nodes], dtype=np.float64)


def _missed_by(grids: Grids, level: int, losses: LossesByItem) -> NDArray[np.float64]:
    """How far each held-out point is missed by all others, in units of the loss."""
    known = _values(grids.known(level), losses).mean(axis=1)
    held_out = known[len(grids.nodes(level)) :]
    return np.abs(error_matrix(grids, level) @ known - held_out)


def _centre(grids: Grids, level: int, losses: LossesByItem, base: float) -> tuple[float, float]:
    """The worst miss of points about the middle, and the largest rise of the loss at them."""
    if not grids.centred:
        return float("nan"), float("nan")
    near = _values(grids.near(), losses).mean(axis=1)
    missed = _missed_by(grids, level, losses)[-len(near) :]
    return float(missed.max()), float(np.abs(near - base).max())


def level_error(settings: SurfaceSettings, done: Mapping[int, Arrays], level: int) -> float:
    """The error estimate of a complete level; infinite where a loss is not finite.

    The worst of the held-out points, and no less than half of what the coarser level's worst
    promises: the points may all be lucky.
    """
    grids, losses = settings.grids, _losses_of(settings, done, "node")
    if not np.isfinite(_values(grids.known(level), losses)).all():
        return float("inf")
    missed = float(_missed_by(grids, level, losses).max())
    if level == 0:
        return missed
    return max(missed, float(_missed_by(grids, level - 1, losses).max()) / (2 * grids.gain))


def _allowed(settings: SurfaceSettings, done: Mapping[int, Arrays], level: int) -> float:
    """By the points of this level alone: finer ones must not change what was decided."""
    grids, losses = settings.grids, _losses_of(settings, done, "node")
    means = _values(grids.known(level), losses).mean(axis=1)
    finite = means[np.isfinite(means)]
    return settings.tolerance * float(np.ptp(finite)) if finite.size else 0.0


def within_tolerance(settings: SurfaceSettings, done: Mapping[int, Arrays], level: int) -> bool:
    """Whether a complete level is good enough."""
    error = level_error(settings, done, level)
    return error <= _allowed(settings, done, level)


def can_be_interpolated(settings: SurfaceSettings, done: Mapping[int, Arrays], level: int) -> bool:
    """Whether the finest level promises to be good enough, by a complete one."""
    grids = settings.grids
    gain = grids.gain ** (grids.num_levels - 1 - level)
    if gain == 1:
        return False
    return level_error(settings, done, level) / gain <= _allowed(settings, done, level)


@dataclass(frozen=True)
class _Surface:
    """The loss and its errors on a grid."""

    rows: NDArray[np.float64]
    columns: NDArray[np.float64]
    loss: NDArray[np.float64]  # (rows, columns); NaN where not computed
    stderr: NDArray[np.float64]
    rise_stderr: NDArray[np.float64]
    computed: NDArray[np.bool_]
    mode: SurfaceMode
    error: float
    centre: tuple[float, float]  # error about the middle, and rise of the loss there
    note: str


def assemble_surface(settings: SurfaceSettings, done: Mapping[int, Arrays]) -> SurfaceResult:
    """Losses with their errors, exact or interpolated as far as is known."""
    base = done.get(0, NO_BASE)
    found = _interpolated(settings, done) or _exact(settings, done)
    finite = np.isfinite(found.loss[found.computed])
    marks = [losses for _, losses in sorted(_losses_of(settings, done, "mark").items())]
    barrier, barrier_at = _barrier(found, mean(base["losses"]), marks)
    return SurfaceResult(
        a=found.columns,
        b=found.rows,
        loss=np.where(np.isfinite(found.loss), found.loss, np.nan),
        stderr=found.stderr,
        rise_stderr=found.rise_stderr,
        computed=found.computed,
        mode=found.mode,
        error_estimate=found.error,
        centre_error=found.centre[0],
        centre_rise=found.centre[1],
        note=found.note,
        num_evaluations=sum(len(_losses_of(settings, done, kind)) for kind in ("cell", "node")),
        base_loss=mean(base["losses"]),
        base_stderr=standard_error(base["losses"]),
        base_vb=mean(base["vb"]),
        noise_floor=panel_error(base["losses"], base["timesteps"]),
        nonfinite_fraction=float(1 - finite.mean()) if finite.size else 0.0,
        axes_cosine=float(base.get("axes_cosine", np.nan)),
        relative_step=float(base.get("relative_step", np.nan)),
        marks=base.get("marks", np.zeros((0, 3))),
        mark_losses=np.array([mean(losses) for losses in marks]),
        barrier=barrier,
        barrier_at=barrier_at,
    )


def _interpolated(settings: SurfaceSettings, done: Mapping[int, Arrays]) -> _Surface | None:
    """On the finest complete level; None where none is, or where cells are computed instead."""
    if settings.mode == "exact" or _losses_of(settings, done, "cell"):
        return None
    grids, losses = settings.grids, _losses_of(settings, done, "node")
    levels = [
        level
        for level in range(grids.num_levels)
        if all(node in losses for node in grids.known(level))
        and np.isfinite(level_error(settings, done, level))
    ]
    return _on_level(settings, done, levels[-1]) if levels else None


def _on_level(settings: SurfaceSettings, done: Mapping[int, Arrays], level: int) -> _Surface:
    """Every member's loss is interpolated, so that the errors over members are, too."""
    grids, losses = settings.grids, _losses_of(settings, done, "node")
    size = DISPLAY_RESOLUTION[settings.dimensions]
    shape = (size if grids.dimensions == 2 else 1, size)
    values = display_matrix(grids, level, size) @ _values(grids.known(level), losses)
    values = values.reshape(*shape, -1)
    base = done.get(0, NO_BASE)["losses"]
    return _Surface(
        rows=settings.axis(shape[0]),
        columns=settings.axis(size),
        loss=values.mean(axis=2),
        stderr=_stderr(values),
        rise_stderr=_stderr(values - base) if len(base) else np.full(shape, np.nan),
        computed=np.ones(shape, dtype=bool),
        mode="interpolated",
        error=level_error(settings, done, level),
        centre=_centre(grids, level, losses, mean(base)),
        note="",
    )


def _stderr(losses: NDArray) -> NDArray[np.float64]:
    """Over members, (rows, columns, N) to (rows, columns)."""
    members = losses.shape[2]
    if members < 2:
        return np.full(losses.shape[:2], np.nan)
    return losses.std(axis=2, ddof=1) / members**0.5


def _exact(settings: SurfaceSettings, done: Mapping[int, Arrays]) -> _Surface:
    """Cell by cell; of an interpolated surface in the making, the nodes of the coarsest level."""
    shape, known = settings.shape, _losses_of(settings, done, "cell")
    note = NOT_SMOOTH if settings.mode == "interpolated" and known else ""
    if settings.mode == "interpolated" and not known:
        shape, known = _coarsest_nodes(settings, done)
    base = done.get(0, NO_BASE)["losses"]
    loss, stderr, rise_stderr = (np.full(shape, np.nan) for _ in range(3))
    computed = np.zeros(shape, dtype=bool)
    for cell, losses in known.items():
        computed[cell] = True
        loss[cell], stderr[cell] = mean(losses), standard_error(losses)
        if len(base):
            rise_stderr[cell] = standard_error(losses - base)
    rows, columns = (settings.axis(count) for count in shape)
    none = float("nan"), float("nan")
    return _Surface(rows, columns, loss, stderr, rise_stderr, computed, "exact", 0.0, none, note)


def _coarsest_nodes(
    settings: SurfaceSettings, done: Mapping[int, Arrays]
) -> tuple[tuple[int, int], LossesByItem]:
    """The shape of the coarsest level, and what is done of it by row and column."""
    grids = settings.grids
    step, size = grids.step(0), grids.cells + 1
    nodes = _losses_of(settings, done, "node").items()
    known = {
        (i // step, j // step): losses
        for (i, j), losses in nodes
        if i % step == 0 and j % step == 0
    }
    return (size if grids.dimensions == 2 else 1, size), known


def _barrier(found: _Surface, base_loss: float, marks: Sequence[NDArray]) -> tuple[float, float]:
    """Highest loss above the straight line between two checkpoints, and where."""
    between = (found.columns >= 0) & (found.columns <= 1) & np.isfinite(found.loss[0])
    if len(marks) != 1 or len(found.rows) > 1 or not between.any():
        return float("nan"), float("nan")
    a = found.columns[between]
    above = found.loss[0][between] - ((1 - a) * base_loss + a * mean(marks[0]))
    highest = int(np.argmax(above))
    return (float(above[highest]), float(a[highest])) if above[highest] > 0 else (0.0, 0.0)
