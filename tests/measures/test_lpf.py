"""LPF of a quadratic loss is L + sigma^2 tr(A S^2) / 2, with S the unit of the noise."""

from typing import Any

import numpy as np
import pytest
import torch
from scipy import stats

from flatdiff.landscape.directions import filter_scales
from flatdiff.measures.lpf import MEASURE, LpfResult, LpfSettings
from flatdiff.system.arrays import Arrays
from tests.subjects import (
    QuadraticSubject,
    computed,
    digits_subject,
    linear_subject,
    random_hessians,
)

SIGMA = 0.3
SEEDS = range(60)


def runs(mode: Any) -> tuple[float, list[LpfResult]]:
    """The exact value and its estimates from many seeds."""
    subject = QuadraticSubject(random_hessians())
    unit = filter_scales(subject.weights) if mode == "filter_relative" else torch.ones(20)
    diagonals = subject.hessians.diagonal(dim1=1, dim2=2).numpy()
    trace = (diagonals * unit.double().numpy() ** 2).sum(axis=1).mean()
    exact = 0.5 + SIGMA**2 * trace / 2
    settings = [
        LpfSettings(mode=mode, lpf_sigma=SIGMA, num_perturbations=40, seed=seed) for seed in SEEDS
    ]
    return exact, [computed(subject, "lpf", each) for each in settings]


@pytest.mark.parametrize("mode", ["absolute", "filter_relative"])
def test_estimate_and_its_error_on_a_quadratic_loss(mode: str) -> None:
    """Exact by E[d^T A d] = tr(A Cov d). Errors too small or too large both show in the z-scores.

    Of 60 intervals of 95 % fewer than 51 cover with probability 1e-3.
    """
    exact, results = runs(mode)
    z = np.array([(result.lpf - exact) / result.stderr for result in results])
    assert np.abs(z).max() < 4.5
    assert 0.75 < z.std() < 1.4
    assert abs(z.mean()) < 4 / len(z) ** 0.5
    covered = sum(result.ci_low <= exact <= result.ci_high for result in results)
    assert covered >= 51
    for result in results:
        assert result.gap == pytest.approx(result.lpf - 0.5, abs=1e-12)
        assert (result.loss, result.vb) == (0.5, -0.5)


def test_pairs_cancel_a_slope() -> None:
    """A linear loss is its own mean: every antithetic pair hits it, whatever the noise."""
    subject = linear_subject()
    result = computed(subject, "lpf", LpfSettings(lpf_sigma=2.0, num_perturbations=10))
    assert result.gap == pytest.approx(0, abs=1e-12)
    assert result.stderr == pytest.approx(0, abs=1e-12)
    rises = result.perturbed_losses - result.loss
    np.testing.assert_allclose(rises[0::2], -rises[1::2], rtol=1e-9)
    slope = subject.slopes.mean(dim=0)
    deltas = [subject.noise_direction(0, k, "absolute").double() for k in range(5)]
    np.testing.assert_allclose(rises[0::2], [float(2 * slope @ delta) for delta in deltas])


@pytest.mark.parametrize("mode", ["absolute", "filter_relative"])
def test_no_noise_is_the_loss_itself(mode: Any) -> None:
    """Exactly, with the real network: sigma 0 must not even round."""
    settings = LpfSettings(mode=mode, lpf_sigma=0.0, num_perturbations=4)
    result = computed(digits_subject(), "lpf", settings)
    assert result.lpf == result.loss == result.ci_low == result.ci_high
    assert (result.gap, result.stderr, result.relative_perturbation_norm) == (0, 0, 0)


def test_interval_is_students_over_pairs() -> None:
    """Six perturbations are three independent numbers: scipy.stats.t with two degrees."""
    result = computed(QuadraticSubject(random_hessians()), "lpf", LpfSettings(num_perturbations=6))
    pair_means = result.perturbed_losses.reshape(3, 2).mean(axis=1)
    low, high = stats.t.interval(0.95, 2, pair_means.mean(), stats.sem(pair_means))
    assert (result.ci_low, result.ci_high) == pytest.approx((low, high), rel=1e-9)
    assert result.lpf == pytest.approx(pair_means.mean(), rel=1e-12)


def test_perturbation_norm_by_its_definition() -> None:
    """Mean of sigma ||delta|| / ||theta||; about sigma sqrt(P) / ||theta|| for many weights."""
    subject = digits_subject(2)
    result = computed(subject, "lpf", LpfSettings(lpf_sigma=0.1, num_perturbations=4))
    weights = subject.weights.origin.double()
    expected = 0.1 * len(weights) ** 0.5 / float(weights.norm())
    assert result.relative_perturbation_norm == pytest.approx(expected, rel=0.01)


