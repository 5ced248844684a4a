"""A diagnosis is which reading of some weights denoises best: the one they were trained with.

Every candidate is shown the same noisy images, at the same noise levels and not at the same
timesteps: a schedule is right where the network, told the timestep that the schedule has for a
noise level, removes that noise best. So losses are paired, and no schedule gains by easier tasks.
Most candidates are far off and are dropped after a few images.
"""

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from flatdiff.conversion.diagnosis.candidates import AROUND, candidates, twin
from flatdiff.conversion.diagnosis.deadline import Deadline, OutOfTimeError
from flatdiff.conversion.diagnosis.fit import (
    MAX_LOG_SNR,
    NUM_BINS,
    SIGNIFICANT,
    CandidateLosses,
    Diagnosis,
    Fit,
    Level,
    lowest_of,
)
from flatdiff.conversion.diagnosis.noisy_images import Members, guess_losses, member_losses
from flatdiff.diffusion.flags import AdmFlags
from flatdiff.diffusion.unet import AdmUNet
from flatdiff.errors import DataError

ROUNDS = ((8, 6), (24, 4), (64, 4))  # members looked at, candidates that stay at most
NUM_MEMBERS = ROUNDS[-1][0]
BUDGET_S = 45.0
PATIENCE_S = 150.0  # where nothing fits into the budget
DEADLINE_S = 200.0  # where others have taken the processor meanwhile
FIRST_S = 10.0  # for one image, several times what there is time for
TRIALS = 3  # of the time that an image takes
MIN_MEMBERS = 3  # in the first round


def diagnose(
    given: AdmFlags, state: Mapping[str, Tensor], members: Members, deadline: Deadline
) -> Diagnosis:
    """Compare every candidate reading of some weights with the given one.

    Args:
        given: flags as somebody stated them.
        state: the weights; read in place, never changed.
        members: NUM_MEMBERS noisy images of the dataset that they were trained on.
        deadline: where it comes first, what was found until then is the diagnosis.

    Raises:
        DataError: the machine is too slow for the network, there was no time for the given
            reading, or no loss is finite.
    """
    readings = _Readings(state, members, deadline)
    rivals, share = _affordable(readings, given)
    fits, dropped = [Fit(flags, np.zeros(0)) for flags in rivals], []
    for size, most in ROUNDS:
        rows = max(MIN_MEMBERS, round(size * share))
        followed = list(_followed(fits, readings, rows))
        in_time = len(followed) == len(fits)
        if not in_time and len(fits[0].losses):
            break  # who has seen more images than the others cannot be compared with them
        if not np.isfinite(followed[0].losses).all():
            raise DataError("its losses are not finite")
        fits, left = _promising(followed, most)
        dropped += left
        if not in_time:
            break
    tried = {fit.flags for fit in (*fits, *dropped)}
    untried = tuple(flags for flags in candidates(given) if flags not in tried)
    diagnosis = Diagnosis((*fits, *dropped), untried=untried)
    return replace(diagnosis, levels=_levels(diagnosis.best, members))


def _followed(fits: Sequence[Fit], readings: "_Readings", upto: int) -> Iterator[Fit]:
    """The same candidates on more members, as many as there is time for.

    Raises:
        OutOfTimeError: there is none for the very first look at the first.
    """
    for fit in fits:
        try:
            more = readings.losses(fit.flags, len(fit.losses), upto)
        except OutOfTimeError:
            if fit is fits[0] and not len(fit.losses):
                raise
            return
        yield Fit(fit.flags, np.append(fit.losses, more))


def _promising(fits: Sequence[Fit], most: int) -> tuple[list[Fit], list[Fit]]:
    """The given one and those that may still be as good as the lowest; and the others."""
    lowest = lowest_of(fits)
    rivals = sorted(fits[1:], key=lambda fit: (not fit.predicts_as(lowest), fit.loss))
    good = [fit for fit in rivals if not fit.worse_than(lowest)]
    bad = [fit for fit in rivals if fit.worse_than(lowest)]
    return [fits[0], *good[: most - 1]], [*good[most - 1 :], *bad]


