"""`train`: one run of a base method, a checkpoint for each set of its weights."""

import contextlib
import copy
import os
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Annotated

import tyro

from flatdiff.checkpoints.averages import WEIGHT_KINDS, method_name
from flatdiff.checkpoints.pasted_command import read_command
from flatdiff.commands.stop_signals import stop_signals
from flatdiff.commands.train_progress import cost_in_words, say_evaluations, show_progress, written
from flatdiff.diffusion.own_network import own_flags
from flatdiff.errors import FlatdiffError
from flatdiff.images.datasets import known_names
from flatdiff.images.listing import look_before_training
from flatdiff.images.named import dataset_name
from flatdiff.measures.along_run import evaluate_step, panel_of
from flatdiff.settings import canonical_json, require
from flatdiff.system.processor import yield_to_others
from flatdiff.training.cpu_slots import wait_for_turn
from flatdiff.training.evaluations import Evaluation, Samples
from flatdiff.training.run_folder import RunFolder
from flatdiff.training.run_history import HistoryFile
from flatdiff.training.run_options import RunOptions

if TYPE_CHECKING:
    from torch import nn

    from flatdiff.checkpoints.card import Card
    from flatdiff.training.loop import StepRecord
    from flatdiff.training.run import Run

STOPPED = 130  # exit code, as after Ctrl+C


@dataclass(frozen=True, kw_only=True)
class TrainOptions(RunOptions):
    """Where and how to train, and how this sitting begins."""

    dataset: Annotated[
        str | None, tyro.conf.arg(help=f"Other images than the preset's: one of {known_names()}.")
    ] = None
    resume: bool = False
    """Continue a stopped run; its settings must be the same."""
    in_turn: bool = False
    """Wait for a processor core that no other such run has, and give way to all other work."""


def train(options: Annotated[TrainOptions, tyro.conf.arg(name="")]) -> int:
    """Train ADM with one base method; each set of its weights becomes a checkpoint.

    Ctrl+C, or SIGTERM, ends it after the step with its state saved; a second Ctrl+C at once.
    Several processes, on as many GPUs: torchrun --nproc-per-node 4 -m flatdiff train ...
    """
    rank, size = os.environ.get("RANK", "0"), os.environ.get("WORLD_SIZE", "1")
    if size != "1":
        require(not options.in_turn, "--in-turn", "left out with several processes", True)
    with _told_to_torchrun():
        if size != "1" and rank != "0":  # what is said and written is said by the first
            return _assist(_named(options))
        return _lead(_with_images(options))


def _lead(options: TrainOptions) -> int:
    """Train, and say and write what becomes of it."""
    folder = RunFolder.of(options.out.resolve(), options.run_name)
    steps = options.recipe().steps
    with folder.take(), stop_signals() as stop:
        folder.begin(options, options.resume)
        print(cost_in_words(options, folder, options.resume), flush=True)
        with HistoryFile(folder.history_file, steps) as history, _last_words(history):
            last = _train_in_turn(options, history, stop, folder)
            done = last == steps
            history.ended("done" if done else "stopped")
    if options.eval_every_steps:
        say_evaluations(folder)
    if done:
        made = ", ".join(method_name(options.run_name, kind) for kind in WEIGHT_KINDS)
        print(f"done: {made} in {options.out}")
        return 0
    how = f"saved at step {last}; continue with --resume" if last else "nothing was begun"
    print(f"stopped: {how}", file=sys.stderr)
    return STOPPED


def _named(options: TrainOptions) -> TrainOptions:
    """With the names and flags of what somebody wrote, and the method that a command says."""
    method = read_command(options.flags).method_beside(options.method) or options.method
    written = options.dataset
    named = None if written is None else dataset_name(written)
    network = canonical_json(own_flags(options.network)) if options.network else ""
    return replace(options, dataset=named, method=method, network=network)


