"""Exposure bias: a sampler feeds the network its own predictions, training fed it real images.

Two curves over the T' steps of a respaced process: the L2 norm of the raw predicted noise along
the ancestral chain from N(0, I), and on real images noised to the same step (Ning et al. 2023,
arXiv 2308.15321; paper Fig. 6). The distance between them is the bias. The paper's "gap" is not
defined there, so every plausible one is reported under its own name.

The sharper metric of the same authors is the variance error of a chain that starts from a real
image noised to the last step (their Sec. 3.4):

    delta_i = (s_i - sqrt(1 - alphas_cumprod[i]))^2
    s_i^2 = E (x_i - sqrt(alphas_cumprod[i]) x_start)^2, over pixels and images

so that q(x_i | x_start) has delta 0. Their public code takes a standard deviation for each pixel
over 50,000 images and averages those: the same where all pixels err alike, as their model of the
error assumes, and smaller where they do not. A chain forgets the image it began with, so delta
grows towards step 0 even for a perfect network.

The network was trained on training images, so the training curve is taken on them. Real images
have grey levels, samples have none: where the noise is finer than the levels, the network sees
which of the two it looks at, and the gap of that step is about grey levels, not about exposure
bias. Such steps are left out of the means over steps, or the levels are blurred (`dequantize`).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, get_args

import numpy as np
from numpy.typing import NDArray

from flatdiff.images.datasets import Split
from flatdiff.landscape.quantization import FULL_PRECISION_BITS, SchemeOptions, require_bits
from flatdiff.measures.base import Item, Measure, chunks, not_diffusion, stream_seed
from flatdiff.measures.statistics import mean, mean_and_error, standard_error
from flatdiff.settings import require, require_finite, require_one_of, require_seed
from flatdiff.system.arrays import Arrays

if TYPE_CHECKING:  # a subject of a test answers what it is asked, and no more
    from flatdiff.landscape.measurable import Measurable

IMAGES_A_CHUNK = 16
MAX_EPS_SCALE = 10.0
# Of the distance between grey levels: with noise of this sigma the ripples in their density are
# 2 exp(-2 pi^2 COARSE^2), 1.4 %; with half of it 58 %.
COARSE = 0.5
_SAMPLING, _TRAINING, _CHAIN = 0, 1, 2


@dataclass(frozen=True, kw_only=True)
class ExposureSettings(SchemeOptions):
    """How many steps and images, how the sampler scales, and how the weights are rounded."""

    num_sampling_steps: int = 20  # T'
    num_images: int = 128  # in each curve
    eps_scale: float = 1.0  # lambda of epsilon scaling: the sampler divides eps by it; 1 = off
    delta: bool = True  # also the variance error: half as many network calls again
    bits: int = FULL_PRECISION_BITS  # of the weights
    reference_split: Split = "train"  # real images of the training curve, and where chains begin
    dequantize: bool = False  # real images with noise as wide as one grey level
    seed: int = 0

    def __post_init__(self) -> None:
        super().__post_init__()
        object.__setattr__(self, "eps_scale", float(self.eps_scale))
        steps, images = self.num_sampling_steps, self.num_images
        fits = isinstance(steps, int) and 2 <= steps <= 4000
        require(fits, "num_sampling_steps", "an integer in [2, 4000]", steps)
        fits = isinstance(images, int) and 2 <= images <= 50_000
        require(fits, "num_images", "an integer in [2, 50000]", images)
        require_finite("eps_scale", self.eps_scale, above=0)
        bound = f"at most {MAX_EPS_SCALE:g}"
        require(self.eps_scale <= MAX_EPS_SCALE, "eps_scale", bound, self.eps_scale)
        require(isinstance(self.delta, bool), "delta", "true or false", self.delta)
        require_one_of("reference_split", self.reference_split, get_args(Split))
        blurred = self.dequantize
        require(isinstance(blurred, bool), "dequantize", "true or false", blurred)
        require_bits(self.bits)
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
    coarse: NDArray[np.bool_]  # (T',), steps whose noise is finer than half a grey level
    mean_gap: float  # mean of gap over the steps that are not coarse
    mean_gap_stderr: float  # over images: the steps of one chain are not independent
    summed_gap: float  # sum of gap over all steps
    summed_gap_stderr: float
    mean_squared_gap: float  # mean over the same steps of E||eps||^2 sampling - training
    mean_squared_gap_stderr: float
    forward_std: NDArray[np.float64]  # (T',), sqrt(1 - alphas_cumprod), that of q(x_i | x_start)
    chain_std: NDArray[np.float64]  # (T',), s_i above; NaN where delta is off
    chain_std_stderr: NDArray[np.float64]  # over images
    delta: NDArray[np.float64]  # (T',), (chain_std - forward_std)^2; the chain starts at the last
    delta_stderr: NDArray[np.float64]  # to first order; delta itself has a bias of its square
    num_images: int  # done so far
    sqrt_dimension: float  # sqrt(C H W): a calibrated training curve stays below it
    # (2, 2, images): means over the steps that are not coarse of ||eps|| and of its square, each
    # while sampling and in training, for paired comparisons.
    by_image: NDArray[np.float64] = field(metadata={"json": False})


def _items(settings: ExposureSettings) -> Sequence[Item]:
    sizes = chunks(settings.num_images, IMAGES_A_CHUNK)
    return [("chunk", k, size) for k, size in enumerate(sizes)]


def _evaluate(subject: "Measurable", settings: ExposureSettings, item: Item) -> Arrays:
    _, k, size = item
    chains, blurred = subject.chains_on(settings.reference_split), settings.dequantize
    steps, scale = settings.num_sampling_steps, settings.eps_scale
    seeds = [stream_seed(settings.seed, curve, k) for curve in (_SAMPLING, _TRAINING, _CHAIN)]
    with subject.quantized(settings.at(settings.bits)):
        arrays = {
            "sampling": chains.sampling_eps_norms(size, steps, seeds[_SAMPLING], scale),
            "training": chains.training_eps_norms(
                size, steps, seeds[_TRAINING], dequantize=blurred
            ),
        }
        if settings.delta:
            arrays["errors"] = chains.errors(size, steps, seeds[_CHAIN], scale, dequantize=blurred)
    return {
        **arrays,
        "forward_std": chains.forward_std(steps),
        "grey_step": np.array(0.0 if blurred else chains.grey_step),
        "dimension": np.array(np.prod(subject.card.flags.image_shape)),
    }


def _assemble(settings: ExposureSettings, done: Mapping[int, Arrays]) -> ExposureResult:
    steps = settings.num_sampling_steps
    ordered = [done[position] for position in sorted(done)]
    sampling, training, errors = (
        _columns(ordered, name, steps) for name in ("sampling", "training", "errors")
    )
    curves = {"sampling": mean_and_error(sampling.T), "training": mean_and_error(training.T)}
    gap = curves["sampling"][0] - curves["training"][0]
    forward_std = ordered[0]["forward_std"] if ordered else np.full(steps, np.nan)
    coarse = forward_std < COARSE * (ordered[0]["grey_step"] if ordered else 0.0)
    shown, real = sampling[~coarse], training[~coarse]
    return ExposureResult(
        sampling=curves["sampling"][0],
        sampling_stderr=curves["sampling"][1],
        training=curves["training"][0],
        training_stderr=curves["training"][1],
        gap=gap,
        gap_stderr=np.hypot(curves["sampling"][1], curves["training"][1]),
        coarse=coarse,
        mean_gap=mean(gap[~coarse]),
        mean_gap_stderr=_difference_stderr(shown, real),
        summed_gap=float(gap.sum()),
        summed_gap_stderr=steps * _difference_stderr(sampling, training),
        mean_squared_gap=mean(shown**2) - mean(real**2),
        mean_squared_gap_stderr=_difference_stderr(shown**2, real**2),
        forward_std=forward_std,
        **_variance_error(errors, forward_std),
        num_images=sampling.shape[1],
        sqrt_dimension=float(np.sqrt(ordered[0]["dimension"])) if ordered else float("nan"),
        by_image=np.array([[curve.mean(axis=0) for curve in (shown**p, real**p)] for p in (1, 2)]),
    )


def _columns(ordered: Sequence[Arrays], name: str, steps: int) -> NDArray[np.float64]:
    """One array of all chunks, (T', images so far); no image where no chunk has it."""
    found = [arrays[name] for arrays in ordered if name in arrays]
    return np.concatenate([np.empty((steps, 0)), *found], axis=1)


def _variance_error(
    errors: NDArray[np.float64], forward_std: NDArray[np.float64]
) -> dict[str, NDArray[np.float64]]:
    """Delta of mean squared errors by step and image, (T', images), with errors to first order."""
    variance, variance_stderr = mean_and_error(errors.T)
    chain_std = np.sqrt(variance)
    chain_std_stderr = variance_stderr / (2 * chain_std)
    excess = chain_std - forward_std
    return {
        "chain_std": chain_std,
        "chain_std_stderr": chain_std_stderr,
        "delta": excess**2,
        "delta_stderr": 2 * np.abs(excess) * chain_std_stderr,
    }


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
    version=2,
    settings_type=ExposureSettings,
    items=_items,
    evaluate=_evaluate,
    assemble=_assemble,
    unfit=not_diffusion,
    image_forwards=lambda settings, item, _: (
        (3 if settings.delta else 2) * item[2] * settings.num_sampling_steps
    ),
)
