"""A plane through checkpoints: two axes, and where further checkpoints lie on or beside it."""

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from flatdiff.landscape.flat_weights import Vector, orthogonalize


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
