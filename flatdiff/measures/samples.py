"""Samples of one checkpoint at several bit widths, from the same noise: what rounding changes.

Each grid runs the same ancestral chain from the same x_T with the same noise at every step, so
that a difference between two images is the weights' alone (paper Fig. 2 and 4).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from flatdiff.landscape.quantization import SchemeOptions
from flatdiff.measures.base import Item, Measure, chunks, not_diffusion, stream_seed
from flatdiff.measures.quantization import reference_first
from flatdiff.measures.statistics import mean, standard_error
from flatdiff.settings import require, require_seed
from flatdiff.system.arrays import Arrays

if TYPE_CHECKING:  # a subject of a test answers what it is asked, and no more
    from flatdiff.landscape.measurable import Measurable

IMAGES_A_CHUNK = 8
EXAMPLE_BITS = 4  # where rounding of the bundled networks is seen


@dataclass(frozen=True, kw_only=True)
class SamplesSettings(SchemeOptions):
    """How many images, how many steps, which bit widths and how they round."""

    num_images: int = 16
    num_sampling_steps: int = 50  # T'
    bits: tuple[int, ...] = (32, 8)
    seed: int = 0
    # Labels of a class-conditional network, each for an equal share of the images, in this order;
    # empty: random ones.
    classes: tuple[int, ...] = field(default=(), metadata={"later": True})

    def __post_init__(self) -> None:
        super().__post_init__()
        object.__setattr__(self, "bits", reference_first(self.bits))
        object.__setattr__(self, "classes", tuple(self.classes))
        whole = all(isinstance(label, int) and label >= 0 for label in self.classes)
        require(whole, "classes", "integers of at least 0", self.classes)
        images, steps = self.num_images, self.num_sampling_steps
        fits = isinstance(images, int) and 1 <= images <= 10_000
        require(fits, "num_images", "an integer in [1, 10000]", images)
        fits = isinstance(steps, int) and 2 <= steps <= 4000
        require(fits, "num_sampling_steps", "an integer in [2, 4000]", steps)
        require_seed("seed", self.seed)

    def labels(self, images: range) -> tuple[int, ...]:
        """Of some of the images, by their places; () where classes are random.

        >>> SamplesSettings(num_images=6, classes=(3, 5)).labels(range(1, 5))
        (3, 3, 5, 5)
        """
        shares = [i * len(self.classes) // self.num_images for i in images]
        return tuple(self.classes[share] for share in shares) if self.classes else ()


@dataclass(frozen=True)
class SamplesResult:
    """Grids by bit width; images that are not done yet are missing from every grid."""

    bits: tuple[int, ...]
    images: NDArray[np.uint8]  # (len(bits), n, H, W, C)
    pixel_change: NDArray[np.float64]  # (len(bits),), mean |difference| from the first, of 255
    pixel_change_stderr: NDArray[np.float64]  # (len(bits),), over images


def _items(settings: SamplesSettings) -> Sequence[Item]:
    sizes = chunks(settings.num_images, IMAGES_A_CHUNK)
    return [("chunk", k, size, bits) for k, size in enumerate(sizes) for bits in settings.bits]


def _evaluate(subject: "Measurable", settings: SamplesSettings, item: Item) -> Arrays:
    _, k, size, bits = item
    seed = stream_seed(settings.seed, k)
    with subject.quantized(settings.at(bits)):
        labels = settings.labels(range(k * IMAGES_A_CHUNK, k * IMAGES_A_CHUNK + size))
        return {"images": subject.chains.sample(size, settings.num_sampling_steps, seed, labels)}


def _assemble(settings: SamplesSettings, done: Mapping[int, Arrays]) -> SamplesResult:
    by_bits: dict[int, dict[int, NDArray[np.uint8]]] = {bits: {} for bits in settings.bits}
    for position, (_, k, _, bits) in enumerate(_items(settings)):
        if position in done:
            by_bits[bits][k] = done[position]["images"]
    whole = sorted(set.intersection(*(set(found) for found in by_bits.values())))
    if not whole:
        nothing = np.full(len(settings.bits), np.nan)
        empty = np.zeros((len(settings.bits), 0, 1, 1, 1), np.uint8)
        return SamplesResult(settings.bits, empty, nothing, nothing)
    grids = [np.concatenate([by_bits[bits][k] for k in whole]) for bits in settings.bits]
    changes = [pixel_changes(grid, grids[0]) for grid in grids]
    return SamplesResult(
        bits=settings.bits,
        images=np.stack(grids),
        pixel_change=np.array([mean(change) for change in changes]),
        pixel_change_stderr=np.array([standard_error(change) for change in changes]),
    )


def pixel_changes(images: NDArray[np.uint8], base: NDArray[np.uint8]) -> NDArray[np.float64]:
    """Mean |difference| of each image's pixels, of 255; two of (n, H, W, C) to (n,)."""
    return np.abs(images.astype(np.float64) - base).mean(axis=(1, 2, 3))


MEASURE = Measure(
    name="samples",
    question="What does it draw, and what do rounded weights draw from the same noise?",
    version=1,
    settings_type=SamplesSettings,
    items=_items,
    evaluate=_evaluate,
    assemble=_assemble,
    unfit=not_diffusion,
    image_forwards=lambda settings, item, _: item[2] * settings.num_sampling_steps,
)
