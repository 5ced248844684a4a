"""How far two clouds of image features are apart: Frechet, kernel, precision and recall.

A cloud is one feature vector an image, (n, d). The Frechet distance sees each cloud as a Gaussian,

    |mu_a - mu_b|^2 + tr(S_a) + tr(S_b) - 2 tr((S_a S_b)^(1/2)),

squared, as FID is (Heusel et al. 2017, arXiv 1706.08500). With S = R R^T the last trace is the
nuclear norm of R_a^T R_b: no matrix square root, and with fewer images than features R is the
centred features themselves. It is biased: expected to be too large by about a constant over n
(Chong and Forsyth 2020, arXiv 1911.07023), so only equal numbers of images compare. The kernel
distance (KID, Binkowski et al. 2018, arXiv 1801.01401) is unbiased at any n. Precision and recall
are the improved ones (Kynkaanniemi et al. 2019, arXiv 1904.06991).

Every estimate comes with the influence of each image, the derivative of the number by the image's
weight (infinitesimal jackknife). Its spread gives the standard error for one decomposition in
all, while a bootstrap would take a hundred and repeats images, which a Frechet distance punishes
as it punishes a small sample; and influences of images from the same noise can be subtracted. The
second cloud, the reference, is held fixed; of the kernel distance, which compares image with image
and may have seen but a draw of the reference, there is the influence of each real image, too.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
import scipy
from jaxtyping import Bool, Float

NUM_NEIGHBORS = 3  # Kynkaanniemi et al. 2019, Sec. 3
ROWS_AT_ONCE = 1024  # of a kernel matrix; bounds memory
ROWS_OF_A_ROOT = 256  # multiplied at once; fewer skip more zeros, and add up more often


@dataclass(frozen=True)
class Gaussian:
    """A normal distribution of features by its mean and a root of its covariance."""

    mu: Float[np.ndarray, " d"]
    root: Float[np.ndarray, "d r"]  # covariance = root @ root.T


@dataclass(frozen=True)
class Estimate:
    """A number and what each image has to do with it."""

    value: float
    influence: Float[np.ndarray, " n"]  # its standard error is the number's; its mean is nothing
    # The same of each real image; empty where they are in the number as a Gaussian of all.
    of_reference: Float[np.ndarray, " m"] = field(default_factory=lambda: np.zeros(0))


def fit(features: Float[np.ndarray, "n d"]) -> Gaussian:
    """The Gaussian of some features, in float64, its covariance over n - 1 as in clean-fid."""
    mu, centred = _centred(features)
    count, dims = centred.shape
    if count <= dims:
        return Gaussian(mu, centred.T / np.sqrt(count - 1))
    return gaussian_of(mu, centred.T @ centred / (count - 1))


def gaussian_of(mu: Float[np.ndarray, " d"], cov: Float[np.ndarray, "d d"]) -> Gaussian:
    """From mean and covariance, which may be singular."""
    try:
        root = scipy.linalg.cholesky(cov, lower=True)
    except np.linalg.LinAlgError:
        values, vectors = np.linalg.eigh(cov)
        root = vectors * np.sqrt(values.clip(0))
    return Gaussian(mu, root)


def frechet_distance(a: Gaussian, b: Gaussian) -> float:
    """Squared, and without a matrix square root; rounding can make it negative by about 1e-8.

    The singular values of R_a^T R_b are roots of the eigenvalues of the smaller Gram matrix.
    """
    product = _transposed_product(a.root, b.root)
    small = product if len(product) <= product.shape[1] else product.T
    singular = np.sqrt(np.linalg.eigvalsh(small @ small.T).clip(0))
    shift = a.mu - b.mu
    return float(shift @ shift + (a.root**2).sum() + (b.root**2).sum() - 2 * singular.sum())


def frechet_estimate(features: Float[np.ndarray, "n d"], reference: Gaussian) -> Estimate:
    """The distance of at least two images from a reference, and each image's influence.

    Moving weight to image x changes the distance by 2 (mu - mu_b).x + x.x - x^T T x, up to a
    constant, with x centred and T the optimal map from one Gaussian to the other. In terms of
    M = X R_b, the centred features times the reference's root, x_i^T T x_i is entry (i, i) of
    sqrt(n) (M M^T)^(1/2): no inverse is needed, so fewer images than features will do. With many
    more, the standard error is that of repeated draws; with as few, it is a third too large.
    """
    mu, centred = _centred(features)
    mapped = _root_diagonal(centred @ reference.root) * np.sqrt(len(centred))
    influence = 2 * centred @ (mu - reference.mu) + (centred**2).sum(axis=1) - mapped
    return Estimate(frechet_distance(fit(features), reference), influence)


def kernel_estimate(
    features: Float[np.ndarray, "n d"], reference: Float[np.ndarray, "m d"]
) -> Estimate:
    """KID: the unbiased squared MMD of at least two images each, kernel (x.y / d + 1)^3.

    All pairs at once: subsets, usual since their first use, estimate the same with more noise.
    The influences are those of first order; where both clouds are alike to within the error, the
    error they give is too small.
    """
    x, y = features.astype(np.float64), reference.astype(np.float64)
    within, across = _mean_kernel(x, x), _mean_kernel(x, y)
    within_real, across_real = _mean_kernel(y, y), _mean_kernel(y, x)
    value = within.mean() + within_real.mean() - 2 * across.mean()
    return Estimate(float(value), 2 * (within - across), 2 * (within_real - across_real))


def precision_recall(
    features: Float[np.ndarray, "n d"], reference: Float[np.ndarray, "m d"]
) -> tuple[Bool[np.ndarray, " n"], Bool[np.ndarray, " m"]]:
    """Which images lie in the other cloud's support: generated in real, real in generated.

    The support of a cloud, of at least four points, is a ball around each point that reaches its
    third nearest other one. The means of the answers are precision and recall.
    """
    return _covered(features, reference), _covered(reference, features)


def _transposed_product(
    a: Float[np.ndarray, "d r"], b: Float[np.ndarray, "d s"]
) -> Float[np.ndarray, "r s"]:
    """a.T @ b at 0.4 of the cost where both are triangular, as the roots of covariances are."""
    product = np.zeros((a.shape[1], b.shape[1]))
    for start in range(0, len(a), ROWS_OF_A_ROOT):
        rows = slice(start, start + ROWS_OF_A_ROOT)
        r, s = _filled_width(a[rows]), _filled_width(b[rows])
        product[:r, :s] += a[rows, :r].T @ b[rows, :s]
    return product


def _filled_width(rows: Float[np.ndarray, "rows r"]) -> int:
    """How many columns there are up to the last one that is not all zero."""
    return int(np.flatnonzero(rows.any(axis=0)).max(initial=-1)) + 1


def _centred(
    features: Float[np.ndarray, "n d"],
) -> tuple[Float[np.ndarray, " d"], Float[np.ndarray, "n d"]]:
    features = features.astype(np.float64)
    mu = features.mean(axis=0)
    return mu, features - mu


def _root_diagonal(factor: Float[np.ndarray, "n r"]) -> Float[np.ndarray, " n"]:
    """Diagonal of (M M^T)^(1/2), by the eigenvectors of the smaller Gram matrix."""
    if len(factor) <= factor.shape[1]:
        values, vectors = np.linalg.eigh(factor @ factor.T)
        return vectors**2 @ np.sqrt(values.clip(0))
    values, vectors = np.linalg.eigh(factor.T @ factor)
    singular = np.sqrt(values.clip(0))
    return (factor @ vectors) ** 2 @ (1 / np.where(singular > 0, singular, np.inf))


def _mean_kernel(
    x: Float[np.ndarray, "n d"], y: Float[np.ndarray, "m d"]
) -> Float[np.ndarray, " n"]:
    """Mean kernel of each x with every y, with every other one where x is y."""
    scale, total = x.shape[1], np.empty(len(x))
    for start in range(0, len(x), ROWS_AT_ONCE):
        rows = slice(start, start + ROWS_AT_ONCE)
        base = x[rows] @ y.T / scale + 1
        total[rows] = (base * base * base).sum(axis=1)
    if x is not y:
        return total / len(y)
    return (total - ((x * x).sum(axis=1) / scale + 1) ** 3) / (len(x) - 1)


def _covered(
    points: Float[np.ndarray, "n d"], cloud: Float[np.ndarray, "m d"]
) -> Bool[np.ndarray, " n"]:
    radii = np.empty(len(cloud))
    for rows, squares in _squared_distances(cloud, cloud):
        within = np.arange(len(cloud))[rows]
        squares[np.arange(len(within)), within] = np.inf  # a point is not its own neighbour
        radii[rows] = np.partition(squares, NUM_NEIGHBORS - 1, axis=1)[:, NUM_NEIGHBORS - 1]
    found = [(squares <= radii).any(axis=1) for _, squares in _squared_distances(points, cloud)]
    return np.concatenate(found)


def _squared_distances(
    x: Float[np.ndarray, "n d"], y: Float[np.ndarray, "m d"]
) -> Iterator[tuple[slice, Float[np.ndarray, "rows m"]]]:
    """Of some rows of x at a time to all of y; about y's centre, where rounding is least."""
    centre = y.mean(axis=0, dtype=np.float64)
    x, y = x - centre, y - centre
    norms = (y * y).sum(axis=1)
    for start in range(0, len(x), ROWS_AT_ONCE):
        rows = slice(start, start + ROWS_AT_ONCE)
        own = (x[rows] * x[rows]).sum(axis=1, keepdims=True)
        yield rows, (own + norms - 2 * (x[rows] @ y.T)).clip(0)


@dataclass(frozen=True)
class ReferenceStatistics:
    """Of one split."""

    gaussian: Gaussian  # of all of its images
    features: Float[np.ndarray, "m d"]  # of up to KEPT_FEATURES of them, float32
    num_images: int
