"""Rounding to few bits: by hand, against torch's own rounding, and a search by brute force."""

import dataclasses
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from flatdiff.checkpoints.recipe import PRESETS
from flatdiff.diffusion.unet import AdmUNet
from flatdiff.errors import CheckpointError
from flatdiff.landscape.flat_weights import FlatWeights, quantized_weights
from flatdiff.landscape.quantization import Scheme, dequantize, fake_quantize, num_grids, quantize

Values = NDArray[np.float32]

# values, bits, rounded: all exact in float32, worked out by hand. 2 bits hold -1, 0, 1 steps;
# 3 bits -3 to 3; ties go to the even step.
SYMMETRIC = [
    ([-1.0, 0.3, 1.0], 2, [-1.0, 0.0, 1.0]),
    ([3.0, 1.4, -0.6, 0.4], 3, [3.0, 1.0, -1.0, 0.0]),
    ([-6.0, 5.1, 3.1, 0.9], 3, [-6.0, 6.0, 4.0, 0.0]),
    ([7.0, 2.5, 3.5, -2.5], 4, [7.0, 2.0, 4.0, -2.0]),
    ([127.0, 64.4, -64.6], 8, [127.0, 64.0, -65.0]),
    ([-127.0, 1.2], 8, [-127.0, 1.0]),
    ([0.0, 0.0], 2, [0.0, 0.0]),
    ([5.0], 2, [5.0]),
]
# Asymmetric: 2^bits values from the smallest to the largest weight, 0 among them. In the second
# row a step is 1 and the grid -1, 0, 1, 2; in the fourth a step is 2 and the grid 0, 2, 4, 6.
ASYMMETRIC = [
    ([0.0, 1.2, 3.0], 2, [0.0, 1.0, 3.0]),
    ([-1.0, 0.4, 2.0], 2, [-1.0, 0.0, 2.0]),
    ([-3.0, -1.4, 0.0], 2, [-3.0, -1.0, 0.0]),
    ([1.5, 2.0, 6.0], 2, [2.0, 2.0, 6.0]),
    ([-2.0, -6.0], 2, [-2.0, -6.0]),
    ([255.0, 0.4, 77.6], 8, [255.0, 0.0, 78.0]),
    ([0.0, 0.0], 4, [0.0, 0.0]),
    ([6.0, 6.0], 2, [6.0, 6.0]),
]


@pytest.mark.parametrize(("values", "bits", "expected"), SYMMETRIC)
def test_rounded_by_hand(values: list[float], bits: int, expected: list[float]) -> None:
    """The table is arithmetic on paper."""
    assert fake_quantize(np.array(values, np.float32), Scheme(bits=bits)).tolist() == expected


@pytest.mark.parametrize(("values", "bits", "expected"), ASYMMETRIC)
def test_asymmetric_by_hand(values: list[float], bits: int, expected: list[float]) -> None:
    """The table is arithmetic on paper."""
    scheme = Scheme(bits=bits, symmetric=False)
    assert fake_quantize(np.array(values, np.float32), scheme).tolist() == expected


def test_each_channel_has_its_own_grid() -> None:
    """One grid would round the small rows to 0; each row below is a row of the tables above."""
    rows = [[-1000.0, 300.0, 1000.0], [-0.001, 0.0003, 0.001], [0, 0, 0]]
    values = np.array(rows, np.float32)
    rounded = fake_quantize(values, Scheme(bits=2, per_channel=True))
    np.testing.assert_allclose(rounded, [[-1000, 0, 1000], [-0.001, 0, 0.001], [0, 0, 0]])
    together = fake_quantize(values, Scheme(bits=2))
    assert together[1].tolist() == [0, 0, 0]


@pytest.mark.parametrize(
    ("shape", "grids"), [((32, 8, 3, 3), 32), ((5, 7), 5), ((5,), 1), ((1, 9), 1)]
)
def test_number_of_grids(shape: tuple[int, ...], grids: int) -> None:
    """Channels are slices along dimension 0; a bias is one grid; the codes' scales agree."""
    per_channel = Scheme(per_channel=True)
    assert num_grids(shape, per_channel) == grids
    assert num_grids(shape, Scheme()) == 1
    assert len(quantize(np.ones(shape, np.float32), per_channel).scale) == grids


