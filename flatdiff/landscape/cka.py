"""CKA is how alike two sets of features of the same images are, whatever their axes are called.

Centred kernel alignment (Kornblith et al. 2019, arXiv 1905.00414) with a linear kernel: 1 where
one set is a rotation of the other, times a number. From the unbiased estimate of HSIC (Song et al.
2012, Eq. 5), averaged over batches (Nguyen et al. 2021, arXiv 2010.15327, Eq. 3): features of more
dimensions than there are images would look alike by the usual one. NumPy alone.
"""

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

FEWEST_IMAGES = 4  # of a batch, for an unbiased estimate


def unbiased_hsic(one: NDArray[np.float64], other: NDArray[np.float64]) -> float:
    """Of two Gram matrices of the same n >= 4 images (Song et al. 2012, Eq. 5)."""
    n = len(one)
    k, m = (matrix - np.diag(np.diag(matrix)) for matrix in (one, other))
    rows, others = k.sum(axis=1), m.sum(axis=1)
    product = (k * m).sum() + rows.sum() * others.sum() / ((n - 1) * (n - 2))
    return float((product - 2 / (n - 2) * rows @ others) / (n * (n - 3)))


def hsic_table(grams: Sequence[NDArray[np.float64]]) -> NDArray[np.float64]:
    """Of every pair of M sets of features, (M, M)."""
    count = len(grams)
    table = np.empty((count, count))
    for i in range(count):
        for j in range(i + 1):
            table[i, j] = table[j, i] = unbiased_hsic(grams[i], grams[j])
    return table


def cka(tables: NDArray[np.float64]) -> NDArray[np.float64]:
    """From HSIC of batches, (batches, ..., M, M) to (..., M, M).

    NaN where a set of features is the same for all images, or nearly so.
    """
    total = tables.mean(axis=0)
    own = np.diagonal(total, axis1=-2, axis2=-1)
    scale = own[..., :, None] * own[..., None, :]
    fits = (own[..., :, None] > 0) & (own[..., None, :] > 0)
    return np.divide(total, np.sqrt(np.abs(scale)), out=np.full(total.shape, np.nan), where=fits)


def over_known(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Mean over the first axis where a value is known; NaN where none is."""
    known = np.isfinite(values)
    total, count = np.where(known, values, 0.0).sum(axis=0), known.sum(axis=0)
    return np.divide(total, count, out=np.full(total.shape, np.nan), where=count > 0)


def mean_cka(tables: NDArray[np.float64]) -> NDArray[np.float64]:
    """From HSIC of batches, (batches, K, M, M) to (M, M): the mean over K sets of features."""
    return over_known(cka(tables))


def jackknife_error(
    tables: NDArray[np.float64], statistic: Callable[[NDArray[np.float64]], NDArray[np.float64]]
) -> NDArray[np.float64]:
    """Standard error of what is made of batches, over other batches (Efron & Stein 1981).

    NaN for fewer than two.
    """
    count = len(tables)
    if count < 2:
        return np.full_like(statistic(tables), np.nan)
    left_out = np.array([statistic(np.delete(tables, k, axis=0)) for k in range(count)])
    spread = ((left_out - left_out.mean(axis=0)) ** 2).sum(axis=0)
    return np.sqrt((count - 1) / count * spread)
