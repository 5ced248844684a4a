"""Samples nearby are drawn from the weights at a point of a loss surface, not at its centre.

The point is theta + a d1 + b d2 on the very directions of the surface, and every chain begins at
the x_T of the samples measure with its noises: what differs between two points or two checkpoints
is the weights' doing. At (0, 0) the images are the checkpoint's own.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from flatdiff.landscape.noise import Normalization
from flatdiff.measures.base import Item, Measure, chunks, not_diffusion, stream_seed
from flatdiff.measures.samples import IMAGES_A_CHUNK, SamplesSettings
from flatdiff.measures.surfaces.axes import axes_of
from flatdiff.measures.surfaces.settings import MAX_SPAN, Axes, SurfaceSettings
from flatdiff.settings import require, require_seed
from flatdiff.system.arrays import Arrays

if TYPE_CHECKING:  # a subject of a test answers what it is asked, and no more
    from flatdiff.landscape.measurable import Measurable, Vector

# A point of the surface that nobody has touched where flat and sharp draw differently.
EXAMPLE = (0.3, 0.2)


@dataclass(frozen=True, kw_only=True)
class NearbySettings:
    """Which plane, which point of it, how many images and how many steps.

    Between checkpoints the first one named is the end of the line; a second is needed where b is
    not 0. At the centre the plane does not matter, and is not part of the key.
    """

    axes: Axes = "random"
    normalization: Normalization = "filter"  # of random directions
    direction_seed: int = 0
    a: float = 0.0  # in units of the first axis; see `SurfaceSettings`
    b: float = 0.0
    num_images: int = 16
    num_sampling_steps: int = 50  # T'
    seed: int = 0  # of x_T and of every noise

    def __post_init__(self) -> None:
        for name in ("a", "b"):
            value = getattr(self, name)
            fits = isinstance(value, int | float) and abs(value) <= MAX_SPAN
            require(fits, name, f"a number in [-{MAX_SPAN:g}, {MAX_SPAN:g}]", value)
            object.__setattr__(self, name, float(value) + 0.0)  # -0 is 0
        require_seed("direction_seed", self.direction_seed)
        images, steps = self.num_images, self.num_sampling_steps
        SamplesSettings(num_images=images, num_sampling_steps=steps, seed=self.seed)
        self._spell_one_way()

    def _spell_one_way(self) -> None:
        """What changes nothing gets its default: equal numbers must have equal keys."""
        plane = self.plane  # refuses what is no plane
        if not self.moved:
            plane = SurfaceSettings()
        object.__setattr__(self, "axes", plane.axes)
        object.__setattr__(self, "normalization", plane.normalization)
        object.__setattr__(self, "direction_seed", plane.seed)

    @property
    def plane(self) -> SurfaceSettings:
        """The surface that the point belongs to."""
        return SurfaceSettings(
            axes=self.axes, normalization=self.normalization, seed=self.direction_seed
        )

    @property
    def moved(self) -> bool:
        """Whether it is another point than the centre."""
        return (self.a, self.b) != (0, 0)

    @property
    def num_ends(self) -> int:
        """Further checkpoints that the point depends on."""
        if self.axes != "checkpoints":
            return 0
        return 2 if self.b else 1


@dataclass(frozen=True)
class NearbyResult:
    """What the weights at one point draw; images not done yet are missing."""

    a: float
    b: float
    images: NDArray[np.uint8]  # (n, H, W, C)
    relative_distance: float  # from the checkpoint, as a share of ||theta||; NaN before any image


def _items(settings: NearbySettings) -> Sequence[Item]:
    sizes = chunks(settings.num_images, IMAGES_A_CHUNK)
    return [("nearby", k, size) for k, size in enumerate(sizes)]


def _terms(subject: "Measurable", settings: NearbySettings) -> "list[tuple[float, Vector]]":
    """Coefficients and directions; none at the centre."""
    if not settings.moved:
        return []
    pairs = zip((settings.a, settings.b), axes_of(subject, settings.plane), strict=True)
    return [(coefficient, direction) for coefficient, direction in pairs if coefficient]


def _evaluate(subject: "Measurable", settings: NearbySettings, item: Item) -> Arrays:
    _, k, size = item
    seed = stream_seed(settings.seed, k)
    with subject.at(*_terms(subject, settings)):
        distance = subject.relative_distance()
        images = subject.chains.sample(size, settings.num_sampling_steps, seed)
    return {"images": images, "relative_distance": np.array(distance)}


def _assemble(settings: NearbySettings, done: Mapping[int, Arrays]) -> NearbyResult:
    found = [arrays for _, arrays in sorted(done.items())]
    images = [arrays["images"] for arrays in found] or [np.zeros((0, 1, 1, 1), np.uint8)]
    distance = float(found[0]["relative_distance"]) if found else float("nan")
    return NearbyResult(settings.a, settings.b, np.concatenate(images), distance)


MEASURE = Measure(
    name="nearby",
    question="What do the weights at a point of a loss surface draw?",
    version=1,
    settings_type=NearbySettings,
    items=_items,
    evaluate=_evaluate,
    assemble=_assemble,
    unfit=not_diffusion,
    image_forwards=lambda settings, item, _: item[2] * settings.num_sampling_steps,
    prepare=_terms,
    min_partners=lambda settings: settings.num_ends,
)
