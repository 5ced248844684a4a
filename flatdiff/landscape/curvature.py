"""Curvature is the Hessian of the panel's mean loss by the weights, known by its products.

H v is the gradient of g . v, with g the gradient of the loss (Pearlmutter 1994): two backward
passes through one forward pass, exact but for rounding. The network is differentiated by tensors
that share the memory of its weights, so that the weights themselves are never touched.
"""

from collections.abc import Callable, Collection, Iterable, Sequence
from functools import lru_cache
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.attention import SDPBackend, sdpa_kernel

from flatdiff.errors import CheckpointError
from flatdiff.landscape.directions import gaussian
from flatdiff.landscape.flat_weights import FlatWeights, Slot, Vector
from flatdiff.landscape.spectrum import (
    Eigenpairs,
    Quadrature,
    lanczos_quadrature,
    random_signs,
    top_eigenpairs,
)

# A network's tensors by name -> a scalar: one of several terms whose sum is the loss.
LossTerm = Callable[[dict[str, Tensor]], Tensor]

EIGEN_TOLERANCE = 1e-3  # relative, of the eigenvalues whose vectors become axes


class Curvature:
    """The Hessian of one loss; derivatives are taken where the weights are when asked."""

    def __init__(
        self,
        weights: FlatWeights,
        terms: Callable[[], Iterable[LossTerm]],
        slots: Sequence[Slot] | None = None,
    ) -> None:
        """Of a network.

        Args:
            weights: of it.
            terms: of the loss.
            slots: tensors to differentiate by, P weights together; default: all.
        """
        self.weights = weights
        self.terms = terms
        self.slots = weights.slots if slots is None else slots
        # Called before each step of a search that takes minutes; may raise to end it.
        self.between_products: Callable[[], None] = lambda: None
        # Every cell of a surface asks for the same vectors; finding them costs 200 forwards.
        self.eigenpairs = lru_cache(maxsize=1)(self._eigenpairs)

    def within(self, names: Collection[str]) -> "Curvature":
        """Of some tensors alone, all others fixed: a diagonal block of the Hessian."""
        part = Curvature(
            self.weights, self.terms, [slot for slot in self.slots if slot.name in names]
        )
        part.between_products = lambda: self.between_products()
        return part

    def __len__(self) -> int:
        """P."""
        return sum(slot.shape.numel() for slot in self.slots)

    def gradient(self) -> Vector:
        """g, (P,)."""
        total = self.weights.theta.new_zeros(len(self))
        for term in self.terms():
            leaves = self._leaves()
            total += _flat(torch.autograd.grad(term(leaves), list(leaves.values())))
        return total

    def gradient_norm(self) -> float:
        """||g||, in float64."""
        return float(self.gradient().double().norm())

    def hessian_vector_product(self, vector: Vector) -> Vector:
        """H v, (P,)."""
        total = self.weights.theta.new_zeros(len(self))
        pieces = vector.split([slot.shape.numel() for slot in self.slots])
        parts = [piece.view(slot.shape) for piece, slot in zip(pieces, self.slots, strict=True)]
        with sdpa_kernel(SDPBackend.MATH):  # fused attention has one derivative and no second
            for term in self.terms():
                leaves = self._leaves()
                tensors = list(leaves.values())
                slopes = torch.autograd.grad(term(leaves), tensors, create_graph=True)
                total += _flat(torch.autograd.grad(slopes, tensors, grad_outputs=parts))
        return total

    def _leaves(self) -> dict[str, Tensor]:
        """Views of theta that gradients can be taken by; taking them changes nothing."""
        theta = self.weights.theta
        return {slot.name: slot.of(theta).detach().requires_grad_() for slot in self.slots}

    # -- the spectrum -----------------------------------------------------------------------

    def eigenvectors(self, count: int, seed: int) -> tuple[Vector, ...]:
        """The top eigenvectors at the checkpoint, unit norm, their largest entry positive.

        Raises:
            CheckpointError: they were not found.
        """
        pairs = self.eigenpairs(count, seed, EIGEN_TOLERANCE)
        if not np.isfinite(pairs.values).all():
            raise CheckpointError(
                f"the top {count} eigenvectors of the Hessian were not found: the loss at these "
                "weights is not finite or hardly curved; choose other axes"
            )
        return tuple(map(self.vector, pairs.vectors))

    def _eigenpairs(self, count: int, seed: int, tolerance: float) -> Eigenpairs:
        """Top of the spectrum at the checkpoint; the seed is that of the start vector."""
        point, origin = self.weights.theta, self.weights.origin
        assert torch.allclose(point, origin, 0, 0, equal_nan=True), "not at the checkpoint"
        start = self._numpy(gaussian(len(self), seed, 0).to(origin))
        return top_eigenpairs(self._product, start, count, tolerance)

    def lanczos(self, num_steps: int, seed: int) -> Quadrature:
        """A Lanczos run from a probe of random signs."""
        return lanczos_quadrature(self._product, self._numpy(self.signs(seed)), num_steps)

    def signs(self, seed: int) -> Vector:
        """The probe of a Lanczos run, (P,): independent signs."""
        return self.vector(random_signs(len(self), seed))

    def vector(self, values: NDArray[Any]) -> Vector:
        """A direction that was found, such as an eigenvector, along which weights can move."""
        return torch.from_numpy(values).to(self.weights.origin)

    def _product(self, vector: NDArray[Any]) -> NDArray[Any]:
        self.between_products()
        return self._numpy(
            self.hessian_vector_product(torch.tensor(vector).to(self.weights.origin))
        )

    def _numpy(self, vector: Vector) -> NDArray[Any]:
        return vector.cpu().numpy()


def _flat(tensors: Sequence[Tensor]) -> Vector:
    return torch.cat([tensor.reshape(-1) for tensor in tensors])
