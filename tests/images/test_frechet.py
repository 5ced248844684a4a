"""Distances of clouds: closed forms, clean-fid, and the spread over many draws."""

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from flatdiff.images import frechet as module
from flatdiff.images.frechet import (
    Estimate,
    fit,
    frechet_distance,
    frechet_estimate,
    gaussian_of,
    kernel_estimate,
    precision_recall,
)

Cloud = NDArray[np.float64]


def cloud(n: int, d: int, seed: int = 0, shift: float = 0.0) -> Cloud:
    """Correlated, not centred, another spread in every direction."""
    generator = np.random.default_rng(seed)
    mixing = np.random.default_rng(100 + seed).normal(size=(d, d)) / d**0.5
    return generator.normal(size=(n, d)) @ (np.eye(d) + mixing) + shift


def moments(features: Cloud) -> tuple[Cloud, Cloud]:
    """NumPy's."""
    return features.mean(axis=0), np.cov(features, rowvar=False)


def stderr(estimate: Estimate) -> float:
    """By the definition."""
    return float(estimate.influence.std(ddof=1) / len(estimate.influence) ** 0.5)


positive = st.lists(st.floats(1e-3, 1e3), min_size=3, max_size=3)


@given(positive, positive, st.lists(st.floats(-10, 10), min_size=3, max_size=3))
def test_independent_features_have_a_closed_form(
    a: list[float], b: list[float], shift: list[float]
) -> None:
    """With diagonal covariances: squared differences of means and of standard deviations."""
    one, other = gaussian_of(np.array(shift), np.diag(a)), gaussian_of(np.zeros(3), np.diag(b))
    expected = np.square(shift).sum() + np.square(np.sqrt(a) - np.sqrt(b)).sum()
    assert frechet_distance(one, other) == pytest.approx(expected, rel=1e-6, abs=1e-6)


@pytest.mark.parametrize("seed", range(5))
def test_two_correlated_features_have_a_closed_form(seed: int) -> None:
    """By Cayley and Hamilton, a 2 x 2 root has the trace sqrt(tr(M) + 2 sqrt(det(M)))."""
    (mu_a, cov_a), (mu_b, cov_b) = (moments(cloud(9, 2, seed + k)) for k in (0, 50))
    product = cov_a @ cov_b
    trace = np.sqrt(np.trace(product) + 2 * np.sqrt(np.linalg.det(product)))
    expected = np.square(mu_a - mu_b).sum() + np.trace(cov_a + cov_b) - 2 * trace
    found = frechet_distance(gaussian_of(mu_a, cov_a), gaussian_of(mu_b, cov_b))
    assert found == pytest.approx(expected, rel=1e-10)


SIZES = [(300, 200, 16), (40, 300, 64), (300, 40, 64), (20, 30, 64), (2, 2, 3)]


@pytest.mark.filterwarnings("ignore:The `disp` argument:DeprecationWarning")
@pytest.mark.parametrize(("n", "m", "d"), SIZES)
def test_agrees_with_clean_fid_to_six_digits(n: int, m: int, d: int) -> None:
    """It takes the square root of the product of covariances, from NumPy's moments."""
    from cleanfid.fid import frechet_distance as clean_fid_distance

    a, b = cloud(n, d), cloud(m, d, 1, shift=0.5)
    (mu_a, cov_a), (mu_b, cov_b) = moments(a), moments(b)
    try:
        expected = clean_fid_distance(mu_a, cov_a, mu_b, cov_b)
    except TypeError as error:
        pytest.skip(f"clean-fid does not run with this scipy: {error}")
    assert frechet_distance(fit(a), fit(b)) == pytest.approx(expected, rel=1e-6)
    from_moments = frechet_distance(gaussian_of(mu_a, cov_a), gaussian_of(mu_b, cov_b))
    assert from_moments == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize(("n", "m", "d"), SIZES)
def test_is_a_nuclear_norm_of_the_centred_features(n: int, m: int, d: int) -> None:
    """By singular values, which no product of covariances has rounded."""
    a, b = cloud(n, d), cloud(m, d, 1, shift=0.5)
    x, y = ((c - c.mean(axis=0)) / np.sqrt(len(c) - 1) for c in (a, b))
    expected = np.square(a.mean(axis=0) - b.mean(axis=0)).sum()
    expected += (x**2).sum() + (y**2).sum() - 2 * np.linalg.norm(x @ y.T, "nuc")
    assert frechet_distance(fit(a), fit(b)) == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize(("n", "d"), [(50, 5), (10, 40)])
