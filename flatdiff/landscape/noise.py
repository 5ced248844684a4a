"""The kinds of noise on weights, and of random directions, that settings name."""

from typing import Literal

Normalization = Literal["filter", "layer", "none"]  # of random directions
LpfMode = Literal["absolute", "filter_relative"]  # of Gaussian weight noise
Noise = Literal["sphere", "absolute", "filter_relative"]  # sphere: of unit norm

NORMALIZATIONS: tuple[Normalization, ...] = ("filter", "layer", "none")
LPF_MODES: tuple[LpfMode, ...] = ("absolute", "filter_relative")
NOISES: tuple[Noise, ...] = ("sphere", *LPF_MODES)
