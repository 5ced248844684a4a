"""A spectrum is all eigenvalues of a symmetric matrix that is known only by its products.

From products alone: the top eigenpairs (ARPACK's implicitly restarted Lanczos), and v^T f(A) v as
a Gauss quadrature with the eigenvalues of a small tridiagonal matrix as nodes (Golub & Meurant
2010). Averaged over random signs v, f(x) = x gives the trace (Hutchinson 1990) and f = a narrow
bell at a place the density there: stochastic Lanczos quadrature (Ghorbani et al. 2019,
arXiv 1901.10159). No torch.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy
from numpy.typing import NDArray

# v (P,) -> A v (P,), of the same type.
Product = Callable[[NDArray[Any]], NDArray[Any]]

MAX_RESTARTS = 20  # of ARPACK; a spectrum that needs more is reported as not found
WIDTH_SHARE = 0.01  # of the spectrum's range: the standard deviation of a density's bells
MARGIN_WIDTHS = 4  # of a bell, that a density's grid goes beyond the outermost nodes
GRID_POINTS = 512


@dataclass(frozen=True)
class Eigenpairs:
    """The top of a spectrum; NaN throughout where it was not found."""

    values: NDArray[np.float64]  # (k,), from the largest down
    residuals: NDArray[np.float64]  # (k,), ||A v - value v||: an eigenvalue is that near
    vectors: NDArray[Any]  # (k, P), unit norm, their largest entry positive


@dataclass(frozen=True)
class Quadrature:
    """One Lanczos run: v^T f(A) v / v^T v = sum of weights * f(nodes)."""

    nodes: NDArray[np.float64]  # (m,), ascending; a NaN where the products are not finite
    weights: NDArray[np.float64]  # (m,), their sum is 1
    residuals: NDArray[np.float64]  # (m,): an eigenvalue is that near to the node


@dataclass(frozen=True)
class Density:
    """Eigenvalues by place, each smeared to a bell; the integral is the number of eigenvalues."""

    grid: NDArray[np.float64]  # (G,); nothing where there is no finite run
    per_probe: NDArray[np.float64]  # (probes, G), eigenvalues per unit
    width: float  # standard deviation of a bell


def eigen_products(count: int) -> int:
    """Products that `top_eigenpairs` takes at least."""
    return _krylov_size(count) + 1 + count


def _krylov_size(count: int) -> int:
    """As SciPy chooses it."""
    return max(2 * count + 1, 20)


def top_eigenpairs(
    product: Product, start: NDArray[Any], count: int, tolerance: float
) -> Eigenpairs:
    """The largest eigenvalues with their vectors.

    Args:
        product: of a symmetric matrix.
        start: (P,), not orthogonal to what is looked for: a Gaussian vector.
        count: how many, k < P.
        tolerance: relative accuracy of the eigenvalues at which ARPACK stops.
    """
    solver, size = scipy.sparse.linalg, len(start)
    operator = solver.LinearOperator((size, size), matvec=_finite(product), dtype=start.dtype)  # pyright: ignore[reportCallIssue]
    try:
        values, vectors = solver.eigsh(
            operator,
            count,
            which="LA",
            v0=start,
            ncv=min(size, _krylov_size(count)),
            maxiter=MAX_RESTARTS,
            tol=tolerance,  # pyright: ignore[reportArgumentType]
        )
    except (solver.ArpackError, FloatingPointError):
        unknown = np.full(count, np.nan)
        return Eigenpairs(unknown, unknown, np.full((count, size), np.nan, start.dtype))
    order = np.argsort(-values)
    values, rows = values[order].astype(np.float64), np.ascontiguousarray(vectors.T[order])
    residuals = [np.linalg.norm(product(v) - x * v) for x, v in zip(values, rows, strict=True)]
    return Eigenpairs(values, np.array(residuals, np.float64), _signed(rows))


def _finite(product: Product) -> Product:
    """ARPACK must never see a NaN: it would go on with it, or stop the process."""

    def checked(vector: NDArray[Any]) -> NDArray[Any]:
        result = product(vector)
        if not np.isfinite(result).all():
            raise FloatingPointError("the product is not finite")
        return result

    return checked


def _signed(rows: NDArray[Any]) -> NDArray[Any]:
    """An eigenvector's sign is free: the entry of largest magnitude is made positive."""
    largest = np.take_along_axis(rows, np.abs(rows).argmax(axis=1)[:, None], axis=1)
    return rows * np.sign(largest)


def random_signs(length: int, seed: int) -> NDArray[np.int8]:
    """A probe of +1 and -1 (Rademacher), (length,): of all probes the one of least variance."""
    return 2 * np.random.default_rng(seed).integers(0, 2, length, dtype=np.int8) - 1


def lanczos_quadrature(product: Product, probe: NDArray[Any], num_steps: int) -> Quadrature:
    """Lanczos from a probe, orthogonalised in full: memory is that of num_steps vectors.

    Args:
        product: of a symmetric matrix.
        probe: (P,), not zero.
        num_steps: products, at least 1; fewer are taken where nothing is left to find.
    """
    basis = np.empty((num_steps, len(probe)), probe.dtype)
    vector, alphas, betas = probe / np.linalg.norm(probe), [], []
    for step in range(num_steps):
        basis[step] = vector
        rest = product(vector)
        alphas.append(float(vector @ rest))
        if not np.isfinite(alphas[-1]):
            return Quadrature(np.full(1, np.nan), np.ones(1), np.full(1, np.nan))
        for _ in range(2):  # twice is enough (Parlett 1980)
            rest = rest - (basis[: step + 1] @ rest) @ basis[: step + 1]
        betas.append(float(np.linalg.norm(rest)))
        if betas[-1] <= np.finfo(probe.dtype).eps * np.abs(alphas + betas).max():
            break
        vector = rest / betas[-1]
    return _gauss_quadrature(np.array(alphas), np.array(betas))


def _gauss_quadrature(alphas: NDArray[np.float64], betas: NDArray[np.float64]) -> Quadrature:
    """Nodes and weights of a tridiagonal matrix; the last beta leads out of it."""
    inner = betas[:-1]
    nodes, vectors = np.linalg.eigh(np.diag(alphas) + np.diag(inner, 1) + np.diag(inner, -1))
    return Quadrature(nodes, vectors[0] ** 2, np.abs(betas[-1] * vectors[-1]))


def spectral_density(runs: Sequence[Quadrature], size: int) -> Density:
    """The density that each run sees, all on one grid over the range of all nodes.

    Args:
        runs: of independent probes.
        size: number of eigenvalues, P.
    """
    nodes = np.concatenate([np.empty(0), *(run.nodes for run in runs)])
    if not nodes.size or not np.isfinite(nodes).all():
        return Density(np.empty(0), np.empty((len(runs), 0)), float("nan"))
    low, high = float(nodes.min()), float(nodes.max())
    width = WIDTH_SHARE * ((high - low) or abs(high) or 1.0)
    margin = MARGIN_WIDTHS * width
    grid = np.linspace(low - margin, high + margin, GRID_POINTS)
    rows = [size * _bells(grid, run.nodes, width) @ run.weights for run in runs]
    return Density(grid, np.array(rows), width)


def _bells(
    grid: NDArray[np.float64], nodes: NDArray[np.float64], width: float
) -> NDArray[np.float64]:
    """Gaussians of unit area around nodes, (G, m)."""
    z = (grid[:, None] - nodes) / width
    return np.exp(-(z**2) / 2) / (width * np.sqrt(2 * np.pi))
