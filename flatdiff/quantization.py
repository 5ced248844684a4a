"""Fake quantisation rounds weights to the values a small integer can hold, and keeps float32.

Direct, weights only, no calibration: q = clip(round(w / s)), as the paper describes it (Table 4).
The paper states neither granularity nor symmetry; here: one scale a tensor, symmetric around 0,
from the largest |w|.
"""

import torch
from torch import Tensor

from flatdiff.config import FULL_PRECISION_BITS
from flatdiff.weights import FlatWeights, Vector


def fake_quantize(values: Tensor, bits: int) -> Tensor:
    """Round to 2^bits - 1 evenly spaced values in [-max |w|, max |w|]; any shape, same out.

    >>> fake_quantize(torch.tensor([-1.0, 0.3, 1.0]), 2)
    tensor([-1.,  0.,  1.])
    """
    if bits == FULL_PRECISION_BITS:
        return values.clone()
    largest = 2 ** (bits - 1) - 1
    scale = values.abs().max() / largest
    if scale == 0:
        return values.clone()
    return (values / scale).round().clamp(-largest, largest) * scale


def quantized_weights(weights: FlatWeights, bits: int) -> Vector:
    """Every tensor of the origin quantised on its own, (P,)."""
    quantized = torch.empty_like(weights.origin)
    for slot in weights.slots:
        slot.of(quantized).copy_(fake_quantize(slot.of(weights.origin), bits))
    return quantized
