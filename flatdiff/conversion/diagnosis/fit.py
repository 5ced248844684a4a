"""A fit is how well one reading of some weights denoises; a diagnosis compares several of them."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from flatdiff.conversion.diagnosis.candidates import differing_flags, spelled
from flatdiff.diffusion.flags import AdmFlags

CandidateLosses = NDArray[np.float64]  # (n,), one an image, as far as a candidate was followed

MAX_LOG_SNR = 6.0  # signal over noise, log(alpha_bar / (1 - alpha_bar)), to either side
GOLDEN = (5**0.5 - 1) / 2
NUM_BINS = 8  # of noise levels
SIGNIFICANT = 3.0  # standard errors
NOTABLE = 0.01  # of the loss
NAMED = 2  # of many readings
REFUTED = "the flags are most likely wrong"
SENSELESS = "no reading fits"
PARTED = "squared error of the noise in x_t"


def noise_levels(count: int) -> NDArray[np.float64]:
    """The log SNR at which each image is shown, (count,); every beginning covers all levels."""
    spread = (np.arange(count, dtype=np.float64) + 0.5) * GOLDEN % 1
    return MAX_LOG_SNR * (2 * spread - 1)


@dataclass(frozen=True)
class Fit:
    """A candidate and its losses; all candidates see the same images in the same order."""

    flags: AdmFlags
    losses: CandidateLosses  # of what it predicts: the noise, or with predict_xstart the image

    @property
    def loss(self) -> float:
        """Mean squared error of the prediction; infinite where it is no number."""
        return _mean(self.losses)

    @property
    def parted(self) -> CandidateLosses:
        """Squared errors of the noise as it stands in x_t, (n,), whatever is predicted.

        x_t = sqrt(bar) x_start + sqrt(1 - bar) noise is known, so what is missing in one of the
        two parts is too much in the other: the errors of both are one.
        """
        bar = 1 / (1 + np.exp(-noise_levels(len(self.losses))))
        return self.losses * (bar if self.flags.predict_xstart else 1 - bar)

    def predicts_as(self, other: "Fit") -> bool:
        """The noise both, or the image both."""
        return self.flags.predict_xstart == other.flags.predict_xstart

    def beside(self, other: "Fit") -> tuple[CandidateLosses, CandidateLosses]:
        """Its losses and another's on shared images, in one unit."""
        ours, theirs = self.losses, other.losses
        if not self.predicts_as(other):
            ours, theirs = self.parted, other.parted
        shared = min(len(ours), len(theirs))
        return ours[:shared], theirs[:shared]

    def above(self, other: "Fit") -> tuple[float, float]:
        """How much higher its loss is than another's on shared images, and the standard error."""
        ours, theirs = self.beside(other)
        gaps = ours - theirs
        return float(gaps.mean()), float(gaps.std(ddof=1) / len(gaps) ** 0.5)

    def worse_than(self, other: "Fit") -> bool:
        """By more than chance, and by enough to matter; also where a loss is no number."""
        gap, stderr = self.above(other)
        notable = NOTABLE * _mean(self.beside(other)[1])
        return not (gap <= SIGNIFICANT * stderr or gap <= notable)


def _mean(losses: CandidateLosses) -> float:
    mean = float(losses.mean())
    return mean if math.isfinite(mean) else math.inf


def lowest_of(fits: Iterable[Fit]) -> Fit:
    """By the loss of what they predict; of the two that predict otherwise in their one unit."""
    bests: dict[bool, Fit] = {}
    for fit in fits:
        best = bests.setdefault(fit.flags.predict_xstart, fit)
        if fit.loss < best.loss:
            bests[fit.flags.predict_xstart] = fit
    return min(bests.values(), key=lambda fit: _mean(fit.parted))


@dataclass(frozen=True)
class Level:
    """What the best candidate loses at some noise levels, beside one who knows nothing."""

    loss: float
    guess: float  # of the best prediction from the images' mean and variance
    is_above: bool  # the loss is higher by more than chance


