"""An atlas holds what the weights draw at every point of a coarse grid over a loss surface.

The points are theta + a d1 [+ b d2] on the very directions of the surface, the checkpoint itself
among them. At each the same few chains run, from the same x_T with the same noises, so that two
points differ by their weights alone: what is drawn at one is what `nearby` draws there, bit for
bit, and at the centre what `samples` draws.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray

from flatdiff.landscape.noise import Normalization
from flatdiff.measures.base import Item, Measure, not_diffusion
from flatdiff.measures.samples import IMAGES_A_CHUNK, pixel_changes
from flatdiff.measures.statistics import mean, standard_error
from flatdiff.measures.surfaces.axes import axes_of
from flatdiff.measures.surfaces.nearby import MEASURE as NEARBY
from flatdiff.measures.surfaces.nearby import NearbySettings
from flatdiff.measures.surfaces.settings import Axes, SurfaceSettings, cells_coarse_first
from flatdiff.settings import require, require_seed
from flatdiff.system.arrays import Arrays

if TYPE_CHECKING:  # a subject of a test answers what it is asked, and no more
    from flatdiff.landscape.measurable import Measurable

MAX_RESOLUTION = 31
# Points along an axis by which the checkpoint is one: in the middle, or, between checkpoints, a
# sixth of the way from -0.25 to 1.25, where the other checkpoint is one, too.
MIDDLE = tuple(range(3, MAX_RESOLUTION + 1, 2))
SIXTHS = tuple(range(7, MAX_RESOLUTION + 1, 6))
RESOLUTIONS: dict[Axes, tuple[int, ...]] = {
    "random": MIDDLE,
    "checkpoints": SIXTHS,
    "eigenvectors": MIDDLE,
}
USUAL = {
    **{(axes, 1): 17 for axes in RESOLUTIONS},
    **{(axes, 2): 9 for axes in RESOLUTIONS},
    ("checkpoints", 1): 13,
    ("checkpoints", 2): 7,
}  # by axes and dimensions


@dataclass(frozen=True, kw_only=True)
class AtlasSettings:
    """Which plane or line, how finely, how many images and how many steps.

    Axes, dimensions, span, normalization and direction_seed are those of the surface that the
    atlas belongs to; see `SurfaceSettings`.
    """

    axes: Axes = "random"
    dimensions: Literal[1, 2] = 2
    span: float = 1.0
    normalization: Normalization = "filter"  # of random directions
    direction_seed: int = 0
    # Points along an axis, odd; between checkpoints 7, 13, 19, 25 or 31. None: 9 in the plane and
    # 17 along a line; between checkpoints 7 and 13.
    resolution: int | None = None
    num_images: int = 4  # at each point
    num_sampling_steps: int = 20  # T'
    seed: int = 0  # of x_T and of every noise

    def __post_init__(self) -> None:
        require_seed("direction_seed", self.direction_seed)
        plane = self.plane  # refuses what is no plane
        known = RESOLUTIONS[self.axes]
        expected = f"one of {', '.join(map(str, known))}"
        require(self.resolution in (None, *known), "resolution", expected, self.resolution)
        fits = isinstance(self.num_images, int) and 1 <= self.num_images <= IMAGES_A_CHUNK
        require(fits, "num_images", f"an integer in [1, {IMAGES_A_CHUNK}]", self.num_images)
        self.at(0, 0)  # refuses steps and seeds that no chain takes
        self._spell_one_way(plane)

    def _spell_one_way(self, plane: SurfaceSettings) -> None:
        """Settings that change nothing get their default: equal numbers must have equal keys."""
        object.__setattr__(self, "span", float(plane.span))
        object.__setattr__(self, "normalization", plane.normalization)
        object.__setattr__(self, "direction_seed", plane.seed)
        if self.resolution == USUAL[self.axes, self.dimensions]:
            object.__setattr__(self, "resolution", None)

    @property
    def plane(self) -> SurfaceSettings:
        """The surface that the points belong to."""
        return SurfaceSettings(
            axes=self.axes,
            dimensions=self.dimensions,
            span=self.span,
            normalization=self.normalization,
            seed=self.direction_seed,
        )

    @property
    def a(self) -> NDArray[np.float64]:
        """Of each column, (columns,)."""
        return self.plane.axis(self.resolution or USUAL[self.axes, self.dimensions])

    @property
    def b(self) -> NDArray[np.float64]:
        """Of each row, (rows,); a single 0 where there is one dimension."""
        return self.a if self.dimensions == 2 else np.zeros(1)

    @property
    def centre(self) -> tuple[int, int]:
        """Row and column of the checkpoint itself."""
        row, column = (int(np.flatnonzero(axis == 0)[0]) for axis in (self.b, self.a))
        return row, column

    @property
    def path(self) -> range:
        """Columns from the checkpoint to the end of the first axis: the other checkpoint, if any.

        >>> AtlasSettings(resolution=5).path
        range(2, 5)
        >>> AtlasSettings(axes="checkpoints", resolution=7).path
        range(1, 6)
        """
        return self.columns_of(self.a)

    def columns_of(self, a: NDArray[np.float64]) -> range:
        """The path's columns on an axis of these settings, however fine it is."""
        end = 1.0 if self.axes == "checkpoints" else self.span
        return range(int(np.flatnonzero(a == 0)[0]), int(np.flatnonzero(a <= end)[-1]) + 1)

    def at(self, row: int, column: int) -> NearbySettings:
        """What is drawn at a point."""
        return NearbySettings(
            axes=self.axes,
            normalization=self.normalization,
            direction_seed=self.direction_seed,
            a=float(self.a[column]),
            b=float(self.b[row]),
            num_images=self.num_images,
            num_sampling_steps=self.num_sampling_steps,
            seed=self.seed,
        )


