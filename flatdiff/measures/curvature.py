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
from flatdiff.measures.statistics import (
    CrossedMean,
    crossed_mean,
    mean,
    mean_and_error,
    panel_error,
    standard_error,
)
from flatdiff.settings import require, require_seed
from flatdiff.system.arrays import Arrays

if TYPE_CHECKING:  # a subject of a test answers what it is asked, and no more
    from flatdiff.landscape.measurable import Measurable, Vector

# What one batch costs in forward passes of it, as measured on digits/adm on one core.
GRADIENT_FORWARDS = 3
DIFFERENCE_FORWARDS = 3  # the losses at the checkpoint, ahead and behind
PRODUCT_FORWARDS = 10

LPF_SIGMAS = (0.001, 0.01)  # at which the rise of LPF is predicted

# How far apart losses stand whose second difference says what a member has of a curvature: so far
# that the mean loss rises by this share, and no farther than this share of ||theta||.
RISE_SHARE, MAX_RELATIVE_STEP = 0.01, 0.05


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
    """Of the frozen panel's loss at the checkpoint.

    Standard errors are over probes, this panel being what it is, where they say nothing else.
    """

    loss: float
    gradient_norm: float  # of the panel's mean loss; exact but for rounding
    eigenvalues: NDArray[np.float64]  # (k,), from the top down; NaN where not found
    eigenvalue_errors: NDArray[np.float64]  # (k,), ||H v - lambda v||: an eigenvalue is that near
    # (k,), standard error over other panels, to first order: the direction stays.
    eigenvalue_panel_stderrs: NDArray[np.float64]
    lowest_eigenvalue: float  # lowest Ritz value of all probes: none of them can be below the true
    lowest_eigenvalue_error: float  # an eigenvalue is that near
    trace: float
    trace_stderr: float
    trace_panel_stderr: float  # over other panels, these probes being what they are
    trace_total_stderr: float  # over other probes and other panels
    # Of the sum of all squared eigenvalues, the part of the negative ones. It moves with the
    # number of Lanczos steps (digits/adm: 5 to 9 % from 20 to 40), which its error does not know.
    negative_share: float
    negative_share_stderr: float
    density_grid: NDArray[np.float64]  # (G,), curvature; nothing before the first probe
    density: NDArray[np.float64]  # (G,), eigenvalues per unit of curvature; integral: all of them
    density_stderr: NDArray[np.float64]  # (G,)
    density_width: float  # standard deviation of the bell that stands for an eigenvalue
    num_probes: int  # done so far

    @property
    def top_error(self) -> float:
        """Of the largest eigenvalue: how near it is to a true one, and its error over panels."""
        return float(np.hypot(self.eigenvalue_errors[0], self.eigenvalue_panel_stderrs[0]))

    def predicted_lpf_rise(self, sigma: float) -> tuple[float, float]:
        """Rise of the loss under noise of this sigma by the trace alone, and its standard error.

        On this panel, where it can be compared with the rise that LPF measures. Second order:
        right for small sigma, where the next term, of sigma^4, is small.
        """
        return sigma**2 / 2 * self.trace, sigma**2 / 2 * self.trace_stderr


def _items(settings: CurvatureSettings) -> Sequence[Item]:
    return [("gradient",), ("eigen",), *(("probe", k) for k in range(settings.num_probes))]


def _evaluate(subject: "Measurable", settings: CurvatureSettings, item: Item) -> Arrays:
    curvature = subject.curvature
    match item:
        case ("gradient",):
            norm = curvature.gradient_norm()
            return {
                "losses": subject.losses(),
                "gradient_norm": np.array(norm),
                "timesteps": subject.timesteps,
            }
        case ("eigen",):
            pairs = curvature.eigenpairs(
                settings.num_eigenvalues, settings.seed, settings.eigen_tolerance
            )
            found = zip(pairs.vectors, pairs.values, strict=True)
            members = [
                _by_member(subject, curvature.vector(vector), value) for vector, value in found
            ]
            return {
                "values": pairs.values,
                "residuals": pairs.residuals,
                "members": np.array(members),
            }
        case ("probe", int(k)):
            seed, size = stream_seed(settings.seed, k), subject.num_weights
            run = curvature.lanczos(settings.num_lanczos_steps, seed)
            found = size * float(run.weights @ run.nodes)
            members = _by_member(subject, curvature.signs(seed), found)
            return {**vars(run), "size": np.array(size), "members": members}
    raise AssertionError(f"unknown item {item}")


