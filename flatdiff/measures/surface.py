"""A loss surface is the loss along one or two random directions through a checkpoint's weights.

L(theta + a d1 [+ b d2]) for a, b in [-span, span] on the frozen panel (Li et al. 2018,
arXiv 1712.09913; paper Fig. 1). With filter normalisation a = 1 moves every filter by its own
norm. A cell whose loss is not finite stays so; a cell not computed yet is marked, never given a
number.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray

from flatdiff.config import NORMALIZATIONS, Normalization, require, require_finite, require_seed
from flatdiff.measures.base import Arrays, Item, Measure, mean, standard_error

if TYPE_CHECKING:
    from flatdiff.subject import Subject

MAX_CELLS = 256 * 256
MAX_SPAN = 1e6  # far beyond any weights, far below what float32 can hold
NUM_FLOOR_PANELS = 8  # panel draws behind the noise floor


@dataclass(frozen=True, kw_only=True)
class SurfaceSettings:
    """Which plane, how far and how fine."""

    dimensions: Literal[1, 2] = 2
    resolution: int = 25  # cells along a
    resolution_b: int | None = None  # cells along b; None = as many as along a
    span: float = 1.0  # a and b run over [-span, span]
    normalization: Normalization = "filter"
    seed: int = 0  # of the directions

    def __post_init__(self) -> None:
        # One spelling of one setting: equal numbers must have equal keys.
        object.__setattr__(self, "span", float(self.span))
        if self.dimensions == 1 or self.resolution_b == self.resolution:
            object.__setattr__(self, "resolution_b", None)
        require(self.dimensions in (1, 2), "dimensions", "1 or 2", self.dimensions)
        for name in ("resolution", "resolution_b"):
            value = getattr(self, name)
            if value is not None:
                whole = isinstance(value, int) and 2 <= value <= 1025
                require(whole, name, "an integer in [2, 1025]", value)
        cells = self.shape[0] * self.shape[1]
        require(cells <= MAX_CELLS, "resolution", f"at most {MAX_CELLS} cells in all", cells)
        require_finite("span", self.span, above=0)
        require(self.span <= MAX_SPAN, "span", f"at most {MAX_SPAN:g}", self.span)
        known = NORMALIZATIONS
        require(
            self.normalization in known, "normalization", " or ".join(known), self.normalization
        )
        require_seed("seed", self.seed)

    @property
    def shape(self) -> tuple[int, int]:
        """(cells along b, cells along a); one row where there is one dimension."""
        if self.dimensions == 1:
            return (1, self.resolution)
        return (self.resolution_b or self.resolution, self.resolution)


@dataclass(frozen=True)
class SurfaceResult:
    """Losses are means over the panel; rows run along b, columns along a."""

    a: NDArray[np.float64]  # (columns,)
    b: NDArray[np.float64]  # (rows,); a single 0 where there is one dimension
    loss: NDArray[np.float64]  # (rows, columns); NaN where not computed or not a number
    stderr: NDArray[np.float64]  # (rows, columns), of the loss over panel members
    rise_stderr: NDArray[np.float64]  # (rows, columns), of loss - base_loss, paired by member
    computed: NDArray[np.bool_]  # (rows, columns)
    base_loss: float  # at the checkpoint itself
    base_stderr: float
    base_vb: float  # variational bound there, bits/dim; NaN without learned variance
    noise_floor: float  # SD of base_loss over panel draws
    nonfinite_fraction: float  # of the computed cells
    axes_cosine: float  # between the two directions
    relative_step: float  # ||d1|| / ||theta||: what a = 1 is on the perturbation-norm scale


def grid(resolution: int, span: float) -> NDArray[np.float64]:
    """Evenly spaced over [-span, span], symmetric to the bit, exactly 0 in an odd middle.

    >>> grid(3, 0.5).tolist()
    [-0.5, 0.0, 0.5]
    """
    return span * (2 * np.arange(resolution) - (resolution - 1)) / (resolution - 1)


def _items(settings: SurfaceSettings) -> Sequence[Item]:
    """The checkpoint itself, then cells from coarse to fine, then the noise floor."""
    rows, columns = settings.shape
    stride = 1
    while stride * 4 < max(rows, columns):
        stride *= 2
    cells: dict[Item, None] = {}  # a set that keeps its order
    while stride:
        for i in range(0, rows, stride):
            cells.update({("cell", i, j): None for j in range(0, columns, stride)})
        stride //= 2
    return [("base",), *cells, *(("floor", k) for k in range(1, NUM_FLOOR_PANELS + 1))]


def _evaluate(subject: "Subject", settings: SurfaceSettings, item: Item) -> Arrays:
    match item:
        case ("base",):
            return _base(subject, settings)
        case ("floor", int(k)):
            return {"losses": subject.losses_of_panel(subject.panel.seed + k)}
        case ("cell", int(i), int(j)):
            rows, columns = settings.shape
            a, b = grid(columns, settings.span)[j], 0.0
            if settings.dimensions == 1:
                terms = [(float(a), subject.direction(settings.seed, 0, settings.normalization))]
            else:
                b = grid(rows, settings.span)[i]
                first, second = subject.plane(settings.seed, settings.normalization)
                terms = [(float(a), first), (float(b), second)]
            with subject.at(*terms):
                return {"losses": subject.losses()}
    raise AssertionError(f"unknown item {item}")


def _base(subject: "Subject", settings: SurfaceSettings) -> Arrays:
    first, second = subject.plane(settings.seed, settings.normalization)
    norms = float(first.double().norm() * second.double().norm())
    bounds = subject.variational_bounds()
    return {
        "losses": subject.losses(),
        "vb": np.array([]) if bounds is None else bounds,
        "axes_cosine": np.array(float(first.double() @ second.double()) / norms if norms else 0.0),
        "relative_step": np.array(subject.relative_norm(first)),
    }


def _assemble(settings: SurfaceSettings, done: Mapping[int, Arrays]) -> SurfaceResult:
    rows, columns = settings.shape
    loss, stderr, rise_stderr = (np.full((rows, columns), np.nan) for _ in range(3))
    computed = np.zeros((rows, columns), dtype=bool)
    base = done.get(0, {"losses": np.array([]), "vb": np.array([])})
    floor = []
    for position, item in enumerate(_items(settings)):
        if position not in done or item == ("base",):
            continue
        losses = done[position]["losses"]
        if item[0] == "floor":
            floor.append(mean(losses))
            continue
        cell = (item[1], item[2])
        computed[cell] = True
        loss[cell], stderr[cell] = mean(losses), standard_error(losses)
        if len(base["losses"]):
            rise_stderr[cell] = standard_error(losses - base["losses"])
    finite = np.isfinite(loss[computed])
    return SurfaceResult(
        a=grid(columns, settings.span),
        b=grid(rows, settings.span) if rows > 1 else np.zeros(1),
        loss=np.where(np.isfinite(loss), loss, np.nan),
        stderr=stderr,
        rise_stderr=rise_stderr,
        computed=computed,
        base_loss=mean(base["losses"]),
        base_stderr=standard_error(base["losses"]),
        base_vb=mean(base["vb"]),
        noise_floor=standard_error(np.array(floor)) * len(floor) ** 0.5,
        nonfinite_fraction=float(1 - finite.mean()) if finite.size else 0.0,
        axes_cosine=float(base.get("axes_cosine", np.nan)),
        relative_step=float(base.get("relative_step", np.nan)),
    )


MEASURE = Measure(
    name="surface",
    question="How does the loss rise along random directions through the weights?",
    version=1,
    settings_type=SurfaceSettings,
    items=_items,
    evaluate=_evaluate,
    assemble=_assemble,
    image_forwards=lambda settings, item, panel_size: panel_size * (2 if item[0] == "base" else 1),
)