def test_a_cloud_is_at_no_distance_from_itself(n: int, d: int) -> None:
    """Whatever its rank; features that never change are no reason to fail."""
    features = cloud(n, d)
    features[:, 0] = 3.0
    assert frechet_distance(fit(features), fit(features)) == pytest.approx(0, abs=1e-6)
    other = cloud(n, d, 1)
    there = frechet_distance(fit(features), fit(other))
    assert frechet_distance(fit(other), fit(features)) == pytest.approx(there)
    assert frechet_estimate(features, fit(features)).value == pytest.approx(0, abs=1e-6)


def test_float32_features_are_computed_in_float64() -> None:
    """A mean of 1000 with a spread of 1 leaves three digits of a float32 covariance."""
    features = (cloud(200, 4) + 1000).astype(np.float32)
    wide = features.astype(np.float64)
    reference = fit(cloud(200, 4, 1))
    assert frechet_estimate(features, reference).value == frechet_estimate(wide, reference).value
    assert kernel_estimate(features, features).value == kernel_estimate(wide, wide).value


def weighted_distance(features: Cloud, weights: Cloud, reference: Cloud) -> float:
    """Between the weighted cloud and another, by singular values."""
    mu = weights @ features
    x = (features - mu) * np.sqrt(weights)[:, None]
    y = (reference - reference.mean(axis=0)) / np.sqrt(len(reference) - 1)
    shift = mu - reference.mean(axis=0)
    nuclear = np.linalg.norm(x @ y.T, "nuc")
    return float(shift @ shift + (x**2).sum() + (y**2).sum() - 2 * nuclear)


@pytest.mark.parametrize(("n", "m", "d"), [(30, 60, 5), (12, 60, 20), (12, 9, 20)])
def test_influence_is_the_derivative_by_an_images_weight(n: int, m: int, d: int) -> None:
    """By differences: weight moves from all images to one; the constant is not compared."""
    features, reference = cloud(n, d), cloud(m, d, 1, shift=0.3)
    even, step = np.full(n, 1 / n), 1e-5
    ahead, behind = (
        [weighted_distance(features, even + h * (one - even), reference) for one in np.eye(n)]
        for h in (step, -step)
    )
    expected = (np.array(ahead) - np.array(behind)) / (2 * step)
    found = frechet_estimate(features, fit(reference)).influence
    np.testing.assert_allclose(found - found.mean(), expected, rtol=1e-3, atol=1e-3)


def of_frechet(features: Cloud, reference: Cloud) -> Estimate:
    return frechet_estimate(features, fit(reference))


def draws(count: int) -> list[Cloud]:
    """Independent clouds of one distribution."""
    generator = np.random.default_rng(0)
    mixing = np.eye(6) + 0.3 * generator.normal(size=(6, 6))
    return [generator.normal(size=(200, 6)) @ mixing for _ in range(count)]


@pytest.mark.parametrize("estimate", [of_frechet, kernel_estimate])
def test_standard_error_is_the_spread_over_draws(
    estimate: Callable[[Cloud, Cloud], Estimate],
) -> None:
    """Two hundred draws know nothing of influences; their spread is known to 5 %."""
    reference = cloud(150, 6, 1000, shift=0.5)
    found = [estimate(features, reference) for features in draws(200)]
    spread = np.std([each.value for each in found], ddof=1)
    assert np.mean([stderr(each) for each in found]) == pytest.approx(spread, rel=0.2)


@pytest.mark.parametrize("estimate", [of_frechet, kernel_estimate])
def test_error_of_a_difference_is_that_of_paired_influences(
    estimate: Callable[[Cloud, Cloud], Estimate],
) -> None:
    """A cloud and the same cloud moved: the difference spreads far less than either."""
    reference = cloud(150, 6, 1000, shift=0.5)
    pairs = [(estimate(x, reference), estimate(1.05 * x, reference)) for x in draws(200)]
    spread = np.std([b.value - a.value for a, b in pairs], ddof=1)
    errors = [stderr(Estimate(0.0, b.influence - a.influence)) for a, b in pairs]
    assert np.mean(errors) == pytest.approx(spread, rel=0.2)
    assert spread < 0.5 * np.mean([stderr(a) for a, _ in pairs])


