"""theta is all of a network's weights as one point; a direction is a vector of the same length.

`FlatWeights` moves a network's parameters into one flat buffer, so that a point is one addition
from the origin and coming back is one copy. Directions are drawn on the CPU from a seed and
normalised against the origin (Li et al. 2018, arXiv 1712.09913, Sec. 4).
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor, nn

from flatdiff.landscape.noise import Normalization
from flatdiff.landscape.quantization import fake_quantize
from flatdiff.landscape.scheme import Scheme

Vector = Float[Tensor, " p"]

EPS = 1e-10  # in the denominator of Li et al.'s reference code


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
            factor = origin.norm(dim=1) / (drawn.norm(dim=1) + EPS)
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


def quantized_weights(weights: FlatWeights, scheme: Scheme, layer: str | None = None) -> Vector:
    """The origin with every tensor rounded on its own, or with one of them alone, (P,).

    Raises:
        CheckpointError: weights are NaN or infinite.
    """
    quantized = weights.origin.clone()
    for slot in weights.slots:
        if layer in (None, slot.name):
            values = slot.of(weights.origin).float().cpu().numpy()
            slot.of(quantized).copy_(torch.from_numpy(fake_quantize(values, scheme)))
    return quantized
