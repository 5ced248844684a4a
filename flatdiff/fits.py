"""A fit is how well one reading of some weights denoises; a diagnosis compares several of them."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from flatdiff.candidates import difference, spelled
from flatdiff.flags import AdmFlags

Losses = NDArray[np.float64]  # (n,), one an image, as far as a candidate was followed

NUM_BINS = 8  # of noise levels
SIGNIFICANT = 3.0  # standard errors
NOTABLE = 0.01  # of the loss
EQUALS_SHOWN = 2
REFUTED = "the flags are most likely wrong"
SENSELESS = "no reading fits"


@dataclass(frozen=True)
class Fit:
    """A candidate and its losses; all candidates see the same images in the same order."""

    flags: AdmFlags
    losses: Losses

    @property
    def loss(self) -> float:
        """Mean squared error of the prediction; infinite where it is no number."""
        mean = float(self.losses.mean())
        return mean if math.isfinite(mean) else math.inf

    def above(self, other: "Fit") -> tuple[float, float]:
        """How much higher its loss is than another's on shared images, and the standard error."""
        shared = min(len(self.losses), len(other.losses))
        gaps = self.losses[:shared] - other.losses[:shared]
        return float(gaps.mean()), float(gaps.std(ddof=1) / shared**0.5)

    def worse_than(self, other: "Fit") -> bool:
        """By more than chance, and by enough to matter; also where a loss is no number."""
        gap, stderr = self.above(other)
        return not (gap <= SIGNIFICANT * stderr or gap <= NOTABLE * other.loss)


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
        lowest = min(self._followed, key=lambda fit: fit.loss)
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
                "not for what the flags say"
            )
        return self._refuted() if self.wrong else self._confirmed()

    def _refuted(self) -> str:
        best, given = self.best, self.given
        gap, stderr = given.above(best)
        return (
            f"{REFUTED}: the file fits {self._named(best)} better than "
            f"{spelled(difference(given.flags, best.flags))}, loss {best.loss:.4f} against "
            f"{given.loss:.4f}, {gap:.4f} ± {stderr:.4f} lower{self._ties(best)}"
        )

    def _confirmed(self) -> str:
        given = self.given
        worse = [fit for fit in self.fits if fit.worse_than(given)]
        text = f"the flags fit: loss {given.loss:.4f} on {len(given.losses)} held-out images"
        if worse:
            closest = min(worse, key=lambda fit: fit.above(given)[0])
            gap, stderr = closest.above(given)
            text += (
                f", {gap:.4f} ± {stderr:.4f} lower than with {self._named(closest)}, the next "
                f"best of {len(self.fits)} readings"
            )
        better = NUM_BINS - self.bins_above
        guess = (
            f"better than a guess from mean and variance at {better} of {NUM_BINS} noise levels"
        )
        return f"{text}{self._ties(given)}; {guess}"

    def _ties(self, one: Fit) -> str:
        """What is as good on these images."""
        equal = [fit for fit in self._as_good_as(one) if fit is not one]
        if not equal:
            return ""
        shown = sorted(equal, key=self._distance)[:EQUALS_SHOWN]
        more = f", and {len(equal) - len(shown)} more" if len(equal) > len(shown) else ""
        return f"; not told apart from {' or '.join(self._named(fit) for fit in shown)}{more}"

    def _as_good_as(self, one: Fit) -> Sequence[Fit]:
        return [fit for fit in self._followed if not fit.worse_than(one)]

    @property
    def _followed(self) -> Sequence[Fit]:
        """To the end, as the given one is; the others were left behind for a reason."""
        return [fit for fit in self.fits if len(fit.losses) == len(self.given.losses)]

    def _distance(self, fit: Fit) -> int:
        return len(difference(fit.flags, self.given.flags))

    def _named(self, fit: Fit) -> str:
        return spelled(difference(fit.flags, self.given.flags))


def is_warning(sentence: str) -> bool:
    """Whether what a card says of its diagnosis puts every number of the checkpoint in doubt."""
    return sentence.startswith((REFUTED, SENSELESS))
