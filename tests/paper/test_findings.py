"""Findings: intervals against closed forms and repetition, verdicts against tables of cases."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from scipy import stats

from flatdiff.measures.exposure import MEASURE as EXPOSURE
from flatdiff.measures.exposure import ExposureSettings
from flatdiff.measures.quantization import MEASURE as QUANTIZATION
from flatdiff.measures.quantization import QuantizationSettings
from flatdiff.measures.radius import MEASURE as RADIUS
from flatdiff.measures.radius import RadiusSettings
from flatdiff.paper.claims import CLAIMS, FIDS, Alike, Claim, Lower, Order
from flatdiff.paper.findings import RISES, SHARES, VERDICTS, findings, reported_correlation
from flatdiff.paper.quantities import (
    FRECHET,
    FRECHET_32,
    GAP,
    LOSS_RISES,
    LPF_CIFAR10,
    SLOPE,
    Quantity,
)
from flatdiff.paper.reported import TABLE_2, TABLE_3, flatness_by_method
from flatdiff.paper.results import Study
from flatdiff.paper.text import by_claim
from tests.results import frechet, measured_item
from tests.subjects import card_of

Draw = np.random.Generator


def study_of(
    column: Any, results: Sequence[Any], methods: Sequence[str] = ("sam", "adm")
) -> Study:
    """Checkpoints with the given results of one column."""
    items = [
        measured_item(column.measure, result, f"digits/{method}", column.settings)
        for method, result in zip(methods, results, strict=True)
    ]
    cards = [card_of(name=method, method=method, digest=method * 20) for method in methods]
    return Study(cards, items)


def finding_of(study: Study, test: Lower | Alike | Order) -> Any:
    """The finding of a claim with one test."""
    (found,) = findings(study, [Claim(text="so it is", source="Table 0", tests=(test,))])
    return found


def exposure(draw: Draw, shared: np.ndarray, drift: float) -> Any:
    """Of 200 images whose norms are the shared ones, a drift in sampling, and a little noise."""
    norms = {
        name: shared[k] + 0.01 * draw.normal(size=shared[k].shape)
        for k, name in enumerate(("sampling", "training"))
    }
    norms["sampling"] = norms["sampling"] + drift
    known = {"forward_std": np.ones(20), "grey_step": np.array(0.125), "dimension": np.array(64)}
    return EXPOSURE.assemble(ExposureSettings(), {0: {**norms, **known, "errors": shared[0]}})


def quantized(losses: np.ndarray) -> Any:
    """Losses (4, N) of the panel's members at 32, 8, 6 and 4 bits."""
    sizes = dict.fromkeys(("relative_error", "file_bytes", "packed_bytes"), np.array(1.0))
    rows = {k: {"losses": row, **sizes} for k, row in enumerate(losses)}
    return QUANTIZATION.assemble(QuantizationSettings(), rows)


def test_a_mean_of_paired_differences_has_scipys_interval() -> None:
    """At 4 bits: SciPy's normal interval of the members' differences of rises."""
    draw = np.random.default_rng(0)
    a, b = draw.normal(size=(2, 4, 50))
    study = study_of(LOSS_RISES[1], [quantized(a), quantized(b)])
    found = finding_of(study, Lower(Quantity(LOSS_RISES[1]), "sam", "adm"))
    differences = (a[3] - a[0]) - (b[3] - b[0])
    scale = differences.std(ddof=1) / math.sqrt(50)
    low, high = stats.norm.interval(0.95, differences.mean(), scale)
    assert (found.low, found.effect, found.high) == pytest.approx(
        (low, differences.mean(), high), rel=1e-9
    )


@pytest.mark.parametrize("sign", [1, -1])
def test_gaps_that_share_their_noise_are_told_apart(sign: int) -> None:
    """A difference of 0.05 in norms that scatter by 1, on either side of training."""
    draw = np.random.default_rng(1)
    shared = draw.normal(8, 1, (2, 20, 200))
    results = [exposure(draw, shared, sign * drift) for drift in (1.00, 1.05)]
    study = study_of(GAP, results)
    found = finding_of(study, Lower(Quantity(GAP), "sam", "adm"))
    assert found.verdict == "agrees"
    assert found.low < -0.05 < found.high
    assert found.high - found.low < 0.01 < results[0].mean_gap_stderr
    assert finding_of(study, Lower(Quantity(GAP), "adm", "sam")).verdict == "disagrees"


def test_an_interval_covers_the_truth_as_often_as_it_says() -> None:
    """200 pairs of checkpoints without a difference: some 5 % of the intervals miss it."""
    draw, missed = np.random.default_rng(2), 0
    for _ in range(200):
        shared = draw.normal(size=30)
        results = [
            quantized(np.stack([np.zeros(30), *shared + draw.normal(size=(3, 30))]))
            for _ in range(2)
        ]
        study = study_of(LOSS_RISES[0], results)
        found = finding_of(study, Lower(Quantity(LOSS_RISES[0]), "sam", "adm"))
        missed += found.verdict != "not decided"
    assert 2 <= missed <= 22