def test_frechet_is_biased_and_kernel_is_not() -> None:
    """What the docstring says of few images, on clouds that are at no distance at all."""
    generator = np.random.default_rng(2)
    truth = gaussian_of(np.zeros(4), np.eye(4))
    few, more = (
        np.mean([frechet_estimate(generator.normal(size=(n, 4)), truth).value for _ in range(100)])
        for n in (20, 40)
    )
    assert more == pytest.approx(few / 2, rel=0.2)
    clouds = [(generator.normal(size=(20, 4)), generator.normal(size=(30, 4))) for _ in range(400)]
    values = np.array([kernel_estimate(*pair).value for pair in clouds])
    assert abs(values.mean()) < 3 * values.std() / 20


def test_kernel_distance_by_hand() -> None:
    """(xy + 1)^3: 27 within, 1 within, and 1, 64, 1, 343 across."""
    found = kernel_estimate(np.array([[1.0], [2.0]]), np.array([[0.0], [3.0]]))
    assert found.value == pytest.approx(27 + 1 - 2 * 409 / 4)


def test_kernel_distance_is_clean_fids(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its only subset, where there is one of all images, is a permutation of them."""
    from cleanfid.fid import kernel_distance

    a, b = cloud(50, 7), cloud(50, 7, 1, shift=0.2)
    expected = kernel_distance(a, b, num_subsets=1, max_subset_size=50)
    assert kernel_estimate(a, b).value == pytest.approx(expected, rel=1e-9)
    monkeypatch.setattr(module, "ROWS_AT_ONCE", 7)
    assert kernel_estimate(a, b).value == pytest.approx(expected, rel=1e-9)


# Of points 0, 1, 2, 3, 10 the third nearest others are 3, 2, 2, 3 and 9 away.
LINE = np.array([0.0, 1.0, 2.0, 3.0, 10.0])[:, None]
INSIDE = [
    # a point, whether a ball covers it
    (-3.0, True),
    (-3.1, False),
    (1.0, True),
    (6.0, True),
    (19.0, True),
    (19.1, False),
]


def test_precision_and_recall_by_hand() -> None:
    """The balls are drawn above; of six points on the line, four are inside."""
    points = np.array([point for point, _ in INSIDE])[:, None]
    precise, recalled = precision_recall(points, LINE)
    assert precise.tolist() == [inside for _, inside in INSIDE]
    # The points' own balls: 1.0 reaches 5 (to 6.0 and beyond), so everything real is inside.
    assert recalled.all()
    far = LINE + 100
    assert [answers.any() for answers in precision_recall(LINE, far)] == [False, False]


def test_recall_looks_the_other_way() -> None:
    """One tight bunch is precise and recalls little; the two exchange when the clouds do."""
    bunch = np.array([1.0, 1.01, 1.02, 1.03])[:, None]
    precise, recalled = precision_recall(bunch, LINE)
    assert (precise.mean(), recalled.mean()) == (1.0, 0.2)
    swapped = precision_recall(LINE, bunch)
    assert [answers.mean() for answers in swapped] == [0.2, 1.0]


@pytest.mark.parametrize("rows", [7, 1024])
def test_coverage_is_that_of_a_neighbour_search(
    monkeypatch: pytest.MonkeyPatch, rows: int
) -> None:
    """scikit-learn's, however many rows are looked at together."""
    from sklearn.neighbors import NearestNeighbors

    a, b = cloud(50, 7), cloud(60, 7, 1, shift=0.2)
    radii = NearestNeighbors(n_neighbors=3).fit(b).kneighbors()[0][:, -1]
    distances = np.linalg.norm(a[:, None] - b[None], axis=2)
    monkeypatch.setattr(module, "ROWS_AT_ONCE", rows)
    precise, _ = precision_recall(a, b)
    assert precise.tolist() == (distances <= radii).any(axis=1).tolist()
    assert 0 < precise.mean() < 1
