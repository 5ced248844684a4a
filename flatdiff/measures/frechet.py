"""Sample quality: how far generated images are from real ones, at several bit widths.

Every width draws from the same noise, and so does every checkpoint, so that differences between
them are the weights'. A feature network says what is on an image; see `flatdiff/frechet.py` for
the distances, their errors and their bias. With Inception's features the Frechet distance is FID;
with any other it is a proxy, and never called so.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, get_args

import numpy as np
from numpy.typing import NDArray

from flatdiff.checkpoints.card import Card
from flatdiff.images.datasets import DATASETS, FeatureName, Split
from flatdiff.images.frechet import (
    NUM_NEIGHBORS,
    Estimate,
    Gaussian,
    frechet_estimate,
    kernel_estimate,
    precision_recall,
)
from flatdiff.landscape.quantization import SchemeOptions
from flatdiff.measures.base import Item, Measure, chunks, complete, not_diffusion, stream_seed
from flatdiff.measures.quantization import reference_first
from flatdiff.measures.statistics import mean, standard_error
from flatdiff.settings import require, require_one_of, require_seed
from flatdiff.system.arrays import Arrays

if TYPE_CHECKING:  # a subject of a test answers what it is asked, and no more
    from flatdiff.landscape.measurable import Measurable

LABELS: dict[FeatureName, str] = {
    "digits": "proxy Fréchet distance (digits features)",
    "inception": "FID (clean-fid, mode clean)",
}
IMAGES_A_CHUNK = 64
# Where every image is compared with every other: at most so many of either kind, and of real ones
# no fewer than these where there are as many; their features lie in the store with the result.
COMPARED_IMAGES, LEAST_REAL_IMAGES = 10_000, 2048


@dataclass(frozen=True, kw_only=True)
class FrechetSettings(SchemeOptions):
    """Seen by which network, how many images, which bit widths and how they round."""

    features: FeatureName = "digits"  # of the network that looks at the images
    num_images: int = 1024  # generated at each width
    num_sampling_steps: int = 20  # T'
    bits: tuple[int, ...] = (32, 8)  # a weight; 32 are always compared with
    reference_split: Split = "train"  # real images to compare with: all of it
    seed: int = 0  # of x_T and of every noise

    def __post_init__(self) -> None:
        super().__post_init__()
        object.__setattr__(self, "bits", reference_first(self.bits))
        require_one_of("features", self.features, tuple(LABELS))
        images, steps = self.num_images, self.num_sampling_steps
        fits = isinstance(images, int) and 2 <= images <= 50_000
        require(fits, "num_images", "an integer in [2, 50000]", images)
        fits = isinstance(steps, int) and 2 <= steps <= 4000
        require(fits, "num_sampling_steps", "an integer in [2, 4000]", steps)
        require_one_of("reference_split", self.reference_split, get_args(Split))
        require_seed("seed", self.seed)


def usual_features(cards: Sequence[Card]) -> FeatureName:
    """What looks at their images unless somebody asks for another; Inception where they differ."""
    known = [DATASETS.get(card.dataset) for card in cards]
    usual: set[FeatureName] = {each.features if each else "inception" for each in known}
    return usual.pop() if len(usual) == 1 else "inception"


# Of the result, one number a bit width.
COLUMNS = (
    *("frechet", "frechet_stderr", "rise", "rise_stderr"),
    *("kernel", "kernel_stderr", "precision", "precision_stderr", "recall", "recall_stderr"),
)


@dataclass(frozen=True)
class FrechetResult:
    """One entry a bit width, NaN until every image is there.

    Errors are over generated images, with the real ones held fixed; that of the kernel distance
    covers the draw of real ones, too, where not all of them are compared. The error of recall is
    over real images, as recall is the share of them that the generated ones reach.
    """

    bits: tuple[int, ...]
    label: str  # what the Frechet distance may be called
    features_digest: str  # SHA-256 of the feature network's weights; "" before it was used
    num_images: int  # generated, so far, at every width
    num_reference: int  # real
    frechet: NDArray[np.float64]
    frechet_stderr: NDArray[np.float64]
    rise: NDArray[np.float64]  # of the Frechet distance over that at 32 bits
    rise_stderr: NDArray[np.float64]  # paired by noise
    kernel: NDArray[np.float64]  # KID where the features are Inception's
    kernel_stderr: NDArray[np.float64]
    precision: NDArray[np.float64]
    precision_stderr: NDArray[np.float64]
    recall: NDArray[np.float64]
    recall_stderr: NDArray[np.float64]  # over real images
    # (bits, images): what each image has to do with frechet, for paired comparisons.
    influences: NDArray[np.float64] = field(metadata={"json": False})


def _items(settings: FrechetSettings) -> Sequence[Item]:
    sizes = chunks(settings.num_images, IMAGES_A_CHUNK)
    generated = [("generated", k, n, bits) for k, n in enumerate(sizes) for bits in settings.bits]
    return [("reference",), *generated]


def _evaluate(subject: "Measurable", settings: FrechetSettings, item: Item) -> Arrays:
    match item:
        case ("generated", k, size, bits):
            seed = stream_seed(settings.seed, k)
            with subject.quantized(settings.at(bits)):
                images = subject.chains.sample(size, settings.num_sampling_steps, seed)
            return {"features": subject.features(settings.features)(images)}
    found = subject.reference_statistics(settings.features, settings.reference_split)
    return {
        "mu": found.gaussian.mu,
        "root": found.gaussian.root,
        "features": found.features[: _num_compared(settings)],
        "num_images": np.array(found.num_images),
        "digest": np.array(subject.features(settings.features).digest),
    }


def _assemble(settings: FrechetSettings, done: Mapping[int, Arrays]) -> FrechetResult:
    reference, clouds = done.get(0), _clouds(settings, done)
    rows = [dict.fromkeys(COLUMNS, float("nan")) for _ in clouds]
    influences = np.zeros((len(clouds), 0))
    # Seconds of computing: not at every step of the way, in the process that draws the pages.
    if reference is not None and complete(range(len(_items(settings))), done):
        fitted = Gaussian(reference["mu"], reference["root"])
        estimates = [frechet_estimate(cloud, fitted) for cloud in clouds]
        influences = np.stack([estimate.influence for estimate in estimates])
        for row, cloud, estimate in zip(rows, clouds, estimates, strict=True):
            row |= _distances(estimate, estimates[0])
            real = reference["features"]
            unseen = 1 - len(real) / int(reference["num_images"])
            row |= _comparisons(cloud[:COMPARED_IMAGES], real, unseen)
    return FrechetResult(
        bits=settings.bits,
        label=LABELS[settings.features],
        features_digest=str(reference["digest"]) if reference else "",
        num_images=len(clouds[0]),
        num_reference=int(reference["num_images"]) if reference else 0,
        **{name: np.array([row[name] for row in rows]) for name in COLUMNS},
        influences=influences,
    )


def _clouds(settings: FrechetSettings, done: Mapping[int, Arrays]) -> list[NDArray[np.float32]]:
    """Features of the images that every width has, (n, d) a width."""
    widths = len(settings.bits)
    firsts = range(1, len(_items(settings)), widths)  # of each chunk
    whole = [first for first in firsts if all(first + width in done for width in range(widths))]
    if not whole:
        return [np.empty((0, 0), np.float32)] * widths
    return [
        np.concatenate([done[first + width]["features"] for first in whole])
        for width in range(widths)
    ]


def _distances(estimate: Estimate, first: Estimate) -> dict[str, float]:
    """The Frechet distance, and its rise over the first one."""
    return {
        "frechet": estimate.value,
        "frechet_stderr": standard_error(estimate.influence),
        "rise": estimate.value - first.value,
        "rise_stderr": standard_error(estimate.influence - first.influence),
    }


def _comparisons(
    cloud: NDArray[np.float32], real: NDArray[np.float32], unseen: float
) -> dict[str, float]:
    """What compares image with image; the last two where there are enough to be neighbours.

    Args:
        cloud: features of generated images.
        real: features of real ones.
        unseen: share of the real images that are not among them, in [0, 1): a draw without
            replacement errs by the square root of it (finite population correction).
    """
    kernel = kernel_estimate(cloud, real)
    drawn = unseen**0.5 * standard_error(kernel.of_reference)
    error = math.hypot(standard_error(kernel.influence), drawn)
    found = {"kernel": kernel.value, "kernel_stderr": error}
    if min(len(cloud), len(real)) > NUM_NEIGHBORS:
        answers = zip(("precision", "recall"), precision_recall(cloud, real), strict=True)
        for name, inside in answers:
            found |= {name: mean(inside), f"{name}_stderr": standard_error(inside)}
    return found


def _num_compared(settings: FrechetSettings) -> int:
    return min(max(settings.num_images, LEAST_REAL_IMAGES), COMPARED_IMAGES)


def _image_forwards(settings: FrechetSettings, item: Item, _panel_size: int) -> int:
    """The feature network is another one; the reference counts as one image of this one."""
    return item[2] * settings.num_sampling_steps if item[0] == "generated" else 1


MEASURE = Measure(
    name="frechet",
    question="How far are its samples from real images, and those of rounded weights?",
    version=2,  # also raised when the digits network is trained anew
    settings_type=FrechetSettings,
    items=_items,
    evaluate=_evaluate,
    assemble=_assemble,
    unfit=not_diffusion,
    image_forwards=_image_forwards,
)