@dataclass(frozen=True)
class Diagnosis:
    """Every candidate that was compared."""

    fits: tuple[Fit, ...]  # the given one first
    levels: tuple[Level, ...] = ()  # from noise to image
    untried: tuple[AdmFlags, ...] = ()  # for want of time

    @property
    def bins_above(self) -> int:
        """At how many noise levels the best candidate is worse than a guess."""
        return sum(level.is_above for level in self.levels)

    @property
    def by_noise_level(self) -> str:
        """Losses from the noisiest images to the clearest."""
        pairs = (f"{level.loss:.3f} ({level.guess:.3f})" for level in self.levels)
        return f"loss from noise to image, in brackets that of a guess: {', '.join(pairs)}"

    @property
    def given(self) -> Fit:
        """As somebody stated the flags."""
        return self.fits[0]

    @cached_property
    def best(self) -> Fit:
        """Of all that are as good as the lowest, the one closest to what was given."""
        lowest = lowest_of(self._followed)
        return min(self._as_good_as(lowest), key=lambda fit: (self._distance(fit), fit.loss))

    @property
    def wrong(self) -> bool:
        """Whether another candidate is better than the given one by more than chance."""
        return self.best is not self.given

    @property
    def senseless(self) -> bool:
        """Whether even the best one is no better than a guess, at half of the noise levels."""
        return 2 * self.bins_above >= NUM_BINS

    def __str__(self) -> str:
        if self.senseless:
            return (
                f"{SENSELESS}: at {self.bins_above} of {NUM_BINS} noise levels the lowest "
                f"loss of {len(self.fits)} readings, {self.best.loss:.4f}, is above that of a "
                "guess from mean and variance; these weights were not trained on these images, or "
                f"not for what the flags say{self._left_out}"
            )
        return (self._refuted() if self.wrong else self._confirmed()) + self._left_out

    def _refuted(self) -> str:
        best, given = self.best, self.given
        gap, stderr = given.above(best)
        theirs, ours = (float(losses.mean()) for losses in given.beside(best))
        loss = "loss" if best.predicts_as(given) else PARTED
        return (
            f"{REFUTED}: the file fits {self._named(best)} better than "
            f"{spelled(differing_flags(given.flags, best.flags))}, {loss} {ours:.4f} against "
            f"{theirs:.4f}, {gap:.4f} ± {stderr:.4f} lower{self._ties(best)}"
        )

    def _confirmed(self) -> str:
        given = self.given
        worse = [fit for fit in self.fits if fit.worse_than(given)]
        text = f"the flags fit: loss {given.loss:.4f} on {len(given.losses)} held-out images"
        if worse:
            closest = min(worse, key=self._remoteness)
            gap, stderr = closest.above(given)
            unit = "" if closest.predicts_as(given) else f" in {PARTED}"
            text += (
                f", {gap:.4f} ± {stderr:.4f} lower{unit} than with {self._named(closest)}, the "
                f"next best of {len(self.fits)} readings"
            )
        better = NUM_BINS - self.bins_above
        guess = (
            f"better than a guess from mean and variance at {better} of {NUM_BINS} noise levels"
        )
        return f"{text}{self._ties(given)}; {guess}"

    def _ties(self, one: Fit) -> str:
        """What is as good on these images."""
        equal = [fit.flags for fit in self._as_good_as(one) if fit is not one]
        return f"; not told apart from {self._listed(equal, ' or ')}" if equal else ""

    @property
    def _left_out(self) -> str:
        """What might fit as well, or better."""
        if not self.untried:
            return ""
        return f"; not tried for want of time: {self._listed(self.untried, ', ')}"

    def _listed(self, found: Sequence[AdmFlags], between: str) -> str:
        """The few that are closest to what was given, and how many more there are."""
        closest = sorted(found, key=lambda flags: len(differing_flags(flags, self.given.flags)))
        shown = [spelled(differing_flags(f, self.given.flags)) for f in closest[:NAMED]]
        more = f", and {len(found) - len(shown)} more" if len(found) > len(shown) else ""
        return between.join(shown) + more

    def _as_good_as(self, one: Fit) -> Sequence[Fit]:
        return [fit for fit in self._followed if not fit.worse_than(one)]

    @property
    def _followed(self) -> Sequence[Fit]:
        """To the end, as the given one is; the others were left behind for a reason."""
        return [fit for fit in self.fits if len(fit.losses) == len(self.given.losses)]

    def _remoteness(self, fit: Fit) -> tuple[bool, float]:
        """From the given one; those that predict the same are compared in the loss's own unit."""
        return not fit.predicts_as(self.given), fit.above(self.given)[0]

    def _distance(self, fit: Fit) -> int:
        return len(differing_flags(fit.flags, self.given.flags))

    def _named(self, fit: Fit) -> str:
        return spelled(differing_flags(fit.flags, self.given.flags))


def is_warning(sentence: str) -> bool:
    """Whether what a card says of its diagnosis calls out a choice that was made for it."""
    return sentence.startswith((REFUTED, SENSELESS))
