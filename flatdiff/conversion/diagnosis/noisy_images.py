"""The noisy images that every reading of some weights is shown.

The same images with the same noise at the same noise levels for all of them: what is left of the
difference between two losses is the difference between two readings.
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor

from flatdiff.conversion.diagnosis.deadline import Deadline
from flatdiff.conversion.diagnosis.fit import CandidateLosses, noise_levels
from flatdiff.diffusion.flags import AdmFlags
from flatdiff.diffusion.gaussians import mean_over_pixels
from flatdiff.diffusion.process import DiffusionProcess
from flatdiff.images.image_set import ImageSet

MAX_CACHED_VALUES = 1 << 20  # of one activation, as `subject` batches on a processor
REFERENCE_IMAGES = 2000


@dataclass(frozen=True)
class Members:
    """Row n of each field belongs to member n."""

    x_start: Float[Tensor, "n c h w"]
    noise: Float[Tensor, "n c h w"]
    log_snr: Float[Tensor, " n"]
    y: Int[Tensor, " n"] | None  # only for class-conditional networks
    mean: float  # of all pixels of the dataset
    variance: float


def draw_members(images: ImageSet, flags: AdmFlags, count: int) -> Members:
    """Images, noise and noise levels, always the same; every beginning covers all levels.

    Raises:
        DataError: a class-conditional network, and images without its labels.
    """
    generator = torch.Generator().manual_seed(0)
    chosen = torch.randperm(len(images), generator=generator).repeat(-(-count // len(images)))
    x_start = images.images(chosen[:count])
    noise = torch.randn(x_start.shape, generator=generator)
    log_snr = torch.from_numpy(noise_levels(count)).float()
    y = images.labels_for(flags.num_classes, chosen[:count])
    some = images.images(torch.arange(min(len(images), REFERENCE_IMAGES)))
    return Members(x_start, noise, log_snr, y, float(some.mean()), float(some.var()))


@torch.inference_mode()
def member_losses(
    model: Callable[..., Tensor],
    flags: AdmFlags,
    members: Members,
    rows: slice,
    deadline: Deadline | None = None,
) -> dict[bool, CandidateLosses]:
    """Squared error of the network's output for some members, mean over pixels.

    Args:
        model: called with x_t, timesteps and classes.
        flags: how it is read; what it predicts is left open.
        members: of which some are looked at.
        rows: which.
        deadline: looked at before every batch; None: it takes as long as it takes.

    Returns:
        By `predict_xstart`: read as a prediction of the noise, and as one of the image.

    Raises:
        OutOfTimeError: the next batch would not be done in time.
    """
    process = DiffusionProcess(flags)
    bar = torch.from_numpy(process.alphas_cumprod)
    steps = nearest_steps((bar / (1 - bar)).log(), members.log_snr[rows])
    targets = {False: members.noise[rows], True: members.x_start[rows]}
    x_t = process.q_sample(targets[True], steps, targets[False])
    timesteps = process.network_timesteps(steps)
    y = None if members.y is None else members.y[rows]
    size = max(1, MAX_CACHED_VALUES // (flags.num_channels * flags.image_size**2))
    found: dict[bool, list[Tensor]] = {key: [torch.zeros(0)] for key in targets}
    for start in range(0, len(steps), size):
        part = slice(start, start + size)
        if deadline is not None:
            deadline.require_time_for(len(steps[part]))
        out = model(x_t[part], timesteps[part], None if y is None else y[part])
        for key, target in targets.items():
            errors = target[part] - out[:, : target.shape[1]]
            found[key].append(mean_over_pixels(errors.square()))
    return {key: torch.cat(losses).double().numpy() for key, losses in found.items()}


def nearest_steps(levels: Float[Tensor, " t"], log_snr: Float[Tensor, " n"]) -> Int[Tensor, " n"]:
    """The timestep at which a process comes closest to each noise level."""
    return (levels[None] - log_snr.double()[:, None]).abs().argmin(dim=1)


def guess_losses(members: Members, flags: AdmFlags) -> CandidateLosses:
    """What the best prediction loses that knows mean and variance of all pixels, and no more.

    For x_start ~ N(mu, s^2) the mean of the noise given x_t is known in closed form.
    """
    bar = members.log_snr.sigmoid()[:, None, None, None]
    x_t = bar.sqrt() * members.x_start + (1 - bar).sqrt() * members.noise
    centred = x_t - bar.sqrt() * members.mean
    guess = (1 - bar).sqrt() * centred / (bar * members.variance + 1 - bar)
    target = members.noise
    if flags.predict_xstart:
        guess, target = (x_t - (1 - bar).sqrt() * guess) / bar.sqrt(), members.x_start
    return mean_over_pixels((target - guess).square()).double().numpy()
