"""Findings: what a study says of each of the paper's claims, with an interval and a verdict.

Every sentence is put together from numbers. A claim's test agrees where the whole 95 % interval
does, disagrees where the whole interval does the opposite, and is not decided otherwise. What is
compared was measured with the same noise on the same panel, so it is compared in pairs: rises
under weight noise by `comparison.py`, everything else image by image or member by member, as the
mean of differences with its normal interval.
"""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import product
from statistics import NormalDist
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from flatdiff.checkpoints.card import Card
from flatdiff.measures.comparison import Rises, compare
from flatdiff.measures.exposure import ExposureResult
from flatdiff.measures.statistics import (
    CONFIDENCE,
    FEWEST,
    RankCorrelation,
    rank_correlation,
    standard_error,
)
from flatdiff.paper.claims import CLAIMS, Alike, Claim, Lower, Order
from flatdiff.paper.quantities import (
    FRECHET_32,
    FRECHET_RISE,
    GAP,
    LOSS_RISES,
    LPF_RISE,
    SLOPE,
    SQUARED_GAP,
    Quantity,
)
from flatdiff.paper.reported import number
from flatdiff.paper.results import Study, name_of
from flatdiff.reports.columns import Column

Verdict = Literal["agrees", "disagrees", "not decided"]
VERDICTS: tuple[Verdict, ...] = ("agrees", "disagrees", "not decided")
SMALL = 0.1  # of a number: two that differ by less are called alike
ENOUGH = 5  # checkpoints; even without any relation, four are in full order once in 24 times
Z = NormalDist().inv_cdf((1 + CONFIDENCE) / 2)


@dataclass(frozen=True)
class Finding:
    """One test of a claim."""

    claim: str
    source: str  # of the paper
    compared: str  # quantity and methods
    effect: float  # a difference, or a rank correlation
    low: float  # 95 % interval
    high: float
    verdict: Verdict
    sentence: str


# What is compared pair by pair and member by member, by its column.
RISES: dict[str, Callable[[Any], Rises]] = {
    LPF_RISE.title: lambda result: result.rises,
    SLOPE.title: lambda result: result.slopes,
}


def _gaps(result: ExposureResult, power: int) -> NDArray[np.float64]:
    """Of sampling and training, whose images are not the same, with the sign of the mean gap."""
    sampling, training = result.by_image[power - 1]
    sign = np.sign(sampling.mean() - training.mean())
    return sign * np.stack([sampling, -training])


def _at(name: str, bits: int) -> Callable[[Any], NDArray[np.float64]]:
    """A result's numbers by image or member, at a bit width, as one row."""
    return lambda result: getattr(result, name)[result.bits.index(bits)][None]


# What other numbers are sums of, (parts, n): each the mean of its row, but for a constant; the
# rows are independent of each other, and their entries belong to those of other checkpoints.
SHARES: dict[str, Callable[[Any], NDArray[np.float64]]] = {
    GAP.title: lambda result: _gaps(result, 1),
    SQUARED_GAP.title: lambda result: _gaps(result, 2),
    **{column.title: _at("influences", 32) for column in FRECHET_32.values()},
    **{
        column.title: lambda r: _at("influences", 8)(r) - _at("influences", 32)(r)
        for column in FRECHET_RISE.values()
    },
    **{
        column.title: _at("member_rises", bits)
        for column, bits in zip(LOSS_RISES, (8, 4), strict=True)
    },
}


def findings(study: Study, claims: Sequence[Claim] = CLAIMS) -> list[Finding]:
    """Of every claim whose checkpoints are there, in the claims' order."""
    return [
        found for claim in claims for test in claim.tests for found in _tested(study, claim, test)
    ]


def _tested(study: Study, claim: Claim, test: Lower | Alike | Order) -> Iterator[Finding]:
    """One for each pair of checkpoints of the two methods; one for an order of all of them."""
    if isinstance(test, Order):
        yield _order(study, claim, test)
        return
    first, second = (
        [card for card in study.cards if card.method == method]
        for method in (test.first, test.second)
    )
    for a, b in product(first, second):
        yield _pair(study, claim, test, a, b)


