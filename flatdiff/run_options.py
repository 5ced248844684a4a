"""Run options are what somebody chooses for one training run: recipe, folder, threads, saving.

They are the flags of `train`, the widgets of the Train page, and the file beside a run's state by
which either continues what the other began. Where the run came from is not in them.
"""

import json
import shlex
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Literal

from flatdiff.config import BaseMethod, Precision, canonical_json, from_mapping, require
from flatdiff.recipe import Recipe, make_recipe


@dataclass(frozen=True, kw_only=True)
class RunOptions:
    """Where and how to train; a recipe setting left out is the preset's."""

    out: Path
    """The family's folder; checkpoints are written to OUT/<method>, -ema and -swa."""
    preset: str = "digits"
    """digits or cifar10."""
    method: BaseMethod = "adm"
    """adm (plain), ip (input perturbation) or sam."""
    steps: int | None = None
    """Optimizer steps."""
    seed: int | None = None
    """Of initial weights, data order, timesteps, noise and dropout."""
    batch_size: int | None = None
    """Images a step."""
    learning_rate: float | None = None
    """Of Adam, constant."""
    sam_rho: float | None = None
    """Radius of SAM's ascent, in weight space."""
    input_perturbation: float | None = None
    """Gamma of IP, in units of the noise."""
    ema_decay: float | None = None
    """Share of the old average kept at each step."""
    swa_start_step: int | None = None
    """First step whose weights enter the SWA mean."""
    swa_every_steps: int | None = None
    """How often weights enter it afterwards."""
    dataset: str | None = None
    """digits, cifar10 or folder:<path>."""
    precision: Precision | Literal["auto"] = "auto"
    """Of activations in training; auto is bfloat16 where the hardware computes it."""
    device: str = "auto"
    """cpu, cuda, or auto for a GPU where there is one."""
    num_threads: int | None = None
    """Processor threads; equal bits need equal threads."""
    save_every_steps: int = 500
    """How often the state is saved for --resume."""
    keep_every_steps: int | None = None
    """How often the raw weights become a checkpoint of their own, OUT/<method>-<step>."""

    def __post_init__(self) -> None:
        for name in ("save_every_steps", "keep_every_steps", "num_threads"):
            value = getattr(self, name)
            whole = value is None or (isinstance(value, int) and value >= 1)
            require(whole, name, "an integer of at least 1", value)

    def recipe(self, native_precision: Precision = "float32") -> Recipe:
        """The preset with these changes.

        Args:
            native_precision: what "auto" means on the device.

        Raises:
            SettingsError: no such preset, or a setting is out of range.
        """
        own = {field.name for field in fields(RunOptions)}
        shared = {field.name for field in fields(Recipe)} & own
        changes = {name: getattr(self, name) for name in shared - {"preset", "method"}}
        changes["precision"] = native_precision if self.precision == "auto" else self.precision
        return make_recipe(self.preset, self.method, **changes)

    def arguments(self) -> list[str]:
        """Of `train`: preset, method and folder, and whatever is not as it is anyway."""
        always = ("preset", "method", "out")
        changed = [
            field.name
            for field in fields(RunOptions)
            if field.name not in always and getattr(self, field.name) != field.default
        ]
        return [
            part
            for name in (*always, *changed)
            for part in (f"--{name.replace('_', '-')}", str(getattr(self, name)))
        ]

    def command(self, *more: str) -> str:
        """The command line of this run, with further flags."""
        return shlex.join(["python", "-m", "flatdiff", "train", *self.arguments(), *more])

    def to_json(self) -> str:
        """All but the folder, which is where the text is kept."""
        own = {field.name: getattr(self, field.name) for field in fields(RunOptions)}
        own.pop("out")
        return canonical_json(own)

    @classmethod
    def from_json(cls, text: str, out: Path) -> "RunOptions":
        """Back from a run's folder.

        Raises:
            ValueError: it is no such text, or a setting is out of range.
        """
        values = json.loads(text)
        if not isinstance(values, Mapping):
            raise ValueError("no table")
        options = from_mapping(cls, {**values, "out": out}, "options")
        try:
            options.recipe()
        except TypeError as error:  # a list where a word should be
            raise ValueError(str(error)) from None
        return options
