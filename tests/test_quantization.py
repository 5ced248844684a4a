"""Rounding to few bits: closed forms on vectors a person can round, then invariants."""

import dataclasses

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from flatdiff.quantization import fake_quantize, quantized_weights
from flatdiff.recipe import PRESETS
from flatdiff.unet import AdmUNet
from flatdiff.weights import FlatWeights

# values, bits, rounded: all exact in float32, worked out by hand. 2 bits hold -1, 0, 1 steps;
# 3 bits -3 to 3; ties go to the even step.
BY_HAND = [
    ([-1.0, 0.3, 1.0], 2, [-1.0, 0.0, 1.0]),
    ([3.0, 1.4, -0.6, 0.4], 3, [3.0, 1.0, -1.0, 0.0]),
    ([-6.0, 5.1, 3.1, 0.9], 3, [-6.0, 6.0, 4.0, 0.0]),
    ([7.0, 2.5, 3.5, -2.5], 4, [7.0, 2.0, 4.0, -2.0]),
    ([127.0, 64.4, -64.6], 8, [127.0, 64.0, -65.0]),
    ([-127.0, 1.2], 8, [-127.0, 1.0]),
    ([0.0, 0.0], 2, [0.0, 0.0]),
    ([5.0], 2, [5.0]),
]


@pytest.mark.parametrize(("values", "bits", "expected"), BY_HAND)
def test_rounded_by_hand(values: list[float], bits: int, expected: list[float]) -> None:
    """The table is arithmetic on paper."""
    assert fake_quantize(torch.tensor(values), bits).tolist() == expected


@st.composite
def tensors(draw: st.DrawFn) -> Tensor:
    """Random tensors of magnitudes from 1e-20 to 1e20."""
    seed = draw(st.integers(0, 10_000))
    shape = draw(st.lists(st.integers(1, 5), min_size=1, max_size=4))
    scale = 10.0 ** draw(st.integers(-20, 20))
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed)) * scale


@settings(max_examples=100, deadline=None, derandomize=True)
@given(tensors(), st.integers(2, 8))
def test_what_rounding_promises(values: Tensor, bits: int) -> None:
    """Half a step at most, the largest weight kept, few enough values, rounding twice is once."""
    rounded = fake_quantize(values, bits)
    largest = float(values.abs().max())
    step = largest / (2 ** (bits - 1) - 1)
    assert rounded.shape == values.shape
    assert float((rounded - values).abs().max()) <= step / 2 * (1 + 1e-5)
    assert float(rounded.abs().max()) == pytest.approx(largest, rel=1e-6)
    assert len(rounded.unique()) <= 2**bits - 1
    assert torch.allclose(fake_quantize(rounded, bits), rounded, rtol=1e-6)
    assert torch.equal(fake_quantize(-values, bits), -rounded)


@pytest.mark.parametrize("values", [torch.randn(100), torch.tensor([float("nan"), 0.0])])
def test_32_bits_are_the_same_bits_in_another_place(values: Tensor) -> None:
    """Compared as integers, so that NaN counts too; the origin must not be aliased."""
    same = fake_quantize(values, 32)
    assert torch.equal(same.view(torch.int32), values.view(torch.int32))
    assert same.data_ptr() != values.data_ptr()


SMALL_CIFAR = dataclasses.replace(
    PRESETS["cifar10"].flags, num_channels=64, num_res_blocks=1, channel_mult="1,2"
)


@pytest.mark.parametrize("bits", [8, 6, 4])
def test_relative_error_of_an_initialised_network(bits: int) -> None:
    """PyTorch draws from U(-a, a): steps of a/n err by a/n/sqrt(12), the weights are a/sqrt(3).

    So 1/(2n) of every tensor's norm, but for zeros and ones, which are exact: closed form, 2 %.
    """
    torch.manual_seed(0)
    weights = FlatWeights(AdmUNet(SMALL_CIFAR))
    parts = [slot.of(weights.origin) for slot in weights.slots]
    drawn = sum(float(part.square().sum()) for part in parts if len(part.unique()) > 1)
    steps = 2 ** (bits - 1) - 1
    expected = (drawn**0.5 / (2 * steps)) / float(weights.origin.norm())
    error = (quantized_weights(weights, bits) - weights.origin).norm()
    assert float(error / weights.origin.norm()) == pytest.approx(expected, rel=0.02)


def test_each_tensor_has_its_own_scale() -> None:
    """One scale for all would round the small tensor to zero; the table's rounding is 2 bits'."""
    net = torch.nn.Linear(2, 2)
    net.weight.data = torch.tensor([[1000.0, 1.0], [-1000.0, 600.0]])
    net.bias.data = torch.tensor([-0.01, 0.003])
    rounded = quantized_weights(FlatWeights(net), 2).tolist()
    assert rounded == pytest.approx([1000, 0, -1000, 1000, -0.01, 0])