@st.composite
def tensors(draw: st.DrawFn) -> Values:
    """Random tensors of magnitudes from 1e-20 to 1e20, centred or not."""
    generator = np.random.default_rng(draw(st.integers(0, 10_000)))
    shape = draw(st.lists(st.integers(1, 5), min_size=1, max_size=4))
    centre = draw(st.sampled_from([0.0, 0.0, 3.0, -3.0]))
    scale = 10.0 ** draw(st.integers(-20, 20))
    return ((generator.normal(size=shape) + centre) * scale).astype(np.float32)


@settings(max_examples=100, deadline=None, derandomize=True)
@given(tensors(), st.integers(2, 8))
def test_what_symmetric_rounding_promises(values: Values, bits: int) -> None:
    """Half a step at most, the largest weight kept, few enough values, rounding twice is once."""
    scheme = Scheme(bits=bits)
    rounded = fake_quantize(values, scheme)
    largest = float(np.abs(values).max())
    step = largest / (2 ** (bits - 1) - 1)
    assert rounded.shape == values.shape
    assert float(np.abs(rounded - values).max()) <= step / 2 * (1 + 1e-5)
    assert float(np.abs(rounded).max()) == pytest.approx(largest, rel=1e-6)
    assert len(np.unique(rounded)) <= 2**bits - 1
    assert np.allclose(fake_quantize(rounded, scheme), rounded, rtol=1e-6, atol=0)
    assert np.array_equal(fake_quantize(-values, scheme), -rounded)


@settings(max_examples=100, deadline=None, derandomize=True)
@given(tensors(), st.integers(2, 8), st.booleans(), st.sampled_from(["minmax", "mse"]))
def test_what_asymmetric_rounding_promises(
    values: Values, bits: int, per_channel: bool, clipping: Any
) -> None:
    """Zero is kept exactly, codes fit their width and are the one truth, no value moves a step."""
    scheme = Scheme(bits=bits, symmetric=False, per_channel=per_channel, clipping=clipping)
    with_zero = np.append(values.ravel(), np.float32(0))
    assert fake_quantize(with_zero, scheme)[-1] == 0
    coded = quantize(values, scheme)
    assert coded.codes.dtype == coded.zero_point.dtype == np.uint8
    assert max(coded.codes.max(), coded.zero_point.max()) <= 2**bits - 1
    assert np.array_equal(dequantize(coded), fake_quantize(values, scheme))
    if clipping == "minmax":
        low, high = min(values.min(), 0), max(values.max(), 0)
        step = (float(high) - float(low)) / (2**bits - 1)
        assert np.abs(dequantize(coded) - values).max() <= step * (1 + 1e-5)


def torch_rounds(values: Values, scheme: Scheme, share: float = 1.0) -> Values:
    """`torch.fake_quantize_per_channel_affine` with grids computed here, row by row."""
    rows = values.reshape(len(values) if scheme.per_channel else 1, -1)
    if scheme.symmetric:
        lowest, highest = 1 - 2 ** (scheme.bits - 1), 2 ** (scheme.bits - 1) - 1
        scales = [share * np.abs(row).max() / highest for row in rows]
        zeros = [0 for _ in rows]
    else:
        lowest, highest = 0, 2**scheme.bits - 1
        ends = [(share * min(row.min(), 0), share * max(row.max(), 0)) for row in rows]
        scales = [(high - low) / highest for low, high in ends]
        zeros = [round(-low / scale) for (low, _), scale in zip(ends, scales, strict=True)]
    found = torch.fake_quantize_per_channel_affine(
        torch.from_numpy(rows),
        torch.tensor(scales, dtype=torch.float32),
        torch.tensor(zeros, dtype=torch.int32),
        0,
        lowest,
        highest,
    )
    return found.numpy().reshape(values.shape)