@dataclass(frozen=True)
class AtlasResult:
    """Rows run along b, columns along a; points that are not drawn yet are marked."""

    a: NDArray[np.float64]  # (columns,)
    b: NDArray[np.float64]  # (rows,); a single 0 where there is one dimension
    # (rows, columns, n, H, W, C); black where nothing is drawn yet
    point_images: NDArray[np.uint8] = field(metadata={"json": False})
    computed: NDArray[np.bool_]  # (rows, columns), whether a point is drawn
    relative_distance: NDArray[np.float64]  # (rows, columns), from the checkpoint, of ||theta||
    pixel_change: NDArray[np.float64]  # (rows, columns), mean |difference| from the images of the
    # checkpoint itself, of 255; NaN until both are drawn
    pixel_change_stderr: NDArray[np.float64]  # (rows, columns), over images


def _items(settings: AtlasSettings) -> Sequence[Item]:
    """From coarse to fine, as a surface."""
    shape = (len(settings.b), len(settings.a))
    return [("place", i, j) for _, i, j in cells_coarse_first(shape)]


def _evaluate(subject: "Measurable", settings: AtlasSettings, item: Item) -> Arrays:
    _, row, column = item
    return NEARBY.evaluate(subject, settings.at(row, column), ("nearby", 0, settings.num_images))


def _assemble(settings: AtlasSettings, done: Mapping[int, Arrays]) -> AtlasResult:
    items = _items(settings)
    places = {items[k][1:]: arrays for k, arrays in done.items()}
    shape = (len(settings.b), len(settings.a))
    one = next((arrays["images"].shape for arrays in places.values()), (0, 1, 1, 1))
    images, computed = np.zeros((*shape, *one), np.uint8), np.zeros(shape, dtype=bool)
    distance, change, error = (np.full(shape, np.nan) for _ in range(3))
    centre = places.get(settings.centre)
    for place, arrays in places.items():
        images[place], computed[place] = arrays["images"], True
        distance[place] = arrays["relative_distance"]
        if centre is not None:
            changes = pixel_changes(arrays["images"], centre["images"])
            change[place], error[place] = mean(changes), standard_error(changes)
    return AtlasResult(settings.a, settings.b, images, computed, distance, change, error)


MEASURE = Measure(
    name="atlas",
    question="What do the weights at every point of a loss surface draw?",
    version=1,
    settings_type=AtlasSettings,
    items=_items,
    evaluate=_evaluate,
    assemble=_assemble,
    unfit=not_diffusion,
    image_forwards=lambda settings, *_: settings.num_images * settings.num_sampling_steps,
    prepare=lambda subject, settings: axes_of(subject, settings.plane),
    min_partners=lambda settings: settings.plane.num_marks,
)
