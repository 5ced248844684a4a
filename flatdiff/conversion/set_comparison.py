"""A set comparison is which of the weights in one file denoise best: raw ones or averages.

All of them were read with the same flags and shown the same noisy images (`members`), so that
losses are compared in pairs. One set alone does not tell which kind it is.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from flatdiff.checkpoints.averages import WeightKind
from flatdiff.conversion.diagnosis.fit import OUTDONE, SIGNIFICANT, Fit

RIVALS = "rivals"  # a folder beside the weights, as long as sets are compared
OTHERS = "not compared, being another network's"


@dataclass(frozen=True)
class ScoredSet:
    """Some weights and what they lose."""

    title: str  # what the file calls them
    fit: Fit


@dataclass(frozen=True)
class SetComparison:
    """The set that was taken beside the others of its file."""

    taken: ScoredSet
    others: tuple[ScoredSet, ...]
    untried: tuple[str, ...] = ()  # titles; there was no time
    unlike: tuple[str, ...] = ()  # titles; they are no weights of this network

    def __str__(self) -> str:
        broken = [other.title for other in self.others if math.isinf(other.fit.loss)]
        parts = (
            self._verdict(),
            _named("not compared for want of time", self.untried),
            _named(OTHERS, self.unlike),
            _named("without a finite loss", broken),
        )
        return "; ".join(part for part in parts if part)

    def _verdict(self) -> str:
        """Of the taken one and the lowest of the others."""
        finite = [other for other in self.others if not math.isinf(other.fit.loss)]
        if not finite:
            return f"{self.taken.title}, which was taken, is beside nothing to compare it with"
        rival = min(finite, key=lambda other: other.fit.loss)
        gap, stderr = self.taken.fit.above(rival.fit)
        margin = f"{abs(gap):.4f} ± {stderr:.4f}"
        where = f"on the same {len(self.taken.fit.losses)} noisy images"
        ours, theirs = f"{self.taken.fit.loss:.4f}", f"{rival.fit.loss:.4f}"
        if gap > SIGNIFICANT * stderr:
            return (
                f"{OUTDONE}: {rival.title} has the lower loss {where}, {theirs} against {ours} of "
                f"{self.taken.title}, which was taken, {margin} lower"
            )
        if -gap > SIGNIFICANT * stderr:
            return (
                f"of the sets in the file {self.taken.title}, which was taken, has the lowest "
                f"loss {where}, {ours} against {theirs} of {rival.title}, {margin} lower"
            )
        return (
            f"undecided between {self.taken.title}, which was taken, and {rival.title}: loss "
            f"{ours} and {theirs} {where}, {margin} apart"
        )


def _named(what: str, titles: Sequence[str]) -> str:
    return f"{what}: {', '.join(titles)}" if titles else ""


def alone(kind: WeightKind, unlike: Sequence[str] = ()) -> str:
    """What is said of a file with one set of weights of its network.

    >>> alone("ema")
    'taken as ema; the file holds one set of weights: raw or averaged cannot be told from it'
    """
    text = f"taken as {kind}; the file holds one set of weights: raw or averaged cannot be told "
    return "; ".join(part for part in (f"{text}from it", _named(OTHERS, unlike)) if part)