SCHEMES = [
    Scheme(bits=bits, per_channel=per_channel, symmetric=symmetric)
    for bits in (8, 5, 4, 2)
    for per_channel in (False, True)
    for symmetric in (False, True)
]


@pytest.mark.parametrize("scheme", SCHEMES, ids=str)
def test_torch_rounds_the_same(scheme: Scheme) -> None:
    """Kernels of PyTorch; they multiply by 1 / scale, so one value in a thousand may differ."""
    values = np.random.default_rng(0).normal(0.1, 1, (6, 40, 3, 3)).astype(np.float32)
    same = np.isclose(fake_quantize(values, scheme), torch_rounds(values, scheme), rtol=1e-5)
    assert same.mean() > 0.999


@pytest.mark.parametrize("bits", [2, 3, 4, 8])
@pytest.mark.parametrize("per_channel", [False, True])
@pytest.mark.parametrize("symmetric", [False, True])
def test_clipping_finds_the_least_squares(bits: int, per_channel: bool, symmetric: bool) -> None:
    """Every range of the search is tried here with torch's rounding, one channel at a time."""
    scheme = Scheme(bits=bits, per_channel=per_channel, symmetric=symmetric, clipping="mse")
    values = np.random.default_rng(bits).standard_t(3, (4, 50)).astype(np.float32)
    errors = np.square(fake_quantize(values, scheme) - values, dtype=np.float64)
    tried = [
        np.square(torch_rounds(values, scheme, n / 100) - values, dtype=np.float64)
        for n in range(1, 101)
    ]
    axis = 1 if per_channel else None
    least = np.min([np.sum(each, axis=axis) for each in tried], axis=0)
    np.testing.assert_allclose(np.sum(errors, axis=axis), least, rtol=1e-4)


@settings(max_examples=60, deadline=None, derandomize=True)
@given(tensors(), st.integers(2, 8), st.booleans(), st.booleans())
def test_clipping_never_loses(
    values: Values, bits: int, per_channel: bool, symmetric: bool
) -> None:
    """Against the whole range, channel by channel, in float64."""
    plain = Scheme(bits=bits, per_channel=per_channel, symmetric=symmetric)
    rows = values.reshape(num_grids(values.shape, plain), -1).astype(np.float64)
    clipped = dataclasses.replace(plain, clipping="mse")
    ours, theirs = (
        np.square(fake_quantize(values, scheme).reshape(rows.shape) - rows).sum(axis=1)
        for scheme in (clipped, plain)
    )
    assert (ours <= theirs).all()


def test_clipping_pays_where_one_weight_is_huge() -> None:
    """At 4 bits one weight of 50 makes a step of 7, which rounds standard normal weights to 0."""
    values = np.append(np.random.default_rng(0).normal(size=10_000), 50).astype(np.float32)
    error = {
        clipping: np.square(fake_quantize(values, Scheme(bits=4, clipping=clipping)) - values)
        for clipping in ("minmax", "mse")
    }
    assert error["minmax"].mean() == pytest.approx(1, rel=0.05)
    assert error["mse"].mean() < 0.5


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
@pytest.mark.parametrize("bits", [2, 8])
def test_what_is_not_finite_has_no_code(value: float, bits: int) -> None:
    """An integer cannot stand for it, and a scale from it would erase all other weights."""
    with pytest.raises(CheckpointError, match="finite weights"):
        fake_quantize(np.array([1.0, value, 2.0], np.float32), Scheme(bits=bits))


@pytest.mark.parametrize("values", [np.ones(100), np.array([np.nan, np.inf, -0.0])])
def test_32_bits_are_the_same_bits_in_another_place(values: NDArray[np.float64]) -> None:
    """Compared as integers, so that NaN counts too; the origin must not be aliased."""
    original = values.astype(np.float32)
    same = fake_quantize(original, Scheme(bits=32, per_channel=True, clipping="mse"))
    assert np.array_equal(same.view(np.int32), original.view(np.int32))
    assert not np.shares_memory(same, original)


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
    error = (quantized_weights(weights, Scheme(bits=bits)) - weights.origin).norm()
    assert float(error / weights.origin.norm()) == pytest.approx(expected, rel=0.02)
