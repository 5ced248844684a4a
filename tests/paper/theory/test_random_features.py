"""The random feature model and perturbations of it, against what they are defined to be."""

import numpy as np
import pytest

from flatdiff.errors import SettingsError
from flatdiff.paper.theory import random_features
from flatdiff.paper.theory.random_features import RandomFeatures, draw_features
from flatdiff.paper.theory.tilted_priors import STANDARD, THREE
from tests.counterexample import counterexample

MODELS = [draw_features(m, seed) for m, seed in [(4, 0), (8, 1), (16, 2), (64, 3)]]
named = pytest.mark.parametrize("features", MODELS, ids=lambda features: f"m={features.m}")


def is_symmetric(features: RandomFeatures, delta: np.ndarray) -> bool:
    """Of delta W^T, for one or many."""
    product = delta @ features.W.T
    return np.allclose(product, np.swapaxes(product, -1, -2), atol=1e-9)


@named
def test_features_are_scaled_and_active_around_zero(features: RandomFeatures) -> None:
    """Singular values by numpy; at x = 0 nothing is cut off by ReLU."""
    assert np.linalg.svd(features.W)[1][0] == pytest.approx(features.m)
    assert np.linalg.norm(features.U.T @ features.e) == pytest.approx(features.m)
    assert (features.features(np.zeros(2)) > 0).all()


@pytest.mark.parametrize("m", [3, 65])
def test_number_of_features_out_of_range(m: int) -> None:
    """What was expected and what came."""
    with pytest.raises(SettingsError, match=rf"\[4, 64\], got {m}"):
        draw_features(m, 0)


def test_score_by_hand() -> None:
    """Two features of one point: 1/2 theta (1 * 3 - 1, -2 * 3 + 1), and cut off."""
    W, U, e = np.array([[1.0, -2.0], [0.0, 0.0]]), np.array([[-1.0, 1.0]]), np.ones(1)
    theta, x = np.array([[2.0, 4.0], [0.0, 6.0]]), np.array([3.0, 9.0])
    linear = RandomFeatures(W, U, e)
    np.testing.assert_allclose(linear.score(theta, x), [(2 * 2 - 4 * 5) / 2, -6 * 5 / 2])
    cut = RandomFeatures(W, U, e, "relu")
    np.testing.assert_allclose(cut.score(theta, x), [2, 0])


@named
def test_fit_to_noise_is_exact(features: RandomFeatures) -> None:
    """The score of N(0, I) is -x, which linear features can say."""
    x = np.random.default_rng(0).normal(size=(100, 2))
    theta = random_features.least_squares(features, x, STANDARD.score(x), np.ones(100))
    np.testing.assert_allclose(features.score(theta, x), -x, atol=1e-9)


@named
def test_fit_cannot_be_improved(features: RandomFeatures) -> None:
    """On three Gaussians: every step from it costs, whatever its direction."""
    draw = np.random.default_rng(0)
    x, weights = draw.normal(size=(200, 2)), draw.uniform(size=200)

    def mean_loss(theta: np.ndarray) -> float:
        return float(
            weights @ random_features.score_loss(features.score(theta, x), THREE.score(x))
        )

    theta = random_features.least_squares(features, x, THREE.score(x), weights)
    for _ in range(20):
        assert mean_loss(theta + 0.1 * draw.normal(size=theta.shape)) >= mean_loss(theta)


@named
def test_perturbations_have_norm_one_and_are_symmetric(features: RandomFeatures) -> None:
    """But the one that is made not to be."""
    along = random_features.slice_along(features, 50.0)
    deltas = [
        random_features.random_perturbation(features, 5),
        counterexample(features),
        *random_features.effective_perturbations(features, 10, 5),
        *along.perturbations(np.arange(0.0, 360.0, 30.0)),
        along.perturbations(along.only_shift(features)),
    ]
    for delta in deltas:
        assert np.linalg.svd(delta)[1][0] == pytest.approx(1)
        assert is_symmetric(features, delta)
    broken = random_features.asymmetric(features)
    assert np.linalg.svd(broken)[1][0] == pytest.approx(1)
    assert not is_symmetric(features, broken)


@named
def test_slice_does_what_its_mixes_say(features: RandomFeatures) -> None:
    """A and b from the definitions, along the axis W U^T e."""
    along = random_features.slice_along(features)
    v = features.W @ features.bias
    np.testing.assert_allclose(along.v, v / np.linalg.norm(v))
    tilts = {
        mix: random_features.tilt_of(features, along.perturbations(mix))
        for mix in (0, 90, 180, 270)
    }
    stretches = {mix: along.v @ tilt.quadratic @ along.v for mix, tilt in tilts.items()}
    assert stretches[0] > 0
    assert stretches[90] > 0
    assert stretches[180] < 0
    assert stretches[270] < 0
    for mix in (90, 270):
        np.testing.assert_allclose(tilts[mix].linear, 0, atol=1e-12)
    assert np.linalg.norm(tilts[180].linear) == pytest.approx(1), "as far as ||delta|| = 1 can"
    np.testing.assert_allclose(along.perturbations(180), counterexample(features))
    shift = random_features.tilt_of(features, along.perturbations(along.only_shift(features)))
    np.testing.assert_allclose(shift.quadratic, 0, atol=1e-12)
    assert shift.linear @ along.v < 0, "mu = -b: along the axis"


@named
def test_needed_size_is_the_least(features: RandomFeatures) -> None:
    """Of a Gaussian that a known perturbation makes; adding what does nothing only adds norm."""
    along = random_features.slice_along(features, 110.0)
    delta = 0.7 * along.perturbations(200.0)
    cov = np.linalg.inv(np.eye(2) + delta @ features.W.T / features.m)
    mean = -cov @ delta @ features.bias / features.m
    std = np.asarray(np.sqrt(along.v @ cov @ along.v))
    size = random_features.needed_size(features, along.v, np.asarray(mean @ along.v), std)
    assert size == pytest.approx(0.7)


@named
def test_loss_is_constant_on_no_ball(features: RandomFeatures) -> None:
    """Definition 3.1: the second difference along delta = z^T is 2 ||z||^2 ||z / m||^2, not 0."""
    x, theta = np.array([0.3, -0.2]), np.zeros((2, features.m))
    z = features.W.T @ x + features.bias
    delta = np.stack([z, np.zeros_like(z)])
    losses = [
        float(random_features.score_loss(features.score(theta + s * delta, x), STANDARD.score(x)))
        for s in (-1, 0, 1)
    ]
    expected = 2 * (z @ z / features.m) ** 2
    assert losses[0] - 2 * losses[1] + losses[2] == pytest.approx(expected)
    assert expected > 0
