"""Quantisation rounds weights to a grid of 2^bits values that small integers can name.

A weight is (code - zero_point) * scale; one grid serves a whole tensor or one channel of it.
Direct, weights only, no calibration: code = clip(round(w / scale) + zero_point), as the paper
describes it (Table 4). The paper leaves granularity, symmetry and clipping open; here they are
settings, and the defaults are the plainest choice, not a claim about the paper. NumPy alone, so
that worker, command line and pages share this one truth.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from flatdiff.errors import CheckpointError
from flatdiff.settings import require, require_one_of

# What "unquantised" means: the weights as they are, in float32.
FULL_PRECISION_BITS = 32

Clipping = Literal["minmax", "mse"]

CLIPPINGS: tuple[Clipping, ...] = ("minmax", "mse")
WIDTHS = (8, 7, 6, 5, 4, 3, 2)  # bits below full precision

# Candidates for the share of the full range that an MSE-optimal grid covers; the full range is
# one of them, so that the search can only gain. BRECQ (Li et al. 2021, arXiv 2102.05426) tries
# 1.00, 0.99, ... as well.
RANGE_SHARES = np.arange(100, 0, -1) / 100

Rows = NDArray[np.float32]  # (grids, weights a grid)
GridColumn = NDArray[np.float64]  # (grids, 1)


@dataclass(frozen=True, kw_only=True)
class SchemeOptions:
    """What a bit width leaves open."""

    per_channel: bool = False  # one grid a slice along dimension 0, or one a tensor
    symmetric: bool = True  # a grid around 0, or one from the smallest to the largest weight
    clipping: Clipping = "minmax"  # the grid spans all weights, or errs least in their squares

    def __post_init__(self) -> None:
        for name in ("per_channel", "symmetric"):
            value = getattr(self, name)
            require(isinstance(value, bool), name, "true or false", value)
        require_one_of("clipping", self.clipping, CLIPPINGS)

    def at(self, bits: int) -> "Scheme":
        """These options at a bit width."""
        return Scheme(
            bits=bits,
            per_channel=self.per_channel,
            symmetric=self.symmetric,
            clipping=self.clipping,
        )


@dataclass(frozen=True, kw_only=True)
class Scheme(SchemeOptions):
    """Options and a bit width; 32 bits are the weights as they are, whatever the options."""

    bits: int = 8  # a weight; 2 to 8, or 32

    def __post_init__(self) -> None:
        super().__post_init__()
        require_bits(self.bits)

    def __str__(self) -> str:
        """In a person's words.

        >>> str(Scheme(bits=4, per_channel=True, clipping="mse"))
        '4 bits, per channel, symmetric, MSE-optimal range'
        """
        if self.bits == FULL_PRECISION_BITS:
            return "32 bits"
        granularity = "per channel" if self.per_channel else "per tensor"
        symmetry = "symmetric" if self.symmetric else "asymmetric"
        span = "min-max range" if self.clipping == "minmax" else "MSE-optimal range"
        return f"{self.bits} bits, {granularity}, {symmetry}, {span}"


def require_bits(bits: object) -> None:
    """A width that has a grid, or full precision.

    Raises:
        SettingsError: naming the width that is none.
    """
    fits = isinstance(bits, int) and bits in (*WIDTHS, FULL_PRECISION_BITS)
    require(fits, "bits", "in [2, 8] or 32", bits)


@dataclass(frozen=True)
class QuantizedTensor:
    """The codes of a tensor and what they stand for."""

    codes: NDArray[np.integer]  # the tensor's shape; int8, or uint8 where asymmetric
    scale: NDArray[np.float32]  # (grids,), one for the tensor or one a channel
    zero_point: NDArray[np.uint8]  # (grids,), the code of exactly 0; 0 where symmetric


@dataclass(frozen=True)
class Grid:
    """The values that codes can stand for; every array is a column over grids."""

    scale: NDArray[np.float32]  # (grids, 1)
    zero_point: NDArray[np.float32]  # (grids, 1), whole numbers
    lowest: int  # code
    highest: int  # code

    def codes(self, rows: Rows) -> Rows:
        """The nearest code of each weight, a tie to the even multiple of the scale."""
        codes = np.rint(rows / self.scale) + self.zero_point
        return np.clip(codes, self.lowest, self.highest, out=codes)

    def values(self, codes: Rows) -> Rows:
        """What codes stand for."""
        return (codes - self.zero_point) * self.scale


def num_grids(shape: tuple[int, ...], scheme: Scheme) -> int:
    """One a slice along dimension 0 if per channel, else one; one for a bias in any case.

    A scale for every element of a one-dimensional tensor would take more room than the elements.

    >>> num_grids((32, 3, 3), Scheme(per_channel=True)), num_grids((32,), Scheme(per_channel=True))
    (32, 1)
    """
    return shape[0] if scheme.per_channel and len(shape) >= 2 else 1


def quantize(values: NDArray[np.float32], scheme: Scheme) -> QuantizedTensor:
    """Codes of a tensor of any shape.

    Args:
        values: finite float32.
        scheme: of 2 to 8 bits; there are no codes of 32.

    Raises:
        CheckpointError: a value is NaN or infinite.
    """
    assert scheme.bits != FULL_PRECISION_BITS, "32 bits are kept as they are"
    if not np.isfinite(values).all():
        raise CheckpointError(
            "quantisation needs finite weights, these have NaN or infinity; train again"
        )
    rows = values.reshape(num_grids(values.shape, scheme), -1)
    grid = _grid(*_range(rows, scheme), scheme)
    dtype = np.int8 if scheme.symmetric else np.uint8
    return QuantizedTensor(
        codes=grid.codes(rows).astype(dtype).reshape(values.shape),
        scale=grid.scale[:, 0],
        zero_point=grid.zero_point[:, 0].astype(np.uint8),
    )


def dequantize(tensor: QuantizedTensor) -> NDArray[np.float32]:
    """The weights that codes stand for, in the tensor's shape."""
    codes = tensor.codes.reshape(len(tensor.scale), -1).astype(np.float32)
    zero_point = tensor.zero_point.astype(np.float32)[:, None]
    return ((codes - zero_point) * tensor.scale[:, None]).reshape(tensor.codes.shape)