def _pair(study: Study, claim: Claim, test: Lower | Alike, a: Card, b: Card) -> Finding:
    column = test.quantity.column
    effect, low, high = difference(study, column, a, b)
    small = SMALL * abs(study.value(column, b)[0])
    compared = f"{study.title(column)}: {name_of(a)} minus {name_of(b)}"
    verdict = _alike(low, high, small) if isinstance(test, Alike) else below(low, high, 0.0)
    limit = f", where {100 * SMALL:g} % is {small:.2g}" if isinstance(test, Alike) else ""
    return Finding(
        claim=claim.text,
        source=claim.source,
        compared=compared,
        effect=effect,
        low=low,
        high=high,
        verdict=verdict,
        sentence=f"{compared} is {_interval(effect, low, high)}{limit}"
        f"{_reported(test.quantity, a.method, b.method)}.",
    )


def difference(study: Study, column: Column, a: Card, b: Card) -> tuple[float, float, float]:
    """The number of A minus that of B, and the ends of its 95 % interval."""
    first, second = (study.item(column.measure, column.settings, card).result for card in (a, b))
    if rises := RISES.get(column.title):
        found = compare(rises(first), rises(second))
        return found.effect, found.low, found.high
    effect = column.value(first)[0] - column.value(second)[0]
    shares = SHARES[column.title]
    errors = [standard_error(row) for row in shares(first) - shares(second)]
    half = Z * math.hypot(*errors)
    return effect, effect - half, effect + half


def _order(study: Study, claim: Claim, test: Order) -> Finding:
    both = (test.sharpness, test.benefit)
    x, y = (np.array([study.value(q.column, card)[0] for card in study.cards]) for q in both)
    found = rank_correlation(x, y)
    titles, count = [study.title(quantity.column) for quantity in both], found.count
    compared = f"{' against '.join(titles)}: rank correlation over {count} checkpoints"
    shown = f"is {_interval(found.rho, found.low, found.high)}"
    if not math.isfinite(found.rho):
        shown = f"is not known: it takes {FEWEST} that differ"
    return Finding(
        claim=claim.text,
        source=claim.source,
        compared=compared,
        effect=found.rho,
        low=found.low,
        high=found.high,
        verdict=below(-found.high, -found.low, 0.0) if count >= ENOUGH else "not decided",
        sentence=f"{compared} {shown}{_reported_order(test)}.",
    )


def below(low: float, high: float, limit: float) -> Verdict:
    """What an interval says that is expected below a limit; one that is no number says nothing."""
    return "agrees" if high < limit else "disagrees" if low > limit else "not decided"


def _alike(low: float, high: float, small: float) -> Verdict:
    """An interval that is expected within +-small."""
    if -small < low and high < small:
        return "agrees"
    return "disagrees" if low > small or high < -small else "not decided"


def _interval(effect: float, low: float, high: float) -> str:
    """An effect with its interval as text."""
    if not math.isfinite(effect):
        return "not a number"
    return f"{effect:+.2g} ({100 * CONFIDENCE:g} % interval {low:+.2g} to {high:+.2g})"


def _reported(quantity: Quantity, first: str, second: str) -> str:
    """The end of a sentence: the paper's two numbers on each of its datasets."""
    shown = [
        f"{by_method[first]} against {by_method[second]} ({data})"
        for data, by_method in quantity.reported.items()
        if first in by_method and second in by_method
    ]
    return f"; in the paper: {quantity.named} {', '.join(shown)}" if shown else ""


def _reported_order(test: Order) -> str:
    """The end of a sentence: the same correlation of the paper's own numbers."""
    shown = [
        f"{found.rho:+.2f} over {found.count} ({data})"
        for data in test.sharpness.reported
        if math.isfinite((found := reported_correlation(test, data)).rho)
    ]
    return f"; of the paper's own numbers it is {', '.join(shown)}" if shown else ""


def reported_correlation(test: Order, data: str) -> RankCorrelation:
    """Of the methods for which the paper reports both on a dataset."""
    printed = [quantity.reported.get(data, {}) for quantity in (test.sharpness, test.benefit)]
    methods = [method for method in printed[0] if method in printed[1]]
    x, y = (np.array([number(column[method]) for method in methods]) for column in printed)
    return rank_correlation(x, y)
