"""The exact test over training runs, against SciPy's and against chance."""

import numpy as np
import pytest
from scipy import stats

from flatdiff.paper.rank_correlation import runs_agree


@pytest.mark.parametrize("num_runs", [2, 3, 5, 7])
def test_the_test_over_runs_is_scipys_exact_one(num_runs: int) -> None:
    """Its permutation test of the same statistic, over all orders; with ties."""
    draw = np.random.default_rng(num_runs)
    x, y = draw.normal(size=num_runs), draw.integers(0, num_runs + 3, num_runs).astype(float)
    found = runs_agree(x, y)
    expected = stats.permutation_test(
        (x,),
        lambda order: stats.spearmanr(order, y)[0],
        permutation_type="pairings",
        n_resamples=np.inf,  # pyright: ignore[reportArgumentType]  # all of them
    )
    assert found.rho == pytest.approx(expected.statistic)
    assert found.p_value == pytest.approx(expected.pvalue)


def test_unrelated_runs_are_called_related_as_seldom_as_it_says() -> None:
    """Six runs, 300 times, at 5 %; where the bootstrap over checkpoints errs in up to a third."""
    draw = np.random.default_rng(0)
    decided = [runs_agree(draw.normal(size=6), draw.normal(size=6)).decided for _ in range(300)]
    assert np.mean(decided) < 0.08


def test_three_runs_decide_nothing_and_ten_are_drawn() -> None:
    x = np.arange(3.0)
    assert runs_agree(x, x).sentence("bias") == (
        "Not decided for bias: rank correlation +1.00 over 3 training runs; chance alone does as "
        "much in 33% of cases."
    )
    many = np.arange(10.0)
    assert runs_agree(many, -many).sentence("bias") == (
        "Flatter runs have more bias: rank correlation -1.00 over 10 training runs; chance alone "
        "does as much in less than 1% of cases."
    )
    assert runs_agree(x[:1], x[:1]).sentence("bias") == ""
    assert runs_agree(np.ones(4), np.arange(4.0)).sentence("bias") == ""