class _Readings:
    """Networks that share one set of weights and read them differently, and what they lose."""

    def __init__(self, state: Mapping[str, Tensor], members: Members, deadline: Deadline) -> None:
        self.state = state
        self.members = members
        self.deadline = deadline
        self.built: dict[AdmFlags, AdmUNet] = {}
        self.known: dict[tuple[AdmFlags, int, int], CandidateLosses] = {}

    def network(self, flags: AdmFlags) -> AdmUNet:
        """Built once for all that differ in what is around it alone."""
        own = replace(flags, **AROUND)
        if own not in self.built:
            self.built[own] = network_of(own, self.state)
        return self.built[own]

    def losses(self, flags: AdmFlags, begin: int, end: int) -> CandidateLosses:
        """Of these members; a candidate and its twin take one pass of the network."""
        if (flags, begin, end) not in self.known:
            model, rows = self.network(flags), slice(begin, end)
            found = member_losses(model, flags, self.members, rows, self.deadline)
            for one in (flags, twin(flags)):
                self.known[one, begin, end] = found[one.predict_xstart]
        return self.known[flags, begin, end]


def network_of(flags: AdmFlags, state: Mapping[str, Tensor]) -> AdmUNet:
    """A network in eval mode whose weights are the given tensors themselves, no copies."""
    with torch.device("meta"):
        model = AdmUNet(flags)
    model.load_state_dict(dict(state), assign=True)
    return model.eval().requires_grad_(False)


def _affordable(readings: _Readings, given: AdmFlags) -> tuple[list[AdmFlags], float]:
    """As many candidates as there is time for, and the share of the members that they see.

    Raises:
        DataError: there is time for none.
    """
    seconds = _seconds_an_image(readings, given)
    readings.deadline.seconds_an_image = seconds
    for jointly, budget_s in ((True, BUDGET_S), (False, BUDGET_S), (False, PATIENCE_S)):
        rivals = candidates(given, jointly)
        num_passes = _num_passes(len(rivals) // 2)  # twins share theirs
        share = min(1.0, budget_s / max(seconds * num_passes, 1e-9))
        if share * ROUNDS[0][0] >= MIN_MEMBERS:
            return rivals, share
    raise _too_slow(seconds)


def _too_slow(seconds: float) -> DataError:
    return DataError(f"one image takes {seconds:.1f} s here, which is too long for hundreds")


def _seconds_an_image(readings: _Readings, flags: AdmFlags) -> float:
    """Raises `DataError` where one image alone shows that there is time for none."""
    model, members, clock = readings.network(flags), readings.members, readings.deadline.clock
    begin = clock()
    member_losses(model, flags, members, slice(0, 1))  # the first pass is slower
    times = [clock()]
    if times[0] - begin > FIRST_S:
        raise _too_slow(times[0] - begin)
    for _ in range(TRIALS):  # the least of them: others may be at work beside
        member_losses(model, flags, members, slice(0, 2))
        times.append(clock())
    return min(after - before for before, after in itertools.pairwise(times)) / 2


def _num_passes(num_networks: int) -> int:
    """At most, one image each."""
    sizes, kept = zip(*ROUNDS, strict=True)
    left = [num_networks, *(min(num_networks, most) for most in kept)]
    return sum(
        (size - done) * count for size, done, count in zip(sizes, (0, *sizes), left, strict=False)
    )


def _levels(fit: Fit, members: Members) -> tuple[Level, ...]:
    """Losses in equal bins of the noise level, and those of an ignorant guess."""
    count = len(fit.losses)
    guess = guess_losses(members, fit.flags)[:count]
    bins = ((members.log_snr[:count] / MAX_LOG_SNR + 1) / 2 * NUM_BINS).long().numpy()
    found = ((fit.losses[bins == n], guess[bins == n]) for n in range(NUM_BINS))
    return tuple(
        Level(float(loss.mean()), float(own.mean()), _is_positive(loss - own))
        for loss, own in found
        if len(loss)
    )


def _is_positive(gaps: CandidateLosses) -> bool:
    """By more than chance."""
    if len(gaps) < 2:
        return False
    return bool(gaps.mean() > SIGNIFICANT * gaps.std(ddof=1) / len(gaps) ** 0.5)
