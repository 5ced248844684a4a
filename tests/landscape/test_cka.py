"""CKA against its definition, rotated copies, and what has nothing in common."""

from itertools import permutations
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from flatdiff.landscape.cka import (
    cka,
    hsic_table,
    jackknife_error,
    mean_cka,
    unbiased_hsic,
)


def features(seed: int, n: int = 32, d: int = 5) -> NDArray[np.float32]:
    """Standard normal."""
    return np.random.default_rng(seed).normal(size=(n, d)).astype(np.float32)


def gram(features: NDArray[Any]) -> NDArray[np.float64]:
    """Inner products."""
    return features.astype(np.float64) @ features.T.astype(np.float64)


def by_definition(k: NDArray[np.float64], m: NDArray[np.float64]) -> float:
    """The U-statistic over all ordered quadruples of different images (Gretton et al. 2005)."""
    quadruples = list(permutations(range(len(k)), 4))
    total = sum(k[i, j] * (m[i, j] + m[q, r] - 2 * m[i, q]) for i, j, q, r in quadruples)
    return total / len(quadruples)


def test_hsic_is_its_definition() -> None:
    """Of six images by brute force."""
    one, other = features(0, 6), features(1, 6, 3)
    k, m = gram(one), gram(other)
    assert unbiased_hsic(k, m) == pytest.approx(by_definition(k, m), rel=1e-9)
    assert unbiased_hsic(gram(one + 7), m) == pytest.approx(unbiased_hsic(k, m), rel=1e-6)


def test_a_turned_scaled_and_permuted_copy_is_alike_to_one() -> None:
    """And no sign, order or size of channels counts."""
    one = features(2)
    turned = np.linalg.qr(features(3, 5, 5))[0]
    copies = [one, -3 * one @ turned, one[:, ::-1] + 5]
    found = cka(hsic_table([gram(copy) for copy in copies])[None])
    np.testing.assert_allclose(found, 1, atol=1e-5)


def test_what_has_nothing_in_common_is_at_zero_however_many_dimensions() -> None:
    """Two hundred batches of eight images with a thousand features each: unbiased."""
    tables = np.array(
        [
            hsic_table([gram(features(2 * k, 8, 1000)), gram(features(2 * k + 1, 8, 1000))])
            for k in range(200)
        ]
    )
    found, error = cka(tables)[0, 1], jackknife_error(tables, cka)[0, 1]
    assert abs(found) < 3 * error < 0.2


def test_errors_are_the_scatter_over_batches() -> None:
    """Of sixteen batches, 300 times, features that share half of their variance."""
    draw, found, errors = np.random.default_rng(0), [], []
    for _ in range(300):
        tables = []
        for _ in range(16):
            one = draw.normal(size=(8, 3))
            other = one + draw.normal(size=(8, 3))
            tables.append(hsic_table([one @ one.T, other @ other.T]))
        found.append(cka(np.array(tables))[0, 1])
        errors.append(jackknife_error(np.array(tables), cka)[0, 1])
    assert np.mean(errors) == pytest.approx(np.std(found), rel=0.15)


def test_what_never_varies_has_none() -> None:
    """The same for all images, as a block that sees the timestep alone."""
    flat = np.zeros((8, 3), np.float32)
    tables = np.array([hsic_table([gram(features(0, 8)), gram(flat)])] * 2)
    assert np.isnan(cka(tables)[0, 1])
    assert cka(tables)[0, 0] == pytest.approx(1)
    both = np.stack([tables, np.ones_like(tables)], axis=1)
    assert mean_cka(both)[0, 1] == 1, "of two sets the one that has it"
    assert np.isnan(jackknife_error(tables[:1], cka)).all()
