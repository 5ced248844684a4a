"""theta is all of a network's weights as one point.

`FlatWeights` moves a network's parameters into one flat buffer, so that a point is one addition
from the origin and coming back is one copy.
"""

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor, nn

from flatdiff.landscape.quantization import Scheme, fake_quantize

Vector = Float[Tensor, " p"]


@dataclass(frozen=True)
class Slot:
    """Where one tensor lies in theta."""

    name: str
    start: int
    shape: torch.Size

    def of(self, vector: Vector) -> Tensor:
        """The tensor's part of a vector, as a view in the tensor's own shape."""
        return vector[self.start : self.start + self.shape.numel()].view(self.shape)


class FlatWeights:
    """A network whose parameters are views of one vector.

    Attributes:
        slots: one a tensor, in the order of `named_parameters`.
        theta: (P,), live: what the network computes with.
        origin: (P,), the checkpoint's own weights, never changed.
    """

    def __init__(self, model: nn.Module) -> None:
        self.slots = list(_slots(model))
        parameters = list(model.parameters())
        self.theta = torch.cat([parameter.detach().reshape(-1) for parameter in parameters])
        self.origin = self.theta.clone()
        for parameter, slot in zip(parameters, self.slots, strict=True):
            parameter.data = slot.of(self.theta)

    def __len__(self) -> int:
        return len(self.origin)

    def only(self, vector: Vector, names: Collection[str]) -> Vector:
        """A direction within some tensors, 0 in all others."""
        kept = torch.zeros_like(vector)
        for slot in self.slots:
            if slot.name in names:
                slot.of(kept).copy_(slot.of(vector))
        return kept

    @contextmanager
    def moved(self, *terms: tuple[float, Vector]) -> Iterator[None]:
        """Theta = origin + sum of coefficient * direction inside, exactly origin after.

        Each point is computed from the origin, never from the last point: no rounding adds up.
        """
        try:
            base = self.origin
            for coefficient, direction in terms:
                torch.add(base, direction, alpha=coefficient, out=self.theta)
                base = self.theta
            yield
        finally:
            self.theta.copy_(self.origin)

    @contextmanager
    def replaced(self, theta: Vector) -> Iterator[None]:
        """Other weights inside, exactly origin after."""
        try:
            self.theta.copy_(theta)
            yield
        finally:
            self.theta.copy_(self.origin)


def _slots(model: nn.Module) -> Iterator[Slot]:
    start = 0
    for name, parameter in model.named_parameters():
        yield Slot(name, start, parameter.shape)
        start += parameter.numel()


def quantized_weights(
    weights: FlatWeights, scheme: Scheme, names: Collection[str] | None = None
) -> Vector:
    """The origin with every tensor rounded on its own, or with some of them alone, (P,).

    Raises:
        CheckpointError: weights are NaN or infinite.
    """
    quantized = weights.origin.clone()
    for slot in weights.slots:
        if names is None or slot.name in names:
            values = slot.of(weights.origin).float().cpu().numpy()
            slot.of(quantized).copy_(torch.from_numpy(fake_quantize(values, scheme)))
    return quantized
