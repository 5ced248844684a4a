"""Exposure bias: a sampler feeds the network its own predictions, training fed it real images.

Two curves over the T' steps of a respaced process: the L2 norm of the raw predicted noise along
the ancestral chain from N(0, I), and on real images noised to the same step (Ning et al. 2023,
arXiv 2308.15321; paper Fig. 6). The distance between them is the bias. The paper's "gap" is not
defined there, so every plausible one is reported under its own name.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from flatdiff.config import require, require_seed
from flatdiff.measures.base import (
    Arrays,
    Item,
    Measure,
    chunks,
    mean,
    standard_error,
    stream_seed,
)

if TYPE_CHECKING:
    from flatdiff.subject import Subject

IMAGES_A_CHUNK = 16
_SAMPLING, _TRAINING = 0, 1


@dataclass(frozen=True, kw_only=True)
class ExposureSettings:
    """How many steps and how many images."""

    num_sampling_steps: int = 20  # T'
    num_images: int = 128  # in each of the two curves
    seed: int = 0

    def __post_init__(self) -> None:
        steps, images = self.num_sampling_steps, self.num_images
        fits = isinstance(steps, int) and 2 <= steps <= 4000
        require(fits, "num_sampling_steps", "an integer in [2, 4000]", steps)
        fits = isinstance(images, int) and 2 <= images <= 50_000
        require(fits, "num_images", "an integer in [2, 50000]", images)
        require_seed("seed", self.seed)


@dataclass(frozen=True)
class ExposureResult:
    """Curves over the respaced step i (T',); the sampler runs from the last entry to the first."""

    sampling: NDArray[np.float64]  # (T',), mean ||eps|| along the chain
    sampling_stderr: NDArray[np.float64]
    training: NDArray[np.float64]  # (T',), mean ||eps|| on noised real images
    training_stderr: NDArray[np.float64]
    gap: NDArray[np.float64]  # (T',), sampling - training
    gap_stderr: NDArray[np.float64]
    mean_gap: float  # mean of gap over the steps
    mean_gap_stderr: float  # over images: the steps of one chain are not independent
    summed_gap: float  # sum of gap over the steps
    mean_squared_gap: float  # mean over steps of E||eps||^2 sampling - training
    mean_squared_gap_stderr: float
    num_images: int  # done so far
    sqrt_dimension: float  # sqrt(C H W): a calibrated training curve stays below it


def _items(settings: ExposureSettings) -> Sequence[Item]:
    sizes = chunks(settings.num_images, IMAGES_A_CHUNK)
    return [("chunk", k, size) for k, size in enumerate(sizes)]


def _evaluate(subject: "Subject", settings: ExposureSettings, item: Item) -> Arrays:
    _, k, size = item
    steps = settings.num_sampling_steps
    return {
        "sampling": subject.sampling_eps_norms(
            size, steps, stream_seed(settings.seed, _SAMPLING, k)
        ),
        "training": subject.training_eps_norms(
            size, steps, stream_seed(settings.seed, _TRAINING, k)
        ),
        "dimension": np.array(np.prod(subject.card.flags.image_shape)),
    }


def _assemble(settings: ExposureSettings, done: Mapping[int, Arrays]) -> ExposureResult:
    steps = settings.num_sampling_steps
    empty = np.full((steps, 0), np.nan)
    ordered = [done[position] for position in sorted(done)]
    sampling, training = (
        np.concatenate([empty, *(arrays[name] for arrays in ordered)], axis=1)
        for name in ("sampling", "training")
    )
    curves = {"sampling": _curve(sampling), "training": _curve(training)}
    gap = curves["sampling"][0] - curves["training"][0]
    return ExposureResult(
        sampling=curves["sampling"][0],
        sampling_stderr=curves["sampling"][1],
        training=curves["training"][0],
        training_stderr=curves["training"][1],
        gap=gap,
        gap_stderr=np.hypot(curves["sampling"][1], curves["training"][1]),
        mean_gap=float(gap.mean()),
        mean_gap_stderr=_difference_stderr(sampling, training),
        summed_gap=float(gap.sum()),
        mean_squared_gap=mean(sampling**2) - mean(training**2),
        mean_squared_gap_stderr=_difference_stderr(sampling**2, training**2),
        num_images=sampling.shape[1],
        sqrt_dimension=float(np.sqrt(ordered[0]["dimension"])) if ordered else float("nan"),
    )


def _curve(norms: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Mean over images and its standard error, (T', images) to two of (T',)."""
    return (
        np.array([mean(row) for row in norms]),
        np.array([standard_error(row) for row in norms]),
    )


def _difference_stderr(sampling: NDArray[np.float64], training: NDArray[np.float64]) -> float:
    """Of the difference of the two grand means, images being independent."""
    if sampling.shape[1] < 2:
        return float("nan")
    return float(
        np.hypot(standard_error(sampling.mean(axis=0)), standard_error(training.mean(axis=0)))
    )


MEASURE = Measure(
    name="exposure",
    question="How far does the sampler drift from what the network saw in training?",
    version=1,
    settings_type=ExposureSettings,
    items=_items,
    evaluate=_evaluate,
    assemble=_assemble,
    image_forwards=lambda settings, item, _: 2 * item[2] * settings.num_sampling_steps,
)
