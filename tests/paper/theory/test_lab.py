"""The paper's statements, each held to what the theory says of it and to brute force."""

import numpy as np
import pytest

from flatdiff.paper.theory import lab, random_features
from flatdiff.paper.theory.lab import check_equality
from flatdiff.paper.theory.random_features import RandomFeatures, draw_features
from flatdiff.paper.theory.tilted_priors import STANDARD, THREE, Mixture, kl_divergence
from tests.counterexample import counterexample

DRAWS = [(m, seed) for m in (4, 12, 40) for seed in range(3)]


@pytest.mark.parametrize(("m", "seed"), DRAWS)
@pytest.mark.parametrize("prior", [STANDARD, THREE], ids=["one", "three"])
def test_equality_11_holds_where_the_proof_does(prior: Mixture, m: int, seed: int) -> None:
    """To 1e-10 of the loss, at every point; the constant against a sum over a grid."""
    features = draw_features(m, seed)
    found = check_equality(
        features, 0.8 * random_features.random_perturbation(features, seed), prior
    )
    np.testing.assert_allclose(found.right, found.left, rtol=1e-10, atol=1e-10)
    assert found.share_equal == 1
    assert found.left.max() > 0.1, "or there would be nothing to compare"
    assert found.constant == pytest.approx(found.integral, abs=1e-9)


def test_asymmetric_perturbation_breaks_it_by_what_it_turns() -> None:
    """On N(0, I), fitted exactly: |Ax + b|^2 on the left, A's symmetric half on the right."""
    features = draw_features(8, 0)
    delta = random_features.asymmetric(features)
    found = check_equality(features, delta, STANDARD)
    x = lab.square(lab.HALF_WIDTH, lab.NUM_POINTS)
    A, b = delta @ features.W.T / 8, delta @ features.bias / 8
    np.testing.assert_allclose(found.left, np.square(x @ A.T + b).sum(-1), atol=1e-9)
    np.testing.assert_allclose(found.right, np.square(x @ (A + A.T) / 2 + b).sum(-1), atol=1e-9)
    assert found.share_equal < 0.1


def test_relu_keeps_it_where_every_feature_is_active() -> None:
    """And nowhere else, but at the few points where two losses happen to meet."""
    features = draw_features(4, 0, "relu")
    found = check_equality(features, 0.6 * counterexample(features), STANDARD)
    x = lab.square(lab.HALF_WIDTH, lab.NUM_POINTS)
    active = (x @ features.W + features.bias > 0).all(-1)
    assert 0.1 < active.mean() < 0.9
    np.testing.assert_array_equal(found.lowest > 0, active)
    assert (found.difference[active] < 1e-9).all()
    assert (found.difference[~active] > 1e-9).mean() > 0.99


def test_without_one_over_m_it_fails() -> None:
    """Eq. 12 as printed moves the prior m times too far, here out of existence."""
    features = draw_features(8, 0)
    delta = 0.6 * counterexample(features)
    found = check_equality(features, delta, STANDARD, as_printed=True)
    assert found.perturbed is None
    assert np.isnan(found.constant)
    np.testing.assert_allclose(found.right, 8**2 * found.left, rtol=1e-9)


@pytest.mark.parametrize(("m", "seed"), DRAWS)
@pytest.mark.parametrize("size", [0.1, 0.95])
def test_mean_has_a_minus(m: int, seed: int, size: float) -> None:
    """The sums over a grid know only the density."""
    features = draw_features(m, seed)
    delta = size * random_features.effective_perturbations(features, 1, seed)[0]
    found = lab.check_moments(random_features.tilt_of(features, delta))
    np.testing.assert_allclose(found.mean, found.summed_mean, atol=1e-9)
    np.testing.assert_allclose(found.cov, found.summed_cov, atol=1e-9)
    np.testing.assert_allclose(found.printed_mean, -found.summed_mean, atol=1e-9)


