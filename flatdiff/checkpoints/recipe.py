"""A recipe is everything that decides the weights of a training run; a preset is a base for one.

Same recipe, same machine, same thread count: same bits. The defaults are the paper's (Sec. 4.1)
except in the `digits` preset, whose run is short enough for a laptop.
"""

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from flatdiff.diffusion.any_flags import flags_from_json
from flatdiff.diffusion.flags import AdmFlags
from flatdiff.diffusion.own_flags import OwnFlags
from flatdiff.errors import SettingsError
from flatdiff.settings import from_mapping, require, require_finite, require_one_of

BaseMethod = Literal["adm", "ip", "sam"]
Precision = Literal["float32", "bfloat16"]
TimestepSamplerName = Literal["uniform", "loss-second-moment"]


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """One training run of a base method; it yields raw weights and every average of them."""

    preset: str
    method: BaseMethod
    dataset: str  # a key of `images.datasets.DATASETS`, or "folder:<path>"
    flags: AdmFlags | OwnFlags
    steps: int = 200_000
    batch_size: int = 128
    learning_rate: float = 1e-4
    seed: int = 0
    sam_rho: float = 0.1  # radius in weight space; the paper tried 0.1, 0.01 and 0.001
    input_perturbation: float = 0.1  # in units of the noise; used by method ip
    ema_decay: float = 0.9999
    swa_start_step: int = 180_000
    swa_every_steps: int = 100
    random_flip: bool = False
    precision: Precision = "float32"  # of the activations in training; weights are float32
    sam_shards: int = 1  # of a batch, each with an ascent of its own; used by method sam
    timestep_sampler: TimestepSamplerName = "uniform"

    def __post_init__(self) -> None:
        require(self.method in ("adm", "ip", "sam"), "method", "adm, ip or sam", self.method)
        for name in ("steps", "batch_size", "swa_every_steps", "sam_shards"):
            value = getattr(self, name)
            require(isinstance(value, int) and value >= 1, name, "an integer of at least 1", value)
        seed = self.seed
        require(isinstance(seed, int) and seed >= 0, "seed", "an integer of at least 0", seed)
        known = ("float32", "bfloat16")
        require(self.precision in known, "precision", "float32 or bfloat16", self.precision)
        samplers, sampler = ("uniform", "loss-second-moment"), self.timestep_sampler
        require_one_of("timestep_sampler", sampler, samplers)
        require_finite("learning_rate", self.learning_rate, above=0)
        require_finite("sam_rho", self.sam_rho, above=0)
        require_finite("input_perturbation", self.input_perturbation)
        require(0 <= self.ema_decay < 1, "ema_decay", "in [0, 1)", self.ema_decay)
        if not self.flags.is_diffusion:
            expected = "adm (plain) or sam: a loss of its own has no noise to perturb"
            require(self.method != "ip", "method", expected, self.method)
            require(sampler == "uniform", "timestep_sampler", "uniform: it has none", sampler)
        start = self.swa_start_step
        expected = f"in [1, {self.steps}], so that at least one model is averaged"
        require(1 <= start <= self.steps, "swa_start_step", expected, start)

    def to_json(self) -> dict[str, Any]:
        """Plain data for a card or a training state."""
        return dataclasses.asdict(self)

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> "Recipe":
        """Back from a card.

        Raises:
            SettingsError: an entry is unknown, missing or out of range.
        """
        parsed = dict(values)
        if "flags" in parsed:
            flags = parsed["flags"] = flags_from_json(parsed["flags"])
            trained = isinstance(flags, AdmFlags | OwnFlags)
            require(trained, "network", "ADM or of your own code, to be trained", "diffusers")
        return from_mapping(cls, parsed, "recipe")


@dataclass(frozen=True, kw_only=True)
class Preset:
    """A dataset, a network for it, and what a recipe changes for it."""

    dataset: str
    flags: AdmFlags
    changes: Mapping[str, Any] = field(default_factory=dict)


# What the paper's three networks share (its Sec. 4.1 and DDPM-IP's public commands).
_PAPER = AdmFlags(
    resblock_updown=True,
    use_new_attention_order=True,
    learn_sigma=True,
    rescale_learned_sigmas=True,
    noise_schedule="cosine",
)

_TOWER = dataclasses.replace(
    _PAPER,
    image_size=64,
    num_channels=192,
    num_res_blocks=3,
    channel_mult="1,2,3,4",
    attention_resolutions="32,16,8",
    num_head_channels=64,
    dropout=0.1,
)

PRESETS: dict[str, Preset] = {
    "digits": Preset(
        dataset="digits",
        flags=dataclasses.replace(
            _PAPER,
            image_size=8,
            in_channels=1,
            num_channels=32,
            num_res_blocks=1,
            channel_mult="1,2",
            attention_resolutions="4",
            num_head_channels=32,
            dropout=0.1,
        ),
        changes={"steps": 12_000, "ema_decay": 0.999, "swa_start_step": 10_800},
    ),
    "cifar10": Preset(
        dataset="cifar10",
        flags=dataclasses.replace(
            _PAPER,
            image_size=32,
            num_channels=128,
            num_res_blocks=3,
            channel_mult="1,2,2,2",
            attention_resolutions="16,8",
            num_head_channels=32,
            dropout=0.3,
        ),
        changes={"random_flip": True},
    ),
    "lsun_tower": Preset(dataset="lsun_tower", flags=_TOWER, changes={"random_flip": True}),
    # No flags were published for FFHQ: that its network is the tower's is an assumption.
    "ffhq64": Preset(dataset="ffhq64", flags=_TOWER, changes={"random_flip": True}),
}


def make_recipe(preset: str, method: BaseMethod, **changes: Any) -> Recipe:
    """A preset's recipe with some settings changed; a None leaves the preset's value.

    A shorter run without its own swa_start_step averages its last tenth, as the paper does.

    Raises:
        SettingsError: no such preset, or a setting is out of range.
    """
    if preset not in PRESETS:
        raise SettingsError(f"preset must be one of {', '.join(PRESETS)}; got {preset!r}")
    base = PRESETS[preset]
    chosen = {name: value for name, value in changes.items() if value is not None}
    if "steps" in chosen:
        chosen.setdefault("swa_start_step", max(1, chosen["steps"] * 9 // 10))
    settings = {"dataset": base.dataset, "flags": base.flags, **base.changes, **chosen}
    return Recipe(preset=preset, method=method, **settings)