def test_compared_checkpoints_get_the_same_noise() -> None:
    """Absolute noise is the same vector for other weights, or a comparison is noise."""
    one = QuadraticSubject(random_hessians(0))
    other = QuadraticSubject(random_hessians(1))
    other.weights.origin.mul_(3)
    for index in (0, 7):
        noise = one.noise_direction(5, index, "absolute")
        assert torch.equal(noise, other.noise_direction(5, index, "absolute"))
        relative = one.noise_direction(5, index, "filter_relative")
        tripled = other.noise_direction(5, index, "filter_relative")
        assert torch.allclose(3 * relative, tripled)


@pytest.mark.parametrize("count", [0, 1, 2, 3, 4])
def test_partial_results_say_how_much_they_hold(count: int) -> None:
    """Of six perturbations: nothing, the base, and one to three pairs; nothing is invented."""
    subject, settings = QuadraticSubject(random_hessians()), LpfSettings(num_perturbations=6)
    some = computed(subject, "lpf", settings, count)
    whole = computed(subject, "lpf", settings)
    pairs = max(count - 1, 0)
    assert some.num_perturbations == 2 * pairs
    assert np.array_equal(some.perturbed_losses, whole.perturbed_losses[: 2 * pairs])
    assert np.isnan(some.lpf) == np.isnan(some.gap) == (pairs < 1)
    assert np.isnan(some.stderr) == np.isnan(some.ci_low) == (pairs < 2)
    np.testing.assert_equal(some.loss, 0.5 if count else np.nan)


def test_noise_that_breaks_the_network_is_reported_as_such() -> None:
    """An infinite loss makes the mean infinite and its error unknown, without a warning."""
    subject, settings = QuadraticSubject(random_hessians()), LpfSettings(num_perturbations=4)
    done = {
        k: MEASURE.evaluate(subject, settings, i) for k, i in enumerate(MEASURE.items(settings))
    }
    done[1]["losses"][0, 0] = np.inf
    result = MEASURE.assemble(settings, done)
    assert result.lpf == np.inf
    assert np.isnan(result.stderr)
    assert np.isnan(result.ci_low)


def planned(relative_stderr: float) -> tuple[LpfResult, int]:
    """Computed as the dispatcher does: what the plan wants, until it wants no more."""
    settings = LpfSettings(lpf_sigma=0.1, num_perturbations=400, relative_stderr=relative_stderr)
    subject, done = QuadraticSubject(random_hessians()), dict[int, Arrays]()
    items = MEASURE.items(settings)
    while missing := [k for k in MEASURE.needed(settings, done) if k not in done]:
        done |= {k: MEASURE.evaluate(subject, settings, items[k]) for k in missing}
    return MEASURE.assemble(settings, done), len(done)


def test_stops_at_the_first_stage_whose_error_is_small_enough() -> None:
    """The stages by hand, and each one's error from the whole run of 400."""
    whole, _ = planned(0.0)
    pairs = whole.perturbed_losses.reshape(-1, 2).mean(axis=1)
    stages = [8, 12, 18, 27, 40, 60, 90, 135]
    errors = [pairs[:n].std(ddof=1) / n**0.5 / pairs[:n].mean() for n in stages]
    for share in (0.5, 0.05, 0.02, 0.01):
        expected = next((n for n, e in zip(stages, errors, strict=True) if e <= share), 200)
        result, items = planned(share)
        assert result.num_perturbations == 2 * expected
        assert items == 1 + expected
        np.testing.assert_array_equal(
            result.perturbed_losses, whole.perturbed_losses[: 2 * expected]
        )


def test_rise_by_timestep() -> None:
    """Three members in the first three bins; the mean over bins is the gap."""
    subject = QuadraticSubject(random_hessians())
    result = computed(subject, "lpf", LpfSettings(num_perturbations=8))
    np.testing.assert_allclose(result.gap_by_timestep[:3], result.pair_gaps.mean(axis=0))
    assert np.isnan(result.gap_by_timestep[3:]).all()
    assert result.gap_by_timestep[:3].mean() == pytest.approx(result.gap, abs=1e-9)
    errors = result.pair_gaps.std(axis=0, ddof=1) / 2
    np.testing.assert_allclose(result.gap_by_timestep_stderr[:3], errors)
    assert (result.timestep_edges[[0, 1, -1]] == [0, 100, 1000]).all()
