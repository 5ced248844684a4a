"""A diagnosis is which reading of some weights denoises best: the one they were trained with.

Every candidate is shown the same noisy images, at the same noise levels and not at the same
timesteps: a schedule is right where the network, told the timestep that the schedule has for a
noise level, removes that noise best. So losses are paired, and no schedule gains by easier tasks.
Most candidates are far off and are dropped after a few images.
"""

import itertools
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from flatdiff.candidates import candidates
from flatdiff.data import ImageSet, load_images
from flatdiff.diffusion import DiffusionProcess
from flatdiff.errors import DataError
from flatdiff.fits import NUM_BINS, SIGNIFICANT, Diagnosis, Fit, Level, Losses
from flatdiff.flags import AdmFlags
from flatdiff.gaussians import mean_over_pixels
from flatdiff.unet import AdmUNet

MAX_LOG_SNR = 6.0  # signal over noise, log(alpha_bar / (1 - alpha_bar)), to either side
ROUNDS = ((8, 6), (24, 4), (64, 4))  # members looked at, candidates that stay at most
BUDGET_S = 45.0
PATIENCE_S = 150.0  # where nothing fits into the budget
DEADLINE_S = 200.0  # where others have taken the processor meanwhile
FIRST_S = 10.0  # for one image, several times what there is time for
TRIALS = 3  # of the time that an image takes
MIN_MEMBERS = 3  # in the first round
MAX_CACHED_VALUES = 1 << 20  # of one activation, as `subject` batches on a processor
REFERENCE_IMAGES = 2000
GOLDEN = (5**0.5 - 1) / 2


@dataclass(frozen=True)
class Members:
    """What every candidate is shown; row n of each field belongs to member n."""

    x_start: Float[Tensor, "n c h w"]
    noise: Float[Tensor, "n c h w"]
    log_snr: Float[Tensor, " n"]
    y: Int[Tensor, " n"] | None  # only for class-conditional networks


def diagnose(
    given: AdmFlags,
    state: Mapping[str, Tensor],
    dataset: str,
    clock: Callable[[], float] = time.monotonic,
) -> Diagnosis:
    """Compare every candidate reading of some weights with the given one.

    Args:
        given: flags as somebody stated them.
        state: the weights; read in place, never changed.
        dataset: that they were trained on.
        clock: in seconds.

    Raises:
        DataError: the images are absent or do not fit, the machine is too slow for the network,
            or no loss is finite.
    """
    deadline = clock() + DEADLINE_S  # looking through a folder of images takes its time too
    images = load_images(dataset, "held_out", given.image_size, given.in_channels)
    members = draw_members(images, given, ROUNDS[-1][0])
    models = _Models(state)
    rivals, share = _affordable(models, given, members, clock)
    fits, dropped = [Fit(flags, np.zeros(0)) for flags in rivals], []
    for size, most in ROUNDS:
        rows = max(MIN_MEMBERS, round(size * share))
        for index, fit in enumerate(fits):
            if clock() > deadline:
                raise DataError(f"the machine is too busy: {DEADLINE_S:.0f} s were not enough")
            fits[index] = _followed(fit, models, members, rows)
        if not np.isfinite(fits[0].losses).all():
            raise DataError("its losses are not finite")
        fits, left = _promising(fits, most)
        dropped += left
    diagnosis = Diagnosis((*fits, *dropped))
    return replace(diagnosis, levels=_levels(diagnosis.best, images, members))


def _promising(fits: Sequence[Fit], most: int) -> tuple[list[Fit], list[Fit]]:
    """The given one and those that may still be as good as the lowest; and the others."""
    lowest = min(fits, key=lambda fit: fit.loss)
    rivals = sorted(fits[1:], key=lambda fit: fit.loss)
    good = [fit for fit in rivals if not fit.worse_than(lowest)]
    bad = [fit for fit in rivals if fit.worse_than(lowest)]
    return [fits[0], *good[: most - 1]], [*good[most - 1 :], *bad]


