"""The paper's claim is that flat checkpoints are the better ones: here, as ranks over a family.

Every checkpoint has some measures of sharpness and some of what flatness is said to buy; the rank
correlation (Spearman's) says whether the two orders agree. What may be decided is decided over
training runs, of which averages are no further cases.
"""

import itertools
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from flatdiff.measures.statistics import CONFIDENCE, both_known, has_no_order, spearman

MOST_EXACT = 8  # runs, of which all orders are tried
NUM_PERMUTATIONS = 20_000  # of more
ROUNDING = 1e-9


@dataclass(frozen=True)
class RunsAgree:
    """Whether two orders of training runs agree, and how often chance alone would do as much."""

    rho: float  # Spearman's, NaN for fewer than two runs
    p_value: float  # two-sided, over permutations
    num_runs: int

    @property
    def decided(self) -> bool:
        """At 5 %."""
        return self.p_value < 1 - CONFIDENCE

    def sentence(self, what: str) -> str:
        """What it says of a claim; "" where nothing is compared.

        Args:
            what: the benefit, of which less is better.
        """
        if not np.isfinite(self.rho):
            return ""
        order = f"rank correlation {self.rho:+.2f} over {self.num_runs} training runs"
        chance = f"chance alone does as much in {_share(self.p_value)} of cases"
        if not self.decided:
            return f"Not decided for {what}: {order}; {chance}."
        verb = "have less" if self.rho > 0 else "have more"
        return f"Flatter runs {verb} {what}: {order}; {chance}."


def _share(p_value: float) -> str:
    """In per cent; never as nothing, which no test finds."""
    return f"{p_value:.0%}" if p_value >= 0.01 else "less than 1%"


def runs_agree(x: NDArray, y: NDArray, seed: int = 0) -> RunsAgree:
    """An exact permutation test of Spearman's correlation, for as few runs as there are.

    Args:
        x: (n,), sharpness of independent training runs; NaN where not measured.
        y: (n,), what flatness should lower.
        seed: of the permutations, where there are too many to try all.

    >>> runs_agree(np.array([1.0, 2.0, 3.0]), np.array([1.0, 2.0, 3.0])).p_value  # 2 of 6
    0.3333333333333333
    """
    x, y, count = both_known(x, y)
    if count < 2 or has_no_order(x, y):
        return RunsAgree(float("nan"), float("nan"), count)
    if count <= MOST_EXACT:
        orders = np.array(list(itertools.permutations(range(count))))
    else:
        generator = np.random.default_rng(seed)
        orders = generator.permuted(np.tile(np.arange(count), (NUM_PERMUTATIONS, 1)), axis=1)
        orders[0] = np.arange(count)  # the order that was found is one of them
    found = spearman(np.broadcast_to(x, orders.shape), y[orders])
    rho = float(spearman(x[None], y[None])[0])
    return RunsAgree(rho, float(np.mean(np.abs(found) >= abs(rho) - ROUNDING)), count)
