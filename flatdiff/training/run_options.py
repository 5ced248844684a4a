"""Run options are what somebody chooses for one training run: recipe, folder, threads, saving.

They are the flags of `train`, the widgets of the Train page, and the file beside a run's state by
which either continues what the other began. Where the run came from is not in them.
"""

import re
import shlex
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any, Literal

from flatdiff.checkpoints.averages import METHODS
from flatdiff.checkpoints.pasted_command import read_command
from flatdiff.checkpoints.recipe import (
    BaseMethod,
    Precision,
    Recipe,
    TimestepSamplerName,
    make_recipe,
)
from flatdiff.diffusion.flags import AdmFlags
from flatdiff.diffusion.own_flags import OwnFlags
from flatdiff.images.listing import classes_of
from flatdiff.settings import canonical_json, from_mapping, require
from flatdiff.system.foreign_json import record_from_json
from flatdiff.training.execution import Execution, shards_of_process

NAME = re.compile(r"\w[\w.-]{0,39}")
NAME_RULE = "1 to 40 letters, digits, dots, hyphens and underscores, the first a letter or a digit"


@dataclass(frozen=True, kw_only=True)
class RunOptions:
    """Where and how to train; a recipe setting left out is the preset's."""

    out: Path
    """The family's folder; checkpoints are written to OUT/NAME, OUT/NAME-ema and OUT/NAME-swa."""
    preset: str = "digits"
    """digits, cifar10, lsun_tower or ffhq64."""
    method: BaseMethod = "adm"
    """adm (plain), ip (input perturbation) or sam."""
    name: str = ""
    """Of the run and its checkpoints, NAME, NAME-ema and NAME-swa; left out: the method's."""
    steps: int | None = None
    """Optimizer steps."""
    seed: int | None = None
    """Of initial weights, data order, timesteps, noise and dropout."""
    batch_size: int | None = None
    """Images a step."""
    learning_rate: float | None = None
    """Of Adam, constant."""
    sam_rho: float | None = None
    """Radius of SAM's ascent, in weight space; the paper tried 0.1, 0.01 and 0.001."""
    input_perturbation: float | None = None
    """Gamma of IP, in units of the noise."""
    sam_shards: int | None = None
    """Parts of a batch that climb each by its own gradient; left out: one a process."""
    timestep_sampler: TimestepSamplerName | None = None
    """uniform, or loss-second-moment: timesteps with large losses more often, weighted."""
    ema_decay: float | None = None
    """Share of the old average kept at each step."""
    swa_start_step: int | None = None
    """First step whose weights enter the SWA mean."""
    swa_every_steps: int | None = None
    """How often weights enter it afterwards."""
    flags: str = ""
    """Of another network than the preset's, in guided-diffusion's spelling; a whole command too.
    What they leave out is the preset's."""
    network: str = ""
    """Of your own code, instead of ADM: the name of its entry point (docs/your-own-network.md)."""
    dataset: str | None = None
    """Other images than the preset's: a key of `images.datasets.DATASETS`, or folder:<path>."""
    precision: Precision | Literal["auto"] = "auto"
    """Of activations in training; auto is bfloat16 where the hardware computes it."""
    device: str = "auto"
    """cpu, cuda, or auto for a GPU where there is one."""
    num_threads: int | None = None
    """Processor threads; equal bits need equal threads."""
    accumulate: int = 1
    """Parts that a process cuts its share of a batch into, to need less memory."""
    recompute_activations: bool = False
    """Compute activations again on the way back: less memory, a third more time."""
    channels_last: bool = False
    """Memory layout of images and weights."""
    fused_adam: bool = False
    """One kernel for all weights."""
    compile_network: bool = False
    """torch.compile: minutes before the first step, faster ones afterwards."""
    save_every_steps: int = 500
    """How often the state is saved for --resume."""
    keep_every_steps: int | None = None
    """How often the raw weights become a checkpoint of their own, OUT/NAME-<step>."""
    eval_every_steps: int | None = None
    """How often a small LPF and 8 samples of the raw weights are kept, as the Train page shows."""

    def __post_init__(self) -> None:
        if self.name:
            fits = NAME.fullmatch(self.name) is not None and self.name not in METHODS
            require(fits, "name", f"{NAME_RULE}, and no method's", self.name)
        self.execution()
        for name in ("save_every_steps", "keep_every_steps", "eval_every_steps", "num_threads"):
            value = getattr(self, name)
            whole = value is None or (isinstance(value, int) and value >= 1)
            require(whole, name, "an integer of at least 1", value)

    @property
    def run_name(self) -> str:
        """What the run is called in its family."""
        return self.name or self.method

    def recipe(self, native_precision: Precision = "float32", processes: int = 1) -> Recipe:
        """The preset with these changes.

        Args:
            native_precision: what "auto" means on the device.
            processes: that train together, each with an ascent of its own unless it is said.

        Raises:
            SettingsError: no such preset, or a setting is out of range.
            DataError: a class-conditional network, and a folder that is not there.
        """
        own = {field.name for field in fields(RunOptions)}
        shared = {field.name for field in fields(Recipe)} & own
        left_out = {"preset", "method", "flags"}
        changes = {name: getattr(self, name) for name in shared - left_out}
        changes["precision"] = native_precision if self.precision == "auto" else self.precision
        if self.method == "sam" and self.sam_shards is None:
            changes["sam_shards"] = processes
        if own := own_of(self.network):
            require(not self.flags, "flags", "left out: the network says its own", self.flags)
            return make_recipe(self.preset, self.method, flags=own, **changes)
        recipe = make_recipe(self.preset, self.method, **changes)
        assert isinstance(recipe.flags, AdmFlags), "of a preset"
        return replace(recipe, flags=network_flags(recipe.flags, self.flags, recipe.dataset))

    def execution(self) -> Execution:
        """How steps are computed.

        Raises:
            SettingsError: a setting is out of range.
        """
        return Execution(**{f.name: getattr(self, f.name) for f in fields(Execution)})

    def shared_out(self, processes: int) -> "RunOptions":
        """The recipe of one process for several: SAM's shards are said, else each had its own.

        Raises:
            SettingsError: the batch cannot be shared out evenly, or a setting is out of range.
        """
        recipe = self.recipe()
        shards_of_process(recipe, self.execution(), processes)
        return replace(self, sam_shards=recipe.sam_shards) if self.method == "sam" else self

    def arguments(self) -> list[str]:
        """Of `train`: preset, method and folder, and whatever is not as it is anyway."""
        always = ("preset", "method", "out")
        changed = [
            field.name
            for field in fields(RunOptions)
            if field.name not in always and getattr(self, field.name) != field.default
        ]
        return [word for name in (*always, *changed) for word in self._words(name)]

    def _words(self, name: str) -> list[str]:
        """One flag; a switch that is on has no value."""
        flag, value = f"--{name.replace('_', '-')}", getattr(self, name)
        if name == "network" and (own := own_of(value)):
            value = own.network
        return [flag] if value is True else [flag, str(value)]

    def command(self, *more: str, processes: int = 1) -> str:
        """The command line of this run, with further flags."""
        together = ["torchrun", "--nproc-per-node", str(processes), "-m"]
        start = [] if processes == 1 else together
        return shlex.join([*start, "flatdiff", "train", *self.arguments(), *more])

    def to_json(self) -> str:
        """All but the folder, which is where the text is kept."""
        own = {field.name: getattr(self, field.name) for field in fields(RunOptions)}
        own.pop("out")
        return canonical_json(own)

    @classmethod
    def from_json(cls, text: str, out: Path) -> "RunOptions":
        """Back from a run's folder.

        Raises:
            SettingsError: it is no such text, or a setting is out of range.
        """

        def made(values: Any) -> "RunOptions":
            options = from_mapping(cls, {**values, "out": out}, "options")
            options.recipe()  # refuses what is out of range
            return options

        return record_from_json(text, made)


def own_of(text: str) -> OwnFlags | None:
    """The flags of a network of one's own, as a run's options keep them; None for "".

    Args:
        text: their JSON. A name alone has to be looked up by `train`, which may run its code.

    Raises:
        SettingsError: it is not that.
    """
    if not text:
        return None
    return record_from_json(text, OwnFlags.from_json)


def network_flags(base: AdmFlags, text: str, dataset: str) -> AdmFlags:
    """The flags of a network that is to be trained.

    Args:
        base: for what the text leaves out.
        text: as `pasted_command.read_command` takes it; "" changes nothing.
        dataset: whose classes a class-conditional network learns.

    Raises:
        SettingsError: a flag is unknown or out of range, or the images have no classes.
        DataError: the images are asked for their classes, and are not there.
    """
    given = read_command(text).flags
    conditional = given.pop("class_cond", base.num_classes is not None)
    classes = classes_of(dataset) if conditional else ()
    told = "images of classes: in subfolders, or named as cat_01.png"
    require(bool(classes) == conditional, "class_cond", told, dataset)
    own = {name: value for name, value in base.to_json().items() if name != "num_classes"}
    return AdmFlags.from_guided_diffusion({**own, **given}, len(classes) or None)
