"""A scheme is how weights become small integers: how many bits, and what sets the grid.

"Direct rounding" of weights (paper Table 4) leaves granularity, symmetry and clipping open; here
they are settings, and the defaults are the plainest choice, not a claim about the paper.
"""

from dataclasses import dataclass
from typing import Literal

from flatdiff.settings import require

# What "unquantised" means: the weights as they are, in float32.
FULL_PRECISION_BITS = 32

Clipping = Literal["minmax", "mse"]

CLIPPINGS: tuple[Clipping, ...] = ("minmax", "mse")
WIDTHS = (8, 7, 6, 5, 4, 3, 2)  # bits below full precision


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
        require(self.clipping in CLIPPINGS, "clipping", " or ".join(CLIPPINGS), self.clipping)

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
