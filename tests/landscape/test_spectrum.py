"""Spectra of matrices that are written down: their eigenvalues are known before any product."""

import itertools
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from flatdiff.landscape import spectrum as module
from flatdiff.landscape.spectrum import (
    Quadrature,
    eigen_products,
    lanczos_quadrature,
    random_signs,
    spectral_density,
    top_eigenpairs,
)


def symmetric(values: NDArray[np.float64], seed: int = 0) -> NDArray[np.float64]:
    """A dense matrix with these eigenvalues, in random directions."""
    draws = np.random.default_rng(seed).standard_normal((len(values), len(values)))
    rotation = np.linalg.qr(draws)[0]
    return rotation @ np.diag(values) @ rotation.T


def start(size: int, seed: int = 0, dtype: Any = np.float64) -> NDArray[Any]:
    """A Gaussian vector."""
    return np.random.default_rng(seed).standard_normal(size).astype(dtype)


SPECTRA = {
    "outliers above a bulk": np.append(np.linspace(-1, 1, 97), [30.0, 31.0, 70.0]),
    "all negative": np.linspace(-10, -1, 60),
    "hardly larger than the search": np.arange(21.0),
}


@pytest.mark.parametrize("name", SPECTRA)
@pytest.mark.parametrize("count", [1, 3])
def test_top_eigenpairs_are_those_of_the_matrix(name: str, count: int) -> None:
    """The eigenvalues were chosen here; a vector is right when the matrix only stretches it."""
    values = np.sort(SPECTRA[name])
    matrix = symmetric(values)
    pairs = top_eigenpairs(lambda v: matrix @ v, start(len(values)), count, 1e-6)
    np.testing.assert_allclose(pairs.values, values[::-1][:count], rtol=1e-5, atol=1e-9)
    np.testing.assert_allclose(pairs.vectors @ pairs.vectors.T, np.eye(count), atol=1e-9)
    for value, vector, residual in zip(pairs.values, pairs.vectors, pairs.residuals, strict=True):
        assert np.linalg.norm(matrix @ vector - value * vector) == pytest.approx(residual)
        assert np.abs(values - value).min() <= residual + 1e-9
        assert vector[np.abs(vector).argmax()] > 0


def test_sign_and_vectors_do_not_depend_on_the_start() -> None:
    """Else the two axes of a picture would turn with the seed."""
    matrix = symmetric(SPECTRA["outliers above a bulk"])
    one, other = (top_eigenpairs(lambda v: matrix @ v, start(100, s), 3, 1e-8) for s in (0, 1))
    np.testing.assert_allclose(one.vectors, other.vectors, atol=1e-6)


def test_spectrum_like_that_of_a_network() -> None:
    """Single precision, nearly all at 0, a few outliers; known because it is diagonal.

    The products are counted: the estimate is of the case that one sweep is enough, as here.
    """
    diagonal = np.append(1e-2 * start(50_000, 1), [40.0, 54.0, 70.0]).astype(np.float32)
    calls = []
    pairs = top_eigenpairs(
        lambda v: calls.append(0) or diagonal * v, start(50_003, dtype=np.float32), 3, 1e-3
    )
    np.testing.assert_allclose(pairs.values, [70, 54, 40], rtol=1e-5)
    assert pairs.vectors.dtype == np.float32
    assert (pairs.vectors.argmax(axis=1) == [50_002, 50_001, 50_000]).all()
    assert len(calls) == eigen_products(3)


BROKEN = {
    "not finite": lambda v: v * np.nan,
    "sometimes not finite": lambda v: np.where(v > 0.2, np.inf, v),
    "no curvature": lambda v: 0 * v,
}


@pytest.mark.parametrize("name", BROKEN)
def test_what_has_no_top_is_reported_as_unknown(name: str) -> None:
    """NaN in every place, and neither an exception nor a word of ARPACK's own."""
    pairs = top_eigenpairs(BROKEN[name], start(50), 2, 1e-3)
    assert (pairs.values.shape, pairs.vectors.shape) == ((2,), (2, 50))
    for part in (pairs.values, pairs.residuals, pairs.vectors):
        assert np.isnan(part).all()


def test_search_that_does_not_end_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """Evenly spaced eigenvalues are hard; one restart is not enough for them."""
    monkeypatch.setattr(module, "MAX_RESTARTS", 1)
    diagonal = np.linspace(0, 1, 3000)
    assert np.isnan(top_eigenpairs(lambda v: diagonal * v, start(3000), 2, 1e-6).values).all()


@pytest.mark.parametrize("num_steps", [1, 2, 5, 9])
def test_quadrature_is_exact_for_polynomials(num_steps: int) -> None:
    """Gauss: moments up to 2 m - 1 are those of the matrix's own powers."""
    matrix, probe = symmetric(np.linspace(-1, 2, 30)), start(30)
    run = lanczos_quadrature(lambda v: matrix @ v, probe, num_steps)
    for power in range(2 * num_steps):
        direct = probe @ np.linalg.matrix_power(matrix, power) @ probe / (probe @ probe)
        assert run.weights @ run.nodes**power == pytest.approx(direct, rel=1e-9)