def draw_members(images: ImageSet, flags: AdmFlags, count: int) -> Members:
    """Images, noise and noise levels, always the same; every beginning covers all levels.

    Raises:
        DataError: a class-conditional network, and images without its labels.
    """
    generator = torch.Generator().manual_seed(0)
    chosen = torch.randperm(len(images), generator=generator).repeat(-(-count // len(images)))
    x_start = images.images(chosen[:count])
    noise = torch.randn(x_start.shape, generator=generator)
    spread = (torch.arange(count) + 0.5) * GOLDEN % 1
    log_snr = MAX_LOG_SNR * (2 * spread - 1)
    return Members(x_start, noise, log_snr, images.labels_for(flags.num_classes, chosen[:count]))


class _Models:
    """Networks that share one set of weights and read them differently."""

    def __init__(self, state: Mapping[str, Tensor]) -> None:
        self.state = state
        self.built: dict[AdmFlags, AdmUNet] = {}

    def __getitem__(self, flags: AdmFlags) -> AdmUNet:
        if flags not in self.built:
            with torch.device("meta"):
                model = AdmUNet(flags)
            model.load_state_dict(dict(self.state), assign=True)
            self.built[flags] = model.eval().requires_grad_(False)
        return self.built[flags]


def _affordable(
    models: _Models, given: AdmFlags, members: Members, clock: Callable[[], float]
) -> tuple[list[AdmFlags], float]:
    """As many candidates as there is time for, and the share of the members that they see.

    Raises:
        DataError: there is time for none.
    """
    seconds = _seconds_an_image(models[given], given, members, clock)
    for jointly, budget_s in ((True, BUDGET_S), (False, BUDGET_S), (False, PATIENCE_S)):
        rivals = candidates(given, jointly)
        share = min(1.0, budget_s / max(seconds * _num_passes(len(rivals)), 1e-9))
        if share * ROUNDS[0][0] >= MIN_MEMBERS:
            return rivals, share
    raise _too_slow(seconds)


def _too_slow(seconds: float) -> DataError:
    return DataError(f"one image takes {seconds:.1f} s here, which is too long for hundreds")


def _seconds_an_image(
    model: AdmUNet, flags: AdmFlags, members: Members, clock: Callable[[], float]
) -> float:
    """Raises `DataError` where one image alone shows that there is time for none."""
    begin = clock()
    member_losses(model, flags, members, slice(0, 1))  # the first pass is slower
    times = [clock()]
    if times[0] - begin > FIRST_S:
        raise _too_slow(times[0] - begin)
    for _ in range(TRIALS):  # the least of them: others may be at work beside
        member_losses(model, flags, members, slice(0, 2))
        times.append(clock())
    return min(after - before for before, after in itertools.pairwise(times)) / 2


def _num_passes(num_candidates: int) -> int:
    """At most, one image each."""
    sizes, kept = zip(*ROUNDS, strict=True)
    left = [num_candidates, *(min(num_candidates, most) for most in kept)]
    return sum(
        (size - done) * count for size, done, count in zip(sizes, (0, *sizes), left, strict=False)
    )


def _followed(fit: Fit, models: _Models, members: Members, upto: int) -> Fit:
    """The same candidate on more members."""
    rows = slice(len(fit.losses), upto)
    more = member_losses(models[fit.flags], fit.flags, members, rows)
    return Fit(fit.flags, np.append(fit.losses, more))


@torch.inference_mode()
def member_losses(model: AdmUNet, flags: AdmFlags, members: Members, rows: slice) -> Losses:
    """Squared error of the network's prediction for some members, mean over pixels."""
    process = DiffusionProcess(flags)
    bar = torch.from_numpy(process.alphas_cumprod)
    steps = nearest_steps((bar / (1 - bar)).log(), members.log_snr[rows])
    x_start, noise = members.x_start[rows], members.noise[rows]
    x_t = process.q_sample(x_start, steps, noise)
    timesteps = process.network_timesteps(steps)
    y = None if members.y is None else members.y[rows]
    size = max(1, MAX_CACHED_VALUES // (flags.num_channels * flags.image_size**2))
    target = x_start if flags.predict_xstart else noise
    found: list[Tensor] = []
    for start in range(0, len(steps), size):
        part = slice(start, start + size)
        out = model(x_t[part], timesteps[part], None if y is None else y[part])
        found.append(mean_over_pixels((target[part] - out[:, : target.shape[1]]).square()))
    return torch.cat(found).double().numpy() if found else np.zeros(0)


def nearest_steps(levels: Float[Tensor, " t"], log_snr: Float[Tensor, " n"]) -> Int[Tensor, " n"]:
    """The timestep at which a process comes closest to each noise level."""
    return (levels[None] - log_snr.double()[:, None]).abs().argmin(dim=1)


def _levels(fit: Fit, images: ImageSet, members: Members) -> tuple[Level, ...]:
    """Losses in equal bins of the noise level, and those of an ignorant guess."""
    count = len(fit.losses)
    guess = guess_losses(images, fit.flags, members)[:count]
    bins = ((members.log_snr[:count] / MAX_LOG_SNR + 1) / 2 * NUM_BINS).long().numpy()
    found = ((fit.losses[bins == n], guess[bins == n]) for n in range(NUM_BINS))
    return tuple(
        Level(float(loss.mean()), float(own.mean()), _is_positive(loss - own))
        for loss, own in found
        if len(loss)
    )


def _is_positive(gaps: Losses) -> bool:
    """By more than chance."""
    if len(gaps) < 2:
        return False
    return bool(gaps.mean() > SIGNIFICANT * gaps.std(ddof=1) / len(gaps) ** 0.5)


def guess_losses(images: ImageSet, flags: AdmFlags, members: Members) -> Losses:
    """What the best prediction loses that knows mean and variance of all pixels, and no more.

    For x_start ~ N(mu, s^2) the mean of the noise given x_t is known in closed form.
    """
    some = images.images(torch.arange(min(len(images), REFERENCE_IMAGES)))
    mean, variance = some.mean(), some.var()
    bar = members.log_snr.sigmoid()[:, None, None, None]
    x_t = bar.sqrt() * members.x_start + (1 - bar).sqrt() * members.noise
    guess = (1 - bar).sqrt() * (x_t - bar.sqrt() * mean) / (bar * variance + 1 - bar)
    target = members.noise
    if flags.predict_xstart:
        guess, target = (x_t - (1 - bar).sqrt() * guess) / bar.sqrt(), members.x_start
    return mean_over_pixels((target - guess).square()).double().numpy()
