"""A direction is a vector of theta's length, along which the weights move.

Random ones are drawn on the CPU from a seed and normalised against the origin (Li et al. 2018,
arXiv 1712.09913, Sec. 4). A plane through checkpoints has two axes; further checkpoints lie on it
or beside it.
"""

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from flatdiff.landscape.flat_weights import FlatWeights, Vector
from flatdiff.landscape.noise import Normalization

DENOMINATOR_EPS = 1e-10  # in the denominator of Li et al.'s reference code


def gaussian(length: int, seed: int, index: int) -> Vector:
    """Standard normal vector number `index` of a seed, (P,); the same on every device."""
    generator = torch.Generator().manual_seed(seed * 1_000_003 + index)
    return torch.randn(length, generator=generator)


def normalize_direction(
    weights: FlatWeights, direction: Vector, normalization: Normalization
) -> Vector:
    """Scale a direction by the weights it will be added to.

    Args:
        weights: whose origin sets the scale.
        direction: (P,), usually Gaussian.
        normalization: "filter" gives each slice along dimension 0 the norm of the weights there,
            "layer" each tensor; both leave tensors of at most one dimension (biases, norm affine)
            at 0. "none" returns the direction as it is.
    """
    if normalization == "none":
        return direction.clone()
    normalized = torch.zeros_like(direction)
    for slot in weights.slots:
        if len(slot.shape) >= 2:
            rows = 1 if normalization == "layer" else slot.shape[0]
            drawn, origin = (slot.of(v).reshape(rows, -1) for v in (direction, weights.origin))
            factor = origin.norm(dim=1) / (drawn.norm(dim=1) + DENOMINATOR_EPS)
            slot.of(normalized).copy_((drawn * factor[:, None]).view(slot.shape))
    return normalized


def orthogonalize(direction: Vector, against: Vector) -> Vector:
    """Remove the component along another direction (one Gram-Schmidt step), in float64."""
    d, a = direction.double(), against.double()
    square = a @ a
    return direction.clone() if square == 0 else (d - (d @ a) / square * a).to(direction.dtype)


def filter_scales(weights: FlatWeights) -> Vector:
    """||w_f|| + |b_f| of the filter each weight belongs to, (P,).

    LPF's reference code first divides every filter by this number, so noise of one size there is
    noise of this relative size here (Bisla et al. 2022, arXiv 2201.08025). A norm layer's weight
    and bias form one filter a channel.
    """
    scales = torch.zeros_like(weights.origin)
    slots = {slot.name: slot for slot in weights.slots}
    for name, slot in slots.items():
        stem, _, kind = name.rpartition(".")
        weight = slots[f"{stem}.weight"]
        sizes = weight.of(weights.origin).reshape(weight.shape[0], -1).norm(dim=1)
        if bias := slots.get(f"{stem}.bias"):
            sizes = sizes + bias.of(weights.origin).abs()
        shape = (-1,) + (1,) * (len(slot.shape) - 1)
        slot.of(scales).copy_(sizes.view(shape).expand(slot.shape))
        assert kind in ("weight", "bias"), f"{name} is neither a weight nor a bias"
    return scales


def plane_through(origin: Vector, partners: Sequence[Vector]) -> tuple[Vector, Vector]:
    """Axes from the origin to the first partner, and from that line on to the second.

    The second axis is orthogonal to the first; it is 0 where there is one partner only.
    """
    first = partners[0] - origin
    if len(partners) == 1:
        return first, torch.zeros_like(first)
    return first, orthogonalize(partners[1] - origin, first)


def coordinates(
    origin: Vector, partners: Sequence[Vector], first: Vector, second: Vector
) -> NDArray[np.float64]:
    """Where partners lie, (K, 3): a, b, and the distance from the plane.

    The distance is a share of the partner's distance from the origin: 0 on the plane, near 1 for
    points that have nothing to do with it. The axes are taken as orthogonal.
    """
    rows = []
    for partner in partners:
        offset = (partner - origin).double()
        a, b = (_component(offset, axis.double()) for axis in (first, second))
        rest = offset - a * first.double() - b * second.double()
        rows.append([a, b, float(rest.norm() / offset.norm().clamp(min=1e-300))])
    return np.array(rows).reshape(-1, 3)


def _component(offset: Vector, axis: Vector) -> float:
    square = float(axis @ axis)
    return float(offset @ axis) / square if square else 0.0
