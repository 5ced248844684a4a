"""ADM flags: everything that decides what an ADM network computes and which process it denoises.

The names are guided-diffusion's command-line names, so a card reads like a training command of the
paper. What guided-diffusion hard-codes (3 image channels, 1000 classes) is a flag here.
"""

import dataclasses
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from flatdiff.diffusion.network_flags import NetworkFlags
from flatdiff.errors import SettingsError
from flatdiff.settings import from_mapping, require

NoiseSchedule = Literal["linear", "cosine"]
# What a network predicts: the noise, the image, or sqrt(bar) noise - sqrt(1 - bar) image
# (Salimans & Ho 2022, arXiv 2202.00512).
Prediction = Literal["eps", "x_start", "v"]

# guided-diffusion's channel multipliers where the flag is left empty, by image size.
DEFAULT_CHANNEL_MULT = {
    512: "0.5,1,1,2,2,4,4",
    256: "1,1,2,2,4,4",
    128: "1,1,2,3,4",
    64: "1,2,3,4",
}

# Flags that change speed or memory in guided-diffusion, never the result: accepted and dropped.
IRRELEVANT_FLAGS = ("use_checkpoint", "use_fp16", "timestep_respacing", "class_cond")

# Far beyond any ADM, and small enough that flags from a stranger cannot exhaust the machine.
BOUNDS = {
    "image_size": (1, 4096),
    "in_channels": (1, 64),
    "num_channels": (1, 8192),
    "num_res_blocks": (1, 64),
    "num_heads": (1, 8192),
    "diffusion_steps": (2, 100_000),
}
MAX_MULTIPLIER = 1024  # of the width, at one level


@dataclass(frozen=True, kw_only=True)
class AdmFlags(NetworkFlags):
    """One ADM network and its diffusion process (Dhariwal & Nichol 2021, arXiv 2105.05233)."""

    image_size: int = 64  # pixels a side
    in_channels: int = 3
    num_channels: int = 128
    num_res_blocks: int = 2  # a level
    channel_mult: str = ""  # "" = guided-diffusion's table by image size
    num_heads: int = 4  # used where num_head_channels is -1
    num_heads_upsample: int = -1  # -1 = num_heads
    num_head_channels: int = -1  # -1 = num_heads decides
    attention_resolutions: str = "16,8"  # pixels a side; "" = only the middle block attends
    dropout: float = 0.0
    num_classes: int | None = None  # None = unconditional
    use_scale_shift_norm: bool = True
    resblock_updown: bool = False
    use_new_attention_order: bool = False
    learn_sigma: bool = False
    diffusion_steps: int = 1000
    noise_schedule: NoiseSchedule = "linear"
    sigma_small: bool = False
    predict_xstart: bool = False
    use_kl: bool = False
    rescale_timesteps: bool = False
    rescale_learned_sigmas: bool = False

    def __post_init__(self) -> None:
        for name, (low, high) in BOUNDS.items():
            value = getattr(self, name)
            whole = isinstance(value, int) and low <= value <= high
            require(whole, name, f"an integer in [{low}, {high}]", value)
        require(0 <= self.dropout < 1, "dropout", "in [0, 1)", self.dropout)
        known = ("linear", "cosine")
        require(
            self.noise_schedule in known, "noise_schedule", "linear or cosine", self.noise_schedule
        )
        require(self.num_channels % 32 == 0, "num_channels", "a multiple of 32", self.num_channels)
        _ = self.channel_multipliers, self.attention_downsamplings
        size, levels = self.image_size, len(self.channel_multipliers)
        fits = size % 2 ** (levels - 1) == 0
        require(
            fits, "image_size", f"divisible by 2^{levels - 1} (channel_mult has {levels})", size
        )
        self._require_heads_fit()

    def _require_heads_fit(self) -> None:
        """Every width is normalised in 32 groups, and cut into heads where there is attention."""
        widths = [int(m * self.num_channels) for m in self.channel_multipliers]
        fits = all(width % 32 == 0 for width in widths)
        require(fits, "channel_mult", "such that every width is a multiple of 32", widths)
        levels = self.attention_downsamplings
        attended = [w for i, w in enumerate(widths) if 2**i in levels] + widths[-1:]
        for name in ("num_heads", "num_heads_upsample", "num_head_channels"):
            value = getattr(self, name)
            # -1 leaves the choice to another flag; num_head_channels overrules the other two.
            if value == -1 or (name != "num_head_channels" and self.num_head_channels != -1):
                continue
            expected = f"a divisor of {attended}, the widths that attend"
            fits = value >= 1 and all(width % value == 0 for width in attended)
            require(fits, name, expected, value)

    @property
    def channel_multipliers(self) -> tuple[float, ...]:
        """One width factor a level, finest first."""
        text = self.channel_mult or DEFAULT_CHANNEL_MULT.get(self.image_size, "")
        try:
            multipliers = tuple(float(part) for part in text.split(","))
        except ValueError:
            raise SettingsError(
                f"channel_mult must be numbers such as '1,2,2,2' (it may be empty only at "
                f"image_size 64, 128, 256 and 512); got {self.channel_mult!r} "
                f"at image_size {self.image_size}"
            ) from None
        fits = all(math.isfinite(m) and 0 < m <= MAX_MULTIPLIER for m in multipliers)
        expected = f"above 0 and at most {MAX_MULTIPLIER} at every level"
        require(fits, "channel_mult", expected, text)
        return multipliers

    @property
    def attention_downsamplings(self) -> frozenset[int]:
        """Attention levels as factors of downsampling, as guided-diffusion counts them."""
        parts = [part for part in self.attention_resolutions.split(",") if part.strip()]
        try:
            return frozenset(self.image_size // int(part) for part in parts)
        except (ValueError, ZeroDivisionError):
            expected = "pixel sizes such as '16,8'"
            require(False, "attention_resolutions", expected, self.attention_resolutions)
            raise

    is_diffusion = True

    @property
    def out_channels(self) -> int:
        """Channels of the network's output: noise, and with learn_sigma the variance."""
        return self.in_channels * (2 if self.learn_sigma else 1)

    @property
    def prediction(self) -> Prediction:
        """What the network predicts."""
        return "x_start" if self.predict_xstart else "eps"

    def without_dropout(self) -> "AdmFlags":
        """What the weights compute in a measurement, where dropout is off."""
        return dataclasses.replace(self, dropout=0.0)

    @classmethod
    def from_guided_diffusion(
        cls, values: Mapping[str, Any], num_classes: int | None
    ) -> "AdmFlags":
        """From guided-diffusion's own flag set; classes come from the weights, not from the flags.

        Raises:
            SettingsError: a flag is unknown to us and could change the result.
        """
        own = {name: value for name, value in values.items() if name not in IRRELEVANT_FLAGS}
        return from_mapping(cls, {**own, "num_classes": num_classes}, "guided-diffusion flags")