def _with_images(options: TrainOptions) -> TrainOptions:
    """The same, after a look at the images: before anything is spent on them.

    Raises:
        DataError: there are none, or none to train on, or none held out.
    """
    options = _named(options)
    if passed_over := read_command(options.flags).passed_over:
        names = ", ".join(f"--{flag}" for flag in passed_over)
        print(f"passed over, as it says nothing of the network: {names}", file=sys.stderr)
    name = options.recipe().dataset
    found, few = look_before_training(name)
    for sentence in (found, few and f"warning: {few}"):
        if sentence:
            print(sentence, file=sys.stderr, flush=True)
    return options


def _assist(options: TrainOptions) -> int:
    """Take part in a run that another process leads; what ends it early is told by that one."""
    last = 0
    with _begun(options) as run, stop_signals() as stop:
        from flatdiff.training.run import execute

        for record in execute(run, options.resume, stop):
            last = record.step
    return 0 if last in (0, run.recipe.steps) else STOPPED


@contextlib.contextmanager
def _last_words(history: HistoryFile) -> Iterator[None]:
    """Why a sitting ended before its time, for whoever looks later."""
    try:
        yield
    except FlatdiffError as error:
        history.ended("failed", str(error))
        raise
    except KeyboardInterrupt:
        history.ended("stopped")
        raise
    except BaseException as error:
        history.ended("failed", f"{type(error).__name__}: {error}")
        raise


def _train_in_turn(
    options: TrainOptions, history: HistoryFile, stop: Callable[[], bool], folder: RunFolder
) -> int:
    """The last step that is taken; 0 where none was."""
    if not options.in_turn:
        return _train(options, history, stop, folder)
    turn = wait_for_turn(stop, history.waiting)
    if turn is None:
        return 0
    with turn:
        history.opened()
        yield_to_others()
        return _train(options, history, stop, folder)


def _train(
    options: TrainOptions, history: HistoryFile, stop: Callable[[], bool], folder: RunFolder
) -> int:
    with _begun(options) as run:
        from flatdiff.training.run import execute

        steps = run.recipe.steps
        if run.device.type == "cuda":
            history.clock = time.monotonic
        records = _kept(execute(run, options.resume, stop), folder, options)
        show_progress(written(records, history), steps)
    return steps if history.step is None else history.step  # None: nothing was left to do


def _kept(
    records: "Iterator[StepRecord]", folder: RunFolder, options: TrainOptions
) -> "Iterator[StepRecord]":
    """The same; what goes on after all does so by these options, from a page as well."""
    for number, record in enumerate(records):
        if not number and options.resume:
            folder.keep(options)
        yield record


@contextlib.contextmanager
def _told_to_torchrun() -> Iterator[None]:
    """Why this process ends, for the table that torchrun shows of whoever failed first."""
    try:
        yield
    except Exception as error:
        if "TORCHELASTIC_ERROR_FILE" in os.environ:
            from torch.distributed.elastic.multiprocessing.errors import ErrorHandler

            ErrorHandler().record_exception(error)
        raise


@contextlib.contextmanager
def _begun(options: TrainOptions) -> "Iterator[Run]":
    """The run on its device, when all processes that share it have met."""
    import torch

    from flatdiff.diffusion.devices import pick_device
    from flatdiff.training.loop import pick_precision
    from flatdiff.training.run import Run
    from flatdiff.training.world import joined, launched, waiting

    if options.num_threads is not None:
        torch.set_num_threads(options.num_threads)
    device = pick_device(options.device)
    if launched().size > 1 and "TORCHELASTIC_RUN_ID" not in os.environ:
        print(waiting(launched()), file=sys.stderr, flush=True)
    with joined(device) as world:
        yield Run(
            recipe=options.recipe(pick_precision(device), world.size),
            out=options.out.resolve(),
            name=options.name,
            device=device,
            command=options.command(processes=world.size),
            save_every_steps=options.save_every_steps,
            keep_every_steps=options.keep_every_steps,
            eval_every_steps=options.eval_every_steps,
            evaluate=_evaluate,
            execution=options.execution(),
            world=world,
        )


def _evaluate(card: "Card", model: "nn.Module") -> tuple[Evaluation, Samples]:
    """Of a copy, whose weights move and whose dropout is off."""
    from flatdiff.landscape.subject import Subject

    subject = Subject(card, copy.deepcopy(model).eval(), panel_of(card.dataset))
    return evaluate_step(subject, card.step)
