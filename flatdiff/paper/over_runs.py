"""A claim over training runs: would it hold of other runs, too?

The unit is the run. Averages of one run are no further cases, and a single run decides nothing,
however narrow its interval over noise and images. Runs are paired by their seed, which decides
initial weights, order, timesteps and noise; the interval is Student's over the pairs' differences;
all tests of a study are corrected together by Holm's method (1979).
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import scipy

from flatdiff.checkpoints.card import Card
from flatdiff.measures.statistics import CONFIDENCE, mean, standard_error, t_quantile
from flatdiff.paper.claims import CLAIMS, Claim, Lower
from flatdiff.paper.findings import Verdict, below
from flatdiff.paper.results import Study

FEWEST_RUNS = 2  # of each arm, for an interval


@dataclass(frozen=True)
class OverRuns:
    """One test of a claim over pairs of training runs.

    Attributes:
        claim: the paper's.
        source: of it, in the paper.
        compared: quantity, and the two arms.
        num_runs: pairs of runs that share a seed.
        effect: mean difference; NaN for no pair.
        low: of its 95 % interval; NaN for fewer than two pairs.
        high: of the same.
        p_value: two-sided, corrected; 1 where nothing is known.
        verdict: by the corrected p-value.
    """

    claim: str
    source: str
    compared: str
    num_runs: int
    effect: float
    low: float
    high: float
    p_value: float
    verdict: Verdict

    @property
    def decidable(self) -> bool:
        """Whether there are runs enough for an interval."""
        return self.num_runs >= FEWEST_RUNS


def over_runs(study: Study, claims: Sequence[Claim] = CLAIMS) -> list[OverRuns]:
    """Every test of two arms of a family, in the claims' order."""
    found = [
        one
        for claim in claims
        for test in claim.tests
        if isinstance(test, Lower)
        for one in _tested(study, claim, test)
    ]
    corrected = iter(holm([one.p_value for one in found if one.decidable]))
    return [_decided(one, next(corrected)) if one.decidable else one for one in found]


def sentence(found: Sequence[OverRuns]) -> str:
    """How many tests there were, and what was decided."""
    decidable = [one for one in found if one.decidable]
    if not decidable:
        return (
            "Nothing is decided over training runs: there is one run of each kind, and two with "
            "the same seeds are the fewest that could. What stands below is of these runs alone."
        )
    decided = [one for one in decidable if one.verdict != "not decided"]
    agree = sum(one.verdict == "agrees" for one in decided)
    return (
        f"Of {len(decidable)} tests over {FEWEST_RUNS} or more pairs of runs, corrected together, "
        f"{agree} agree with the paper, {len(decided) - agree} do not, and "
        f"{len(decidable) - len(decided)} are not decided."
    )


def arm_of(card: Card) -> str:
    """What a run shares with the runs of other seeds: method, and radius or strength."""
    run = card.recipe
    if run is None:
        return card.title
    strengths = {"sam": f" {run.sam_rho:g}", "ip": f" {run.input_perturbation:g}"}
    return card.title + strengths.get(run.method, "")


def _tested(study: Study, claim: Claim, test: Lower) -> Iterator[OverRuns]:
    """The first method against the second, for every strength that either was trained with."""
    for title, first in _arms(study, test.first).items():
        for other, second in _arms(study, test.second).items():
            yield _compared(study, claim, test, (title, first), (other, second))


def _arms(study: Study, method: str) -> dict[str, dict[int, Card]]:
    """By arm and seed."""
    found: dict[str, dict[int, Card]] = {}
    for card in study.cards:
        if card.method == method and card.recipe is not None:
            found.setdefault(arm_of(card), {})[card.recipe.seed] = card
    return found


def _compared(
    study: Study,
    claim: Claim,
    test: Lower,
    first: tuple[str, Mapping[int, Card]],
    second: tuple[str, Mapping[int, Card]],
) -> OverRuns:
    column, seeds = test.quantity.column, first[1].keys() & second[1].keys()
    differences = np.array(
        [
            study.value(column, first[1][seed])[0] - study.value(column, second[1][seed])[0]
            for seed in sorted(seeds)
        ]
    )
    effect, error = mean(differences), standard_error(differences)
    freedom = max(len(differences) - 1, 1)
    half = error * t_quantile(freedom)
    return OverRuns(
        claim=claim.text,
        source=claim.source,
        compared=f"{study.title(column)}: {first[0]} minus {second[0]}",
        num_runs=len(differences),
        effect=effect,
        low=effect - half,
        high=effect + half,
        p_value=_p_value(effect, error, freedom),
        verdict="not decided",
    )


def _p_value(effect: float, error: float, freedom: int) -> float:
    """Of no difference; 1 where the error is not known."""
    if not math.isfinite(error):
        return 1.0
    if error == 0:
        return 0.0 if effect else 1.0
    return float(2 * scipy.special.stdtr(freedom, -abs(effect) / error))


def _decided(one: OverRuns, p_value: float) -> OverRuns:
    decided = p_value < 1 - CONFIDENCE
    verdict = below(one.effect, one.effect, 0.0) if decided else "not decided"
    return replace(one, p_value=p_value, verdict=verdict)


def holm(p_values: Sequence[float]) -> list[float]:
    """Corrected so that all of them together err in one case of twenty (Holm 1979).

    >>> holm([0.01, 0.04, 0.03])
    [0.03, 0.06, 0.06]
    """
    order = np.argsort(p_values, kind="stable")
    count, highest = len(order), 0.0
    corrected = [1.0] * count
    for rank, position in enumerate(order):
        highest = max(highest, (count - rank) * p_values[position])
        corrected[int(position)] = min(highest, 1.0)
    return corrected
