"""Claims over training runs: SciPy's own tests, and how often chance is called a finding."""

import numpy as np
import pytest
from scipy import stats

from flatdiff.paper.claims import Claim, Lower
from flatdiff.paper.over_runs import OverRuns, holm, over_runs, sentence
from flatdiff.paper.quantities import LPF_CIFAR10
from flatdiff.paper.results import Study
from tests.results import lpf, measured_item
from tests.subjects import card_of, changed
from tests.tiny import tiny_recipe

LPF = LPF_CIFAR10.column
RESULT, RECIPE = lpf(), tiny_recipe()
CLAIM = Claim(text="SAM flattens", source="Table 3", tests=(Lower(LPF_CIFAR10, "sam", "adm"),))


def study_of(numbers: dict[tuple[str, int, float], float]) -> Study:
    """LPF by method, seed and radius."""
    cards, items = [], []
    for (method, seed, rho), value in numbers.items():
        name = f"{method}{rho:g}-s{seed}"
        recipe = changed(RECIPE, method=method, seed=seed, sam_rho=rho)
        cards.append(card_of(name=name, method=method, recipe=recipe, digest=f"{name:0>64}"))
        items.append(measured_item("lpf", changed(RESULT, lpf=value), f"digits/{name}"))
    return Study(cards, items)


def drawn(seed: int, num_runs: int, effect: float) -> Study:
    """Seeds that share luck, and a little of their own."""
    draw = np.random.default_rng(seed)
    shared, own = draw.normal(0, 1, num_runs), draw.normal(0, 0.1, (2, num_runs))
    return study_of(
        {
            (method, k, 0.1): 3 + shared[k] + own[row, k] + effect * (method == "sam")
            for row, method in enumerate(("adm", "sam"))
            for k in range(num_runs)
        }
    )


def found_of(study: Study) -> OverRuns:
    (found,) = over_runs(study, [CLAIM])
    return found


def test_the_interval_is_that_of_scipys_paired_t_test() -> None:
    """Over four seeds."""
    study = drawn(0, 4, -0.2)
    adm, sam = (
        np.array([study.value(LPF, card)[0] for card in study.cards if card.method == method])
        for method in ("adm", "sam")
    )
    expected = stats.ttest_rel(sam, adm)
    found, ends = found_of(study), expected.confidence_interval(0.95)
    assert found.p_value == pytest.approx(expected.pvalue)
    assert (found.low, found.high) == pytest.approx((ends.low, ends.high))
    assert found.num_runs == 4


@pytest.mark.parametrize("effect", [0.0, -0.1])
def test_the_interval_covers_the_truth_over_runs(effect: float) -> None:
    """Of 95 % in 93 to 97 of 100 studies of three seeds, with an effect and without."""
    found = [found_of(drawn(seed, 3, effect)) for seed in range(500)]
    assert 0.93 <= np.mean([one.low <= effect <= one.high for one in found]) <= 0.97


def test_one_run_decides_nothing() -> None:
    """However far apart the two are."""
    found = found_of(drawn(0, 1, -2.0))
    assert (found.num_runs, found.verdict) == (1, "not decided")
    assert np.isnan([found.low, found.high]).all()
    assert sentence([found]).startswith("Nothing is decided over training runs")


def test_only_seeds_that_both_have_are_paired_and_radii_stay_apart() -> None:
    """Two radii are two arms; a seed that one lacks is left out."""
    study = study_of(
        {
            **{("adm", seed, 0.1): 1.0 for seed in range(3)},
            **{("sam", seed, 0.1): 0.5 + 0.01 * seed for seed in (1, 2, 7)},
            **{("sam", seed, 0.01): 0.9 for seed in (0, 1)},
        }
    )
    found = over_runs(study, [CLAIM])
    assert [(one.compared[-20:], one.num_runs) for one in found] == [
        ("ADM +SAM 0.1 minus ADM"[-20:], 2),
        ("ADM +SAM 0.01 minus ADM"[-20:], 2),
    ]
    assert found[0].effect == pytest.approx(-0.485)


def test_holm_against_twenty_tests_that_have_nothing_to_find() -> None:
    """Together they err in one case of twenty, where each alone errs that often."""
    p = np.random.default_rng(0).uniform(size=(2000, 20))
    wrong = np.mean([min(holm(row.tolist())) < 0.05 for row in p])
    assert wrong == pytest.approx(0.05, abs=0.012)


def test_holm_by_hand() -> None:
    """In the order given; never above 1, never below a smaller one's."""
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.9, 0.8]) == [1.0, 1.0]
    assert holm([]) == []
