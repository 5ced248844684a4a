"""`sweep`: training runs of several methods, strengths and seeds, as one thing."""

import sys
from collections.abc import Iterator
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Annotated

import tyro

from flatdiff.checkpoints.recipe import BaseMethod
from flatdiff.commands.stop_signals import stop_signals
from flatdiff.errors import TrainingError
from flatdiff.images.named import dataset_name
from flatdiff.settings import require
from flatdiff.system.processor import num_cores
from flatdiff.training.run_options import RunOptions
from flatdiff.training.sweep import Standing, Sweep, conduct, keep, read_sweep, take_sweep

STOPPED, FAILED = 130, 1  # exit codes


@dataclass(frozen=True, kw_only=True)
class CommonOptions(RunOptions):
    """What all runs share."""

    method: tyro.conf.Fixed[BaseMethod] = "adm"
    name: tyro.conf.Fixed[str] = ""
    seed: tyro.conf.Fixed[int | None] = None
    sam_rho: tyro.conf.Fixed[float | None] = None
    input_perturbation: tyro.conf.Fixed[float | None] = None
    network: tyro.conf.Fixed[str] = ""


def sweep(
    common: Annotated[CommonOptions, tyro.conf.arg(name="")],
    methods: tuple[BaseMethod, ...] = ("adm", "ip", "sam"),
    rhos: tuple[float, ...] = (),
    gammas: tuple[float, ...] = (),
    seeds: tuple[int, ...] = (0, 1, 2),
    at_once: int | None = None,
    resume: bool = False,
) -> int:
    """Train every method with every strength and seed, into one family: `study` decides over it.

    Runs are named as sam0.05-s1. Ctrl+C lets all of them save, and ends; the same command goes
    on, with more seeds, methods or strengths where they are given.

    Args:
        common: of all runs, as `train` takes them.
        methods: adm (plain), ip (input perturbation), sam.
        rhos: radii of SAM; left out: the preset's.
        gammas: strengths of IP; left out: the preset's.
        seeds: one run of everything each.
        at_once: runs that go on together; left out: one a processor core, or a GPU.
        resume: go on with the sweep of the folder as it was asked for.
    """
    family = common.out.resolve()
    plan = _resumed(family) if resume else _planned(common, methods, rhos, gammas, seeds)
    devices = _devices(plan.common.device)
    on_gpus = devices[0].startswith("cuda")
    together = at_once or (len(devices) if on_gpus else num_cores())
    require(together >= 1, "--at-once", "an integer of at least 1", together)
    with take_sweep(family), stop_signals() as stop:
        if not resume:
            keep(plan)
        print(f"{len(plan.runs())} runs, {together} at once, into {common.out}", flush=True)
        last = _watched(conduct(plan, together, devices, stop))
    return _ended(last)


def _planned(
    common: CommonOptions,
    methods: tuple[BaseMethod, ...],
    rhos: tuple[float, ...],
    gammas: tuple[float, ...],
    seeds: tuple[int, ...],
) -> Sweep:
    named = None if common.dataset is None else dataset_name(common.dataset)
    own = {field.name: getattr(common, field.name) for field in fields(RunOptions)}
    plain = RunOptions(**{**own, "out": common.out.resolve(), "dataset": named})
    return Sweep(common=plain, methods=methods, rhos=rhos, gammas=gammas, seeds=seeds)


def _resumed(family: Path) -> Sweep:
    found = read_sweep(family)
    if found is None:
        raise TrainingError(f"nothing to resume: {family} holds no sweep, or its file is damaged")
    return found


def _devices(wanted: str) -> list[str]:
    """What runs are shared out to: every GPU where there are some."""
    import torch

    gpus = torch.cuda.device_count() if wanted in ("auto", "cuda") else 0
    return [f"cuda:{number}" for number in range(gpus)] or [wanted]


def _watched(standings: Iterator[Standing]) -> Standing:
    """Say what changes, a line a change."""
    said, last = "", Standing([])
    for last in standings:
        line = _line(last)
        if line != said:
            print(line, flush=True)
            said = line
    return last


def _line(standing: Standing) -> str:
    """Every tenth of a run is a change."""
    going = [
        f"{run.folder.name} {10 * run.step // max(run.steps or 1, 1)}0 %" for run in standing.alive
    ]
    return " · ".join([f"{standing.done} of {standing.num_runs} done", *going])


def _ended(standing: Standing) -> int:
    for run in standing.failed:
        print(f"{run.id} ended before its time: {run.reason}", file=sys.stderr)
    if standing.failed:
        return FAILED
    if standing.done < standing.num_runs:
        print("stopped, all of it saved; continue with --resume", file=sys.stderr)
        return STOPPED
    print(f"done: {standing.num_runs} runs; flatdiff study decides over them")
    return 0