@pytest.mark.parametrize(("m", "seed"), DRAWS)
def test_eq_18_as_printed_fails_at_every_size_of_the_preset(m: int, seed: int) -> None:
    """And the corrected bound is met: KL equals it."""
    features = draw_features(m, seed)
    found = lab.bounds(features, counterexample(features), lab.SIZES[1:])
    assert (found.kl > found.printed * (1 + 1e-6)).all()
    np.testing.assert_allclose(found.kl, found.corrected, rtol=1e-9)


def test_corrected_bounds_hold_for_thousands_of_perturbations() -> None:
    """Random ones, of norms from 0.05 to 0.95, on random features."""
    failed = 0
    for m, seed in DRAWS:
        features = draw_features(m, seed)
        for delta in random_features.effective_perturbations(features, 40, seed):
            found = lab.bounds(features, delta, np.linspace(0.05, 0.95, 10))
            slack = 1 + 1e-12
            assert (found.kl <= found.corrected * slack).all()
            assert (found.corrected <= found.ball * slack).all()
            failed += int((found.kl > found.printed).sum())
    assert failed > 0, "the printed bound, on the same"


def brute_force(features: RandomFeatures, size: float, count: int) -> np.ndarray:
    """KL of random perturbations of one size."""
    deltas = size * random_features.effective_perturbations(features, count, 7)
    return np.array([kl_divergence(random_features.tilt_of(features, delta)) for delta in deltas])


@pytest.mark.parametrize(("m", "seed"), DRAWS[:4])
def test_radii_bracket_what_the_slice_covers(m: int, seed: int) -> None:
    """By the map of needed sizes, which knows no perturbations, only Gaussians."""
    features = draw_features(m, seed)
    along = random_features.slice_along(features, 40.0)
    found = lab.radii(features, along, np.array([0.3, 0.6, 0.9]))
    for k, size in enumerate(found.sizes):
        shown = lab.coverage(features, along, float(size), 201)
        covered = shown.needed <= size
        assert covered.any()
        assert shown.kl[covered].max() <= found.outer[k] * (1 + 1e-9)
        assert shown.kl[covered].max() > 0.9 * found.outer[k]
        assert shown.kl[~covered].min() >= found.inner[k] * (1 - 1e-3)
        assert shown.kl[~covered].min() < 1.2 * found.inner[k]
        assert brute_force(features, float(size), 200).max() <= found.ball[k]
    assert (np.diff(found.outer) > 0).all(), "the set grows"


def test_rise_is_the_mean_loss_at_the_worst_mix() -> None:
    """By Monte Carlo over noise, for the mix that a search finds."""
    features = draw_features(4, 0)
    along, x = (
        random_features.slice_along(features),
        np.random.default_rng(0).normal(size=(100_000, 2)),
    )
    theta = random_features.least_squares(features, x, -x, np.ones(len(x)))
    means = [
        random_features.score_loss(
            features.score(theta + 0.5 * along.perturbations(mix), x), -x
        ).mean()
        for mix in range(0, 360, 15)
    ]
    found = lab.radii(features, along, np.array([0.5]))
    assert max(means) == pytest.approx(float(found.rise[0]), rel=0.02)


def test_map_of_failures_is_bounds_at_its_cells() -> None:
    """A cell computed alone."""
    features = draw_features(4, 0)
    along = random_features.slice_along(features)
    ratio = lab.kl_over_printed(features, along)
    row, column = 20, 40
    size, mix = lab.SIZES[1:][row], lab.MIXES[column]
    one = lab.bounds(features, along.perturbations(mix), np.array([size]))
    assert ratio[row, column] == pytest.approx(float(one.kl[0] / one.printed[0]))
    assert (ratio > 1).any()
    assert (ratio < 1).any()


def test_covered_gaussians_are_the_tilted_noise() -> None:
    """Against the inverse written down once more."""
    features = draw_features(8, 1)
    deltas = 0.5 * random_features.effective_perturbations(features, 3, 0)
    for delta, (mean, cov) in zip(deltas, lab.gaussians(features, deltas), strict=True):
        precision = np.eye(2) + delta @ features.W.T / 8
        np.testing.assert_allclose(cov @ precision, np.eye(2), atol=1e-12)
        np.testing.assert_allclose(precision @ mean, -delta @ features.bias / 8, atol=1e-12)