def _by_member(subject: "Measurable", vector: "Vector", curvature: float) -> NDArray[np.float64]:
    """v^T H v of each panel member's own loss, (N,), by second differences of its losses.

    Args:
        subject: at the checkpoint.
        vector: v, (P,).
        curvature: their mean, which is known exactly and says how far to go.
    """
    losses = subject.losses().astype(np.float64)
    if not np.isfinite([curvature, losses.mean()]).all():
        return np.full(len(losses), np.nan)
    farthest = MAX_RELATIVE_STEP / subject.relative_norm(vector)
    rise = RISE_SHARE * abs(losses.mean())
    step = min(farthest, (2 * rise / abs(curvature)) ** 0.5) if curvature else farthest
    total = -2 * losses
    for signed in (step, -step):
        with subject.at((signed, vector)):
            total = total + subject.losses()
    return total / step**2


def _assemble(settings: CurvatureSettings, done: Mapping[int, Arrays]) -> CurvatureResult:
    slope = done.get(0, NO_GRADIENT)
    unknown = np.full(settings.num_eigenvalues, np.nan)
    eigen = done.get(1, {"values": unknown, "residuals": unknown, "members": unknown[:, None]})
    probes = [arrays for position, arrays in sorted(done.items()) if position > 1]
    runs = [Quadrature(p["nodes"], p["weights"], p["residuals"]) for p in probes]
    size = int(probes[0]["size"]) if probes else 0
    traces = np.array([size * run.weights @ run.nodes for run in runs])
    shares = np.array([_negative_share(run) for run in runs])
    density = spectral_density(runs, size)
    heights = mean_and_error(density.per_probe)
    lowest, error = _lowest(runs)
    crossed = _over_panels(probes, slope["timesteps"])
    return CurvatureResult(
        loss=mean(slope["losses"]),
        gradient_norm=float(slope["gradient_norm"]),
        eigenvalues=eigen["values"],
        eigenvalue_errors=eigen["residuals"],
        eigenvalue_panel_stderrs=np.array(
            [_panel_error(members, slope["timesteps"]) for members in eigen["members"]]
        ),
        lowest_eigenvalue=lowest,
        lowest_eigenvalue_error=error,
        trace=mean(traces),
        trace_stderr=standard_error(traces),
        trace_panel_stderr=crossed.panel_stderr,
        trace_total_stderr=crossed.stderr,
        negative_share=mean(shares),
        negative_share_stderr=standard_error(shares),
        density_grid=density.grid,
        density=heights[0],
        density_stderr=heights[1],
        density_width=density.width,
        num_probes=len(runs),
    )


NO_GRADIENT: Arrays = {
    "losses": np.array([]),
    "gradient_norm": np.array(np.nan),
    "timesteps": np.array([], np.int64),
}


def _over_panels(probes: Sequence[Arrays], timesteps: NDArray[np.int64]) -> CrossedMean:
    """Of the trace, which every member has under every probe; NaN until both are known."""
    if not probes or not len(timesteps):
        return crossed_mean(np.empty((0, 0)), timesteps)
    return crossed_mean(np.stack([arrays["members"] for arrays in probes]), timesteps)


def _panel_error(members: NDArray[np.float64], timesteps: NDArray[np.int64]) -> float:
    known = len(members) == len(timesteps)
    return panel_error(members, timesteps) if known else float("nan")


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
            products = PRODUCT_FORWARDS * eigen_products(settings.num_eigenvalues)
            return (products + DIFFERENCE_FORWARDS * settings.num_eigenvalues) * panel_size
    products = PRODUCT_FORWARDS * settings.num_lanczos_steps
    return (products + DIFFERENCE_FORWARDS) * panel_size


MEASURE = Measure(
    name="curvature",
    question="How does the loss bend: top eigenvalues, trace and density of its Hessian?",
    version=2,
    settings_type=CurvatureSettings,
    items=_items,
    evaluate=_evaluate,
    assemble=_assemble,
    image_forwards=_image_forwards,
)
