"""A U-Net of diffusers, told by the configs that lie beside its weights: network and scheduler.

What measurements ask of a network is asked of these flags as of `AdmFlags`: the images it sees,
its classes, what it predicts, the betas of its process. The network itself is of diffusers' class.
"""

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from flatdiff.diffusion.flags import BOUNDS, Prediction
from flatdiff.diffusion.network_flags import NetworkFlags
from flatdiff.errors import SettingsError
from flatdiff.settings import canonical_json, require
from flatdiff.system.foreign_json import read_foreign_json

LIBRARY = "diffusers"
UNET = "UNet2DModel"
PREDICTIONS: Mapping[str, Prediction] = {
    "epsilon": "eps",
    "sample": "x_start",
    "v_prediction": "v",
}
VARIANCES = ("fixed_small", "fixed_small_log", "fixed_large", "fixed_large_log", "learned_range")
SCHEDULES = ("linear", "scaled_linear", "squaredcos_cap_v2")
# Of a scheduler's config, what decides the process; the rest says how to sample from it.
OF_THE_PROCESS = {
    "num_train_timesteps": 1000,
    "beta_schedule": "linear",
    "beta_start": 0.0001,
    "beta_end": 0.02,
    "prediction_type": "epsilon",
    "variance_type": "fixed_small",
}
# Settings of a scheduler under which it computes otherwise than here; each must be as this says.
ELSEWHERE = {"thresholding": False, "rescale_betas_zero_snr": False, "trained_betas": None}
MAX_TEXT = 20_000  # characters of a config
BLOCKS = ("down_block_types", "up_block_types")


@dataclass(frozen=True, kw_only=True)
class DiffusersFlags(NetworkFlags):
    """One `UNet2DModel` and the process that its scheduler describes."""

    library: str = LIBRARY
    unet: str  # its config as canonical JSON, without entries that begin with "_"
    scheduler: str  # the same of `OF_THE_PROCESS`

    def __post_init__(self) -> None:
        require(self.library == LIBRARY, "library", LIBRARY, self.library)
        for name in ("unet", "scheduler"):
            text = getattr(self, name)
            fits = isinstance(text, str) and len(text) <= MAX_TEXT
            require(fits, name, f"text of at most {MAX_TEXT:,} characters", type(text).__name__)
        self._require_network()
        self._require_process()

    def _require_network(self) -> None:
        low, high = BOUNDS["image_size"]
        size = self.unet_config.get("sample_size")
        require(type(size) is int and low <= size <= high, "sample_size", "a square's side", size)
        for name in ("in_channels", "out_channels"):
            value = self.unet_config.get(name)
            require(type(value) is int and 1 <= value <= 8, name, "an integer in [1, 8]", value)
        widths = self.unet_config.get("block_out_channels", ())
        whole = isinstance(widths, list) and all(type(w) is int and 1 <= w <= 8192 for w in widths)
        require(whole and 1 <= len(widths) <= 8, "block_out_channels", "1 to 8 widths", widths)
        layers = self.unet_config.get("layers_per_block", 2)
        fits = type(layers) is int and 1 <= layers <= 64
        require(fits, "layers_per_block", "an integer in [1, 64]", layers)
        expected = self.in_channels * (2 if self.learn_sigma else 1)
        got = self.unet_config["out_channels"]
        require(got == expected, "out_channels", f"{expected} with this variance_type", got)

    def _require_process(self) -> None:
        known = self.scheduler_config
        for name, choices in (
            ("beta_schedule", SCHEDULES),
            ("prediction_type", tuple(PREDICTIONS)),
            ("variance_type", VARIANCES),
        ):
            require(known[name] in choices, name, f"one of {', '.join(choices)}", known[name])
        low, high = BOUNDS["diffusion_steps"]
        steps = known["num_train_timesteps"]
        fits = type(steps) is int and low <= steps <= high
        require(fits, "num_train_timesteps", f"an integer in [{low}, {high}]", steps)
        for name in ("beta_start", "beta_end"):
            value = known[name]
            fits = isinstance(value, int | float) and 0 < value < 1
            require(fits, name, "in (0, 1)", value)

    @cached_property
    def unet_config(self) -> dict[str, Any]:
        """As `UNet2DModel.from_config` takes it."""
        return _table("unet", self.unet)

    @cached_property
    def scheduler_config(self) -> dict[str, Any]:
        """Of the process, with diffusers' defaults for what it leaves out."""
        return OF_THE_PROCESS | _table("scheduler", self.scheduler)

    @property
    def image_size(self) -> int:
        """Pixels a side."""
        return self.unet_config["sample_size"]

    @property
    def in_channels(self) -> int:
        """Of an image."""
        return self.unet_config["in_channels"]

    @property
    def num_channels(self) -> int:
        """Width of the finest level."""
        return self.unet_config["block_out_channels"][0]

    @property
    def num_classes(self) -> int | None:
        """None = unconditional."""
        return self.unet_config.get("num_class_embeds")

    @property
    def diffusion_steps(self) -> int:
        """T."""
        return self.scheduler_config["num_train_timesteps"]

    @property
    def prediction(self) -> Prediction:
        """What the network predicts."""
        return PREDICTIONS[self.scheduler_config["prediction_type"]]

    @property
    def learn_sigma(self) -> bool:
        """Whether it predicts the variance beside that."""
        return self.scheduler_config["variance_type"] == "learned_range"

    @property
    def sigma_small(self) -> bool:
        """Whether a fixed variance is the posterior's, and not beta."""
        return self.scheduler_config["variance_type"].startswith("fixed_small")

    @property
    def use_scale_shift_norm(self) -> bool:
        """Whether the timestep is heard after the norm."""
        return self.unet_config.get("resnet_time_scale_shift") == "scale_shift"

    is_diffusion = True
    # Of guided-diffusion's alone.
    rescale_timesteps = False
    rescale_learned_sigmas = True
    use_kl = False

    def without_dropout(self) -> "DiffusersFlags":
        """What the weights compute in a measurement."""
        return dataclasses.replace(self, unet=canonical_json(self.unet_config | {"dropout": 0.0}))


def from_configs(unet: Mapping[str, Any], scheduler: Mapping[str, Any]) -> DiffusersFlags:
    """Of the two files `config.json` and `scheduler_config.json`.

    Raises:
        SettingsError: it is another network, or a process that is not computed here.
    """
    kind = unet.get("_class_name")
    require(kind == UNET, "the network", f"diffusers' {UNET}", kind)
    for name, expected in ELSEWHERE.items():
        got = scheduler.get(name, expected)
        require(got == expected, f"{name} of the scheduler", repr(expected), got)
    _refuse_foreign_blocks(unet)
    own = {name: value for name, value in unet.items() if not name.startswith("_")}
    process = {name: scheduler[name] for name in OF_THE_PROCESS if name in scheduler}
    return DiffusersFlags(unet=canonical_json(own), scheduler=canonical_json(process))


def _refuse_foreign_blocks(unet: Mapping[str, Any]) -> None:
    for name in BLOCKS:
        blocks = unet.get(name, ())
        names = isinstance(blocks, list | tuple)
        fits = names and all(isinstance(block, str) and block.isalnum() for block in blocks)
        require(fits, name, "names of diffusers' blocks", blocks)


def _table(name: str, text: str) -> dict[str, Any]:
    """A config, which a stranger may have written into a card."""
    try:
        values = read_foreign_json(text)
    except ValueError as error:
        raise SettingsError(f"{name} is no JSON: {error}") from None
    require(isinstance(values, dict), name, "a table", type(values).__name__)
    return values