def fake_quantize(values: NDArray[np.float32], scheme: Scheme) -> NDArray[np.float32]:
    """Values rounded to the scheme's grid, as float32 in the same shape; 32 bits copy them.

    >>> fake_quantize(np.array([-1.0, 0.3, 1.0], np.float32), Scheme(bits=2)).tolist()
    [-1.0, 0.0, 1.0]

    Raises:
        CheckpointError: a value is NaN or infinite, below 32 bits.
    """
    if scheme.bits == FULL_PRECISION_BITS:
        return values.copy()
    return dequantize(quantize(values, scheme))


def _range(rows: Rows, scheme: Scheme) -> tuple[GridColumn, GridColumn]:
    """The smallest and the largest value that each grid covers, 0 between them."""
    low = np.minimum(rows.min(axis=1, keepdims=True), 0).astype(np.float64)
    high = np.maximum(rows.max(axis=1, keepdims=True), 0).astype(np.float64)
    if scheme.clipping == "minmax":
        return low, high
    share = _best_share(rows, low, high, scheme)
    return low * share, high * share


def _best_share(rows: Rows, low: GridColumn, high: GridColumn, scheme: Scheme) -> GridColumn:
    """The share of its range at which each grid's squared error is least, among RANGE_SHARES."""
    best = np.ones_like(low)
    least = np.full_like(low, np.inf)
    for share in RANGE_SHARES:
        grid = _grid(low * share, high * share, scheme)
        error = grid.values(grid.codes(rows)).astype(np.float64) - rows
        squares = np.einsum("gn,gn->g", error, error)[:, None]
        best = np.where(squares < least, share, best)
        least = np.minimum(squares, least)
    return best


def _grid(low: GridColumn, high: GridColumn, scheme: Scheme) -> Grid:
    """Symmetric: 2^bits - 1 values around 0. Asymmetric: 2^bits values, one of them exactly 0."""
    if scheme.symmetric:
        largest = 2 ** (scheme.bits - 1) - 1
        scale = _scale(np.maximum(-low, high) / largest)
        return Grid(scale, np.zeros_like(scale), -largest, largest)
    highest = 2**scheme.bits - 1
    scale = _scale((high - low) / highest)
    zero_point = np.clip(np.rint(-low / scale), 0, highest).astype(np.float32)
    return Grid(scale, zero_point, 0, highest)


def _scale(step: GridColumn) -> NDArray[np.float32]:
    """A step that float32 can hold; 1 where the range is empty, as every code is then 0."""
    scale = step.astype(np.float32)
    return np.where(scale > 0, scale, np.float32(1))
