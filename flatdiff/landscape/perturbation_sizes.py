"""The norm of every change of the weights on one axis: ||delta|| / ||theta||.

SAM's ascent, LPF's noise, SWAD's sphere, rounding and averaging all move the weights; how far they
do decides whether flatness at one scale says anything about another. Everything here follows from
the weights alone.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from flatdiff.checkpoints.tensors import Tensors
from flatdiff.landscape.quantization import WIDTHS, Scheme, fake_quantize


@dataclass(frozen=True)
class Mark:
    """One change of the weights."""

    kind: str  # the row of the ruler: what moves the weights
    label: str  # how much
    relative_norm: float  # ||delta|| / ||theta||


@dataclass(frozen=True)
class Scales:
    """Sizes that are put on the ruler, each in its own unit."""

    sam_rho: Sequence[float] = (0.1,)  # radius of SAM's ascent
    lpf_sigma: Sequence[float] = (0.001, 0.01)  # of absolute Gaussian noise
    radii: Sequence[float] = (1.0, 10.0)  # norms of perturbations on a sphere


def norm(tensors: Tensors) -> float:
    """||theta||_2 over all tensors, in float64."""
    return float(
        np.sqrt(sum(float(np.square(v, dtype=np.float64).sum()) for v in tensors.values()))
    )


def distance(tensors: Tensors, others: Tensors) -> float:
    """||theta' - theta||_2 of two sets of weights of one architecture."""
    return norm({name: values - others[name] for name, values in tensors.items()})


def ruler(theta: Tensors, family: Mapping[str, Tensors], scales: Scales) -> Iterator[Mark]:
    """Every mark, kind by kind.

    Args:
        theta: of the checkpoint.
        family: other weights of the same architecture, by a label.
        scales: what else is put on the ruler.
    """
    whole = norm(theta)
    for rho in scales.sam_rho:
        yield Mark("SAM's ascent", f"ρ = {rho:g}", rho / whole)
    num_weights = sum(values.size for values in theta.values())
    for sigma in scales.lpf_sigma:
        # ||delta|| of Gaussian noise is sigma sqrt(P) to within sigma / sqrt(2).
        yield Mark("LPF's noise", f"σ = {sigma:g}", sigma * num_weights**0.5 / whole)
    for radius in scales.radii:
        yield Mark("Sphere", f"γ = {radius:g}", radius / whole)
    for bits in WIDTHS:
        scheme = Scheme(bits=bits)
        rounded = {name: fake_quantize(values, scheme) for name, values in theta.items()}
        yield Mark("Rounding", f"{bits} bit", distance(rounded, theta) / whole)
    for label, weights in family.items():
        yield Mark("Other checkpoints", label, distance(weights, theta) / whole)
