"""`train`: one run of a base method, three checkpoints."""

import shlex
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import tyro

from flatdiff.config import BaseMethod, Precision, require
from flatdiff.recipe import Recipe, make_recipe

if TYPE_CHECKING:
    from flatdiff.training import StepRecord


@dataclass(frozen=True, kw_only=True)
class Options:
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
    resume: bool = False
    """Continue a stopped run; its settings must be the same."""

    def __post_init__(self) -> None:
        for name in ("save_every_steps", "keep_every_steps", "num_threads"):
            value = getattr(self, name)
            require(value is None or value >= 1, name, "an integer of at least 1", value)

    def recipe(self, native_precision: Precision) -> Recipe:
        """The preset with this command's changes."""
        shared = {field.name for field in fields(Recipe)} & {field.name for field in fields(self)}
        changes = {name: getattr(self, name) for name in shared - {"preset", "method"}}
        changes["precision"] = native_precision if self.precision == "auto" else self.precision
        return make_recipe(self.preset, self.method, **changes)


def train(options: Annotated[Options, tyro.conf.arg(name="")]) -> int:
    """Train ADM with one base method; raw, EMA and SWA weights become three checkpoints."""
    import torch

    from flatdiff.devices import pick_device, pick_precision
    from flatdiff.runs import Run, execute

    if options.num_threads is not None:
        torch.set_num_threads(options.num_threads)
    device = pick_device(options.device)
    run = Run(
        recipe=options.recipe(pick_precision(device)),
        out=options.out.resolve(),
        device=device,
        command=shlex.join(["python", "-m", "flatdiff", *_own_arguments()]),
        save_every_steps=options.save_every_steps,
        keep_every_steps=options.keep_every_steps,
    )
    _show_progress(execute(run, options.resume), run.recipe.steps)
    method = run.recipe.method
    print(f"done: {method}, {method}-ema and {method}-swa in {options.out}")
    return 0


def _own_arguments() -> list[str]:
    """The command as a card should repeat it: without the flag that continued it."""
    return [argument for argument in sys.argv[1:] if argument != "--resume"]


def _show_progress(records: "Iterator[StepRecord]", steps: int) -> None:
    """One line a hundred steps: mean loss, speed, time left."""
    started, first, losses = time.monotonic(), None, []
    for record in records:
        first = record.step - 1 if first is None else first
        losses.append(record.loss)
        if record.step % 100 == 0 or record.step == steps:
            rate = (record.step - first) / (time.monotonic() - started)
            left = (steps - record.step) / rate
            print(
                f"step {record.step}/{steps}  loss {sum(losses) / len(losses):.4f}  "
                f"{rate:.1f} steps/s  {left / 60:.1f} min left",
                flush=True,
            )
            losses = []
