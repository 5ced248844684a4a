"""A verdict says no more than the errors allow."""

import numpy as np
import pytest

from flatdiff.measures.comparison import Estimate, ratio_of
from flatdiff.views import SECTIONS
from flatdiff.views.verdict import verdict

ADM = ("ADM", Estimate(2.0, 0.1))


def test_the_interval_of_a_ratio_covers_it_as_often_as_it_says() -> None:
    """4,000 pairs of draws around 3 and 1, with errors of a twelfth: Fieller's is exact."""
    draws = np.random.default_rng(0).normal([3.0, 1.0], [0.25, 0.08], (4000, 2))
    found = [ratio_of(Estimate(a, 0.25), Estimate(b, 0.08)) for a, b in draws]
    covered = np.mean([each.low <= 3.0 <= each.high for each in found])
    assert covered == pytest.approx(0.95, abs=0.01)


def test_equal_numbers_are_told_apart_as_seldom_as_it_says() -> None:
    draws = np.random.default_rng(1).normal(1.0, 0.1, (4000, 2))
    decided = [ratio_of(Estimate(a, 0.1), Estimate(b, 0.1)).decided for a, b in draws]
    assert np.mean(decided) == pytest.approx(0.05, abs=0.01)


def test_the_best_of_eight_equals_is_seldom_called_better() -> None:
    """The best is chosen by looking; the interval knows it."""
    draws = np.random.default_rng(2).normal(1.0, 0.1, (2000, 9))
    said = [verdict("rise", [(str(k), Estimate(x, 0.1)) for k, x in enumerate(r)]) for r in draws]
    assert np.mean([not text.startswith("Not decided") for text in said]) < 0.06


@pytest.mark.parametrize(
    ("found", "said"),
    [
        ([ADM], ""),
        ([ADM, ("SAM", Estimate(np.nan, 0.1))], ""),
        ([ADM, ("SAM", Estimate(1.0, 0.01))], "SAM: 2.0 times less rise than ADM (1.80 to 2.2)."),
        ([ADM, ("SAM", Estimate(4.0, 0.01))], "ADM: 2.0 times less rise than SAM (1.82 to 2.2)."),
        (
            [ADM, ("SAM", Estimate(-1.0, 0.01))],
            "SAM: less rise than ADM, -1.000 ± 0.010 against 2.00 ± 0.10.",
        ),
        (
            [ADM, ("SAM", Estimate(1.9, 0.1))],
            "Not decided: the rise is 1.90 ± 0.10 for SAM and 2.00 ± 0.10 for ADM.",
        ),
    ],
)
def test_words(found: list[tuple[str, Estimate]], said: str) -> None:
    assert verdict("rise", found) == said


def test_every_measuring_page_has_something_to_say() -> None:
    """Of samples at points, rescaling, blocks and layers none is better for being less."""
    silent = {name for name, section in SECTIONS.items() if section.headline is None}
    assert silent == {"atlas", "nearby", "blocks", "rescaling", "sensitivity", "similarity"}
