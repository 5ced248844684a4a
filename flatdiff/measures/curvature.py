"""Curvature is the Hessian of the panel's mean loss by the weights: how it bends, in which ways.

Its top eigenvalues say how sharp the sharpest directions are, its trace how the loss rises under
small Gaussian noise (LPF - L = sigma^2 tr(H) / 2 + O(sigma^4)), its spectral density how many
directions are how sharp. Every Lanczos run from random signs tells both of the trace and of the
density. Like absolute LPF all of it changes under reparametrisation: rescaling a layer before a
norm changes the Hessian and not the function.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from flatdiff.landscape.spectrum import Quadrature, eigen_products, spectral_density
from flatdiff.measures.base import Item, Measure, stream_seed
from flatdiff.measures.statistics import mean, mean_and_error, standard_error
from flatdiff.settings import require, require_seed
from flatdiff.system.arrays import Arrays

if TYPE_CHECKING:  # a subject of a test answers what it is asked, and no more
    from flatdiff.landscape.measurable import Measurable

# What one batch costs in forward passes of it, as measured on digits/adm on one core.
GRADIENT_FORWARDS = 3
PRODUCT_FORWARDS = 10

LPF_SIGMAS = (0.001, 0.01)  # at which the rise of LPF is predicted


@dataclass(frozen=True, kw_only=True)
class CurvatureSettings:
    """How many eigenvalues, how many probes and how closely each looks."""

    num_eigenvalues: int = 3  # from the top down
    eigen_tolerance: float = 1e-3  # relative, at which the search for them stops
    num_probes: int = 6  # of random signs; errors fall with their square root
    num_lanczos_steps: int = 20  # a probe; more resolve the density better
    seed: int = 0  # of the probes and of the start of the search

    def __post_init__(self) -> None:
        object.__setattr__(self, "eigen_tolerance", float(self.eigen_tolerance))
        for name, low, high in (
            ("num_eigenvalues", 1, 16),
            ("num_probes", 2, 1000),
            ("num_lanczos_steps", 2, 200),
        ):
            value = getattr(self, name)
            fits = isinstance(value, int) and low <= value <= high
            require(fits, name, f"an integer in [{low}, {high}]", value)
        tolerance = self.eigen_tolerance
        require(1e-6 <= tolerance <= 0.1, "eigen_tolerance", "in [1e-06, 0.1]", tolerance)
        require_seed("seed", self.seed)


@dataclass(frozen=True)
class CurvatureResult:
    """Of the frozen panel's loss at the checkpoint; standard errors are over probes."""

    loss: float
    gradient_norm: float  # of the panel's mean loss; exact but for rounding
    eigenvalues: NDArray[np.float64]  # (k,), from the top down; NaN where not found
    eigenvalue_errors: NDArray[np.float64]  # (k,), ||H v - lambda v||: an eigenvalue is that near
    lowest_eigenvalue: float  # lowest Ritz value of all probes: none of them can be below the true
    lowest_eigenvalue_error: float  # an eigenvalue is that near
    trace: float
    trace_stderr: float
    # Of the sum of all squared eigenvalues, the part of the negative ones. It moves with the
    # number of Lanczos steps (digits/adm: 5 to 9 % from 20 to 40), which its error does not know.
    negative_share: float
    negative_share_stderr: float
    density_grid: NDArray[np.float64]  # (G,), curvature; nothing before the first probe
    density: NDArray[np.float64]  # (G,), eigenvalues per unit of curvature; integral: all of them
    density_stderr: NDArray[np.float64]  # (G,)
    density_width: float  # standard deviation of the bell that stands for an eigenvalue
    num_probes: int  # done so far

    def predicted_lpf_rise(self, sigma: float) -> tuple[float, float]:
        """Rise of the loss under noise of this sigma by the trace alone, and its standard error.

        Second order: right for small sigma, where the next term, of sigma^4, is small.
        """
        return sigma**2 / 2 * self.trace, sigma**2 / 2 * self.trace_stderr


def _items(settings: CurvatureSettings) -> Sequence[Item]:
    return [("gradient",), ("eigen",), *(("probe", k) for k in range(settings.num_probes))]


def _evaluate(subject: "Measurable", settings: CurvatureSettings, item: Item) -> Arrays:
    curvature = subject.curvature
    match item:
        case ("gradient",):
            norm = curvature.gradient_norm()
            return {"losses": subject.losses(), "gradient_norm": np.array(norm)}
        case ("eigen",):
            pairs = curvature.eigenpairs(
                settings.num_eigenvalues, settings.seed, settings.eigen_tolerance
            )
            return {"values": pairs.values, "residuals": pairs.residuals}
        case ("probe", int(k)):
            run = curvature.lanczos(settings.num_lanczos_steps, stream_seed(settings.seed, k))
            size = np.array(subject.num_weights)
            return {**vars(run), "size": size}
    raise AssertionError(f"unknown item {item}")


def _assemble(settings: CurvatureSettings, done: Mapping[int, Arrays]) -> CurvatureResult:
    slope = done.get(0, {"losses": np.array([]), "gradient_norm": np.array(np.nan)})
    unknown = np.full(settings.num_eigenvalues, np.nan)
    eigen = done.get(1, {"values": unknown, "residuals": unknown})
    probes = [arrays for position, arrays in sorted(done.items()) if position > 1]
    runs = [Quadrature(p["nodes"], p["weights"], p["residuals"]) for p in probes]
    size = int(probes[0]["size"]) if probes else 0
    traces = np.array([size * run.weights @ run.nodes for run in runs])
    shares = np.array([_negative_share(run) for run in runs])
    density = spectral_density(runs, size)
    heights = mean_and_error(density.per_probe)
    lowest, error = _lowest(runs)
    return CurvatureResult(
        loss=mean(slope["losses"]),
        gradient_norm=float(slope["gradient_norm"]),
        eigenvalues=eigen["values"],
        eigenvalue_errors=eigen["residuals"],
        lowest_eigenvalue=lowest,
        lowest_eigenvalue_error=error,
        trace=mean(traces),
        trace_stderr=standard_error(traces),
        negative_share=mean(shares),
        negative_share_stderr=standard_error(shares),
        density_grid=density.grid,
        density=heights[0],
        density_stderr=heights[1],
        density_width=density.width,
        num_probes=len(runs),
    )


def _negative_share(run: Quadrature) -> float:
    """Of v^T H^2 v, the part of negative nodes; 0 where there is no curvature at all."""
    squares = run.weights * run.nodes**2
    total = squares.sum()
    return float(squares[run.nodes < 0].sum() / total) if total else 0.0


def _lowest(runs: Sequence[Quadrature]) -> tuple[float, float]:
    """The lowest node and how far from it an eigenvalue may be; NaN where there is none."""
    ends = [(float(run.nodes[0]), float(run.residuals[0])) for run in runs]
    return min(ends, default=(float("nan"), float("nan")))


def _image_forwards(settings: CurvatureSettings, item: Item, panel_size: int) -> int:
    match item[0]:
        case "gradient":
            return (1 + GRADIENT_FORWARDS) * panel_size
        case "eigen":
            return PRODUCT_FORWARDS * eigen_products(settings.num_eigenvalues) * panel_size
    return PRODUCT_FORWARDS * settings.num_lanczos_steps * panel_size


MEASURE = Measure(
    name="curvature",
    question="How does the loss bend: top eigenvalues, trace and density of its Hessian?",
    version=1,
    settings_type=CurvatureSettings,
    items=_items,
    evaluate=_evaluate,
    assemble=_assemble,
    image_forwards=_image_forwards,
)