def radius(steepness: float) -> Any:
    """A loss that rises in proportion to the size along every direction, a little unevenly."""
    draw = np.random.default_rng(3)
    sizes = np.array(RadiusSettings().sizes)
    base = {
        "losses": np.ones(6),
        "vb": np.ones(6),
        "timesteps": np.arange(6),
        "num_steps": np.array(1000),
    }
    uneven = draw.uniform(0.9, 1.1, (16, 1, 1, 6))
    losses = 1 + steepness * uneven * sizes[:, None, None] * np.ones((1, 8, 2, 6))
    directions = {1 + k: {"losses": losses[k], "relative_norm": np.array(0.01)} for k in range(16)}
    return RADIUS.assemble(RadiusSettings(), {0: base, **directions})


@pytest.mark.parametrize(
    ("steepness", "lower", "alike"),
    [
        (0.5, "agrees", "disagrees"),
        (0.97, "agrees", "agrees"),
        (1.0, "not decided", "agrees"),
        (1.03, "disagrees", "agrees"),
        (2.0, "disagrees", "disagrees"),
    ],
)
def test_verdicts_on_slopes_that_are_known(steepness: float, lower: str, alike: str) -> None:
    """The same directions, one loss steeper than the other by a known factor."""
    study = study_of(SLOPE, [radius(steepness), radius(1.0)])
    quantity = Quantity(SLOPE)
    found = finding_of(study, Lower(quantity, "sam", "adm"))
    assert found.verdict == lower
    assert found.effect == pytest.approx(
        study.value(SLOPE, study.cards[0])[0] - study.value(SLOPE, study.cards[1])[0], rel=1e-6
    )
    assert found.low <= found.effect <= found.high
    assert finding_of(study, Alike(quantity, "sam", "adm")).verdict == alike


def test_what_is_not_a_number_decides_nothing() -> None:
    """And is said to be none."""
    losses = np.ones((4, 10))
    broken = losses.copy()
    broken[3, 0] = np.nan
    study = study_of(LOSS_RISES[1], [quantized(broken), quantized(losses)])
    for test in (Lower, Alike):
        found = finding_of(study, test(Quantity(LOSS_RISES[1]), "sam", "adm"))
        assert found.verdict == "not decided"
        assert "not a number" in found.sentence


@pytest.mark.parametrize(
    ("count", "verdict"), [(3, "not decided"), (4, "not decided"), (5, "agrees")]
)
def test_full_order_of_few_checkpoints(count: int, verdict: str) -> None:
    """Of four in full order nothing is concluded: it is so once in 24 times without any cause."""
    methods = [f"m{k}" for k in range(count)]
    results = [quantized(np.outer([0, k, 0, 2 * k], np.ones(9)) + 1.0) for k in range(count)]
    study = study_of(LOSS_RISES[0], results, methods)
    x, y = (Quantity(column) for column in LOSS_RISES)
    found = finding_of(study, Order(x, y))
    assert found.verdict == verdict
    assert ("not known" in found.sentence) == (count < 4)
    falling = [quantized(np.outer([0, k, 0, -k], np.ones(9)) + 1.0) for k in range(count)]
    against = finding_of(study_of(LOSS_RISES[0], falling, methods), Order(x, y))
    assert against.verdict == verdict.replace("agrees", "disagrees")


def test_the_papers_own_correlation_is_scipys() -> None:
    """LPF of Table 3 against FID of Table 2, ordered by hand."""
    order = ["adm", "adm-ema", "adm-swa", "ip", "ip-ema", "ip-swa", "sam", "sam-ema", "sam-swa"]
    lpf = [float(flatness_by_method(TABLE_3)[method]) for method in order]
    for steps, benefit in zip((20, 100), FIDS, strict=True):
        truth = stats.spearmanr(lpf, TABLE_2[f"CIFAR-10, {steps}"])[0]
        found = reported_correlation(Order(LPF_CIFAR10, benefit), "CIFAR-10")
        assert found.rho == pytest.approx(truth, abs=1e-12)


def test_claims_can_be_tested() -> None:
    """Every comparison of two has its pairs, and the two differ in one thing."""
    tests = [test for claim in CLAIMS for test in claim.tests]
    for test in tests:
        if not isinstance(test, Order):
            assert test.quantity.column.title in RISES.keys() | SHARES.keys()
            assert test.first != test.second
    assert len(tests) == len(set(map(repr, tests)))


def test_absent_methods_leave_no_finding_and_counts_add_up() -> None:
    """Of SAM and ADM with one result, only what is about the two is found."""
    results = [quantized(np.outer([0, k, 0, 2 * k], np.ones(9))) for k in (1, 2)]
    study = study_of(LOSS_RISES[0], results)
    tests = tuple(Lower(Quantity(LOSS_RISES[0]), a, "adm") for a in ("sam", "ip", "sam-ema"))
    found = findings(study, [Claim(text="x", source="y", tests=tests)])
    assert [finding.compared for finding in found] == ["loss rise at 8 bit: ADM +SAM minus ADM"]
    assert by_claim(found)[list(VERDICTS)].to_numpy().sum() == 1


def test_distances_of_sampled_images_differ_as_their_influences_do() -> None:
    """The share of each image has the error that the measure itself reports."""
    result = frechet()
    shares = SHARES[FRECHET_32[20].title](result)
    assert shares.shape == (1, 5)
    assert shares.std(ddof=1) / math.sqrt(5) == pytest.approx(result.frechet_stderr[0])
    assert FRECHET[20].num_images == 1024
