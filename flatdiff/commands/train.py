"""`train`: one run of a base method, three checkpoints."""

import shlex
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import tyro

from flatdiff.config import BaseMethod, Precision, require
from flatdiff.recipe import make_recipe

if TYPE_CHECKING:
    from flatdiff.training import StepRecord


def train(
    out: Path,
    preset: str = "digits",
    method: BaseMethod = "adm",
    steps: int | None = None,
    seed: int | None = None,
    batch_size: int | None = None,
    learning_rate: float | None = None,
    sam_rho: float | None = None,
    input_perturbation: float | None = None,
    ema_decay: float | None = None,
    swa_start_step: int | None = None,
    swa_every_steps: int | None = None,
    dataset: str | None = None,
    precision: Annotated[Precision | Literal["auto"], tyro.conf.arg(name="precision")] = "auto",
    device: str = "auto",
    num_threads: int | None = None,
    save_every_steps: int = 500,
    resume: bool = False,
) -> int:
    """Train ADM with one base method; raw, EMA and SWA weights become three checkpoints.

    Args:
        out: the family's folder; checkpoints are written to OUT/<method>, -ema and -swa.
        preset: digits or cifar10; settings left out are the preset's.
        method: adm (plain), ip (input perturbation) or sam.
        steps: optimizer steps.
        seed: of initial weights, data order, timesteps, noise and dropout.
        batch_size: images a step.
        learning_rate: of Adam, constant.
        sam_rho: radius of SAM's ascent, in weight space.
        input_perturbation: gamma of IP, in units of the noise.
        ema_decay: share of the old average kept at each step.
        swa_start_step: first step whose weights enter the SWA mean.
        swa_every_steps: how often weights enter it afterwards.
        dataset: digits, cifar10 or folder:<path>.
        precision: of activations in training; auto is bfloat16 where the hardware computes it.
        device: cpu, cuda, or auto for a GPU where there is one.
        num_threads: processor threads; equal bits need equal threads.
        save_every_steps: how often the state is saved for --resume.
        resume: continue a stopped run; its settings must be the same.
    """
    import torch

    from flatdiff.devices import pick_device, pick_precision
    from flatdiff.runs import Run, execute

    require(
        save_every_steps >= 1, "save_every_steps", "an integer of at least 1", save_every_steps
    )
    if num_threads is not None:
        require(num_threads >= 1, "num_threads", "an integer of at least 1", num_threads)
        torch.set_num_threads(num_threads)
    chosen = pick_device(device)
    recipe = make_recipe(
        preset,
        method,
        steps=steps,
        seed=seed,
        batch_size=batch_size,
        learning_rate=learning_rate,
        sam_rho=sam_rho,
        input_perturbation=input_perturbation,
        ema_decay=ema_decay,
        swa_start_step=swa_start_step,
        swa_every_steps=swa_every_steps,
        dataset=dataset,
        precision=pick_precision(chosen) if precision == "auto" else precision,
    )
    run = Run(
        recipe=recipe,
        out=out.resolve(),
        device=chosen,
        command=shlex.join(["python", "-m", "flatdiff", *_own_arguments()]),
        save_every_steps=save_every_steps,
    )
    _show_progress(execute(run, resume), recipe.steps)
    print(f"done: {recipe.method}, {recipe.method}-ema and {recipe.method}-swa in {out}")
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