def test_as_many_steps_as_eigenvalues_find_them_all() -> None:
    """Without full orthogonalisation outliers would come up twice and others never."""
    values = np.append(np.linspace(-1, 1, 60), [50.0, 100.0])
    matrix = symmetric(values)
    run = lanczos_quadrature(lambda v: matrix @ v, start(62), 62)
    np.testing.assert_allclose(run.nodes, np.sort(values), atol=1e-6)


def test_every_node_is_as_near_to_an_eigenvalue_as_it_says() -> None:
    """The bound of the residual, against all eigenvalues; and it is not merely large."""
    values = SPECTRA["outliers above a bulk"]
    matrix = symmetric(values)
    run = lanczos_quadrature(lambda v: matrix @ v, start(100), 15)
    distances = np.abs(run.nodes[:, None] - values).min(axis=1)
    assert (distances <= run.residuals + 1e-9).all()
    assert run.residuals[-1] < 1e-9


@pytest.mark.parametrize("values", [[1.0], [0.0], [-2.0, 3.0], [0.0, 1.0, 5.0]])
def test_run_ends_where_nothing_is_left(values: list[float]) -> None:
    """A matrix of few different eigenvalues has as many nodes, whatever is asked for."""
    diagonal = np.repeat(values, 8)
    run = lanczos_quadrature(lambda v: diagonal * v, np.ones(len(diagonal)), 20)
    np.testing.assert_allclose(run.nodes, values, atol=1e-12)
    np.testing.assert_allclose(run.weights, 1 / len(values))


def test_trace_is_the_mean_over_all_signs() -> None:
    """All 64 sign vectors of six entries: what Hutchinson's expectation is, in full."""
    matrix = symmetric(np.array([-3.0, 0, 1, 2, 5, 9]))
    runs = [
        lanczos_quadrature(lambda v: matrix @ v, np.array(signs), 1)
        for signs in itertools.product([-1.0, 1.0], repeat=6)
    ]
    assert 6 * np.mean([run.nodes for run in runs]) == pytest.approx(14, rel=1e-12)


def test_random_signs_are_fair_and_independent() -> None:
    """Binomial bounds of 4.5 deviations, for the signs and for products of neighbours."""
    signs = random_signs(100_000, 3).astype(float)
    assert set(signs) == {-1.0, 1.0}
    for sample in (signs, signs[1:] * signs[:-1], signs * random_signs(100_000, 4)):
        assert abs(sample.mean()) < 4.5 / 100_000**0.5
    assert np.array_equal(signs, random_signs(100_000, 3))


def test_density_of_a_diagonal_matrix_is_its_smeared_histogram() -> None:
    """Signs see a diagonal exactly: each probe is the sum of bells, written down here."""
    values = np.repeat([-2.0, 0.0, 1.0, 8.0], [1, 40, 6, 3])
    runs = [lanczos_quadrature(lambda v: values * v, random_signs(50, s) * 1.0, 9) for s in (0, 1)]
    density = spectral_density(runs, 50)
    assert density.width == pytest.approx(0.1)
    bells = np.exp(-(((density.grid[:, None] - values) / 0.1) ** 2) / 2) / (
        0.1 * np.sqrt(2 * np.pi)
    )
    for row in density.per_probe:
        np.testing.assert_allclose(row, bells.sum(axis=1), rtol=1e-6, atol=1e-9)


def test_moments_of_a_density() -> None:
    """Integral P; mean and second moment by the trace of A and A^2 plus the width of the bells."""
    values = np.append(np.linspace(-1, 3, 118), [20.0, 30.0])
    matrix = symmetric(values)
    runs = [
        lanczos_quadrature(lambda v: matrix @ v, random_signs(120, s) * 1.0, 40)
        for s in range(200)
    ]
    density = spectral_density(runs, 120)
    step = density.grid[1] - density.grid[0]
    moments = [density.per_probe @ density.grid**power * step for power in range(3)]
    np.testing.assert_allclose(moments[0], 120, rtol=1e-4)
    truths = (values.sum(), (values**2).sum() + 120 * density.width**2)
    for moment, truth in zip(moments[1:], truths, strict=True):
        error = moment.std(ddof=1) / len(runs) ** 0.5
        assert abs(moment.mean() - truth) < 4.5 * error


def test_semicircle_of_a_random_matrix() -> None:
    """Wigner: eigenvalues of a symmetric Gaussian matrix fill a half circle of radius 1."""
    draws = np.random.default_rng(0).standard_normal((600, 600))
    matrix = (draws + draws.T) / np.sqrt(8 * 600)
    runs = [
        lanczos_quadrature(lambda v: matrix @ v, random_signs(600, s) * 1.0, 80) for s in range(8)
    ]
    density = spectral_density(runs, 600)
    counted = np.cumsum(density.per_probe.mean(axis=0)) * (density.grid[1] - density.grid[0])
    x = density.grid.clip(-1, 1)
    law = 0.5 + (x * np.sqrt(1 - x**2) + np.arcsin(x)) / np.pi
    np.testing.assert_allclose(counted / 600, law, atol=0.02)


def test_no_finite_run_has_no_density() -> None:
    """One broken probe spoils the mean, so nothing is shown."""
    broken = lanczos_quadrature(lambda v: v * np.nan, start(20), 5)
    assert np.isnan(broken.nodes).all()
    whole = Quadrature(np.array([1.0]), np.ones(1), np.zeros(1))
    for runs in ([], [broken], [whole, broken]):
        assert spectral_density(runs, 20).grid.size == 0
