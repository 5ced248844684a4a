"""A training run on disk: its state while it runs, three checkpoints when it is done.

The state is `<out>/<method>.training/state.safetensors`, replaced atomically, with recipe, loss
history and environment in its header: kill the process at any moment, continue with `resume`, and
the final weights have the bits of an uninterrupted run.
"""

import dataclasses
import hashlib
import json
import platform
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor, nn

from flatdiff.checkpoints.averages import RAW, WEIGHT_KINDS, WeightKind, method_name
from flatdiff.checkpoints.card import Card
from flatdiff.checkpoints.recipe import Recipe
from flatdiff.checkpoints.weights_file import serialize_weights, write_checkpoint
from flatdiff.errors import TrainingError
from flatdiff.images.image_set import load_images
from flatdiff.settings import canonical_json
from flatdiff.system.files import atomic_write
from flatdiff.training.evaluations import Evaluation, Samples, drop_after, write_evaluation
from flatdiff.training.execution import Execution, shards_of_process
from flatdiff.training.loop import (
    StepRecord,
    TrainingState,
    new_state,
    num_averaged,
    restore,
    tensors_of,
    train,
    weights_of,
)
from flatdiff.training.resumable import require_resumable
from flatdiff.training.run_folder import RunFolder
from flatdiff.training.world import ALONE, World, launched
from flatdiff.version import __version__

HISTORY_EVERY_STEPS = 100
# Of weights that may not be changed; the card says which they are.
Evaluate = Callable[[Card, nn.Module], tuple[Evaluation, Samples]]


@dataclass(frozen=True, kw_only=True)
class Run:
    """One training run and where it lives."""

    recipe: Recipe
    out: Path  # the family's folder
    device: torch.device
    name: str = ""  # "": the method's
    command: str = ""
    save_every_steps: int = 500
    keep_every_steps: int | None = None  # raw weights become checkpoints of their own; None: never
    eval_every_steps: int | None = None  # raw weights are evaluated; None: never
    evaluate: Evaluate | None = None  # handed in, as measures stand above; wanted where not never
    execution: Execution = field(default_factory=Execution)
    world: World = ALONE  # of processes that train it together; only the first one writes
    images: str = ""  # SHA-256 of what is trained on; "" where the dataset's name says it

    @property
    def state_file(self) -> Path:
        """Where the run's state is kept until it is done."""
        return self.folder.state_file

    @property
    def folder(self) -> RunFolder:
        """Where everything that is known of it is kept."""
        return RunFolder.of(self.out, self.name or self.recipe.method)


@dataclass
class LossHistory:
    """The mean loss of every so many steps, and the losses of the rows not yet full."""

    rows: list[list[float]] = field(default_factory=list)  # [step, mean loss since the last row]
    pending: list[float] = field(default_factory=list)

    def add(self, record: StepRecord) -> None:
        """Take in one step."""
        self.pending.append(record.loss)
        if record.step % HISTORY_EVERY_STEPS == 0:
            self.close_row(record.step)

    def close_row(self, step: int) -> None:
        """Put what is pending into a row, however few steps it is."""
        if self.pending:
            self.rows.append([step, sum(self.pending) / len(self.pending)])
            self.pending = []


def _never() -> bool:
    return False


def execute(run: Run, resume: bool, stop: Callable[[], bool] = _never) -> Iterator[StepRecord]:
    """Train to the end, saving on the way; the three checkpoints are written last.

    Args:
        run: what and where.
        resume: from its saved state.
        stop: asked after every step; where it says so, the state is saved and that is all.

    Raises:
        TrainingError: a state is in the way, none is there to resume, it belongs to another
            recipe or environment, or the loss became NaN.
        SettingsError: the batch cannot be shared out evenly.
        DataError: the dataset is absent or does not fit.
    """
    flags = run.recipe.flags
    shards_of_process(run.recipe, run.execution, run.world.size)  # before there is a state
    data = load_images(run.recipe.dataset, "train", flags.image_size, flags.in_channels)
    run = dataclasses.replace(run, images=data.sha256)
    state, history = _start(run, resume)
    try:
        for record in train(state, run.recipe, data, run.execution, run.world):
            history.add(record)
            _evaluate(run, state)  # before the save: a run that goes on from it lacks none
            if record.step % run.save_every_steps == 0:
                save_state(run, state, history)
            if run.keep_every_steps and record.step % run.keep_every_steps == 0:
                _write(run, state, RAW, history.rows, f"{run.folder.name}-{record.step:06d}")
            yield record
            if record.step < run.recipe.steps and run.world.any(stop()):
                save_state(run, state, history)
                return
    except TrainingError as error:
        raise TrainingError(f"{error}. {_last_good(run)}") from None
    save_state(run, state, history)
    history.close_row(state.step)
    write_checkpoints(run, state, history.rows)


def _start(run: Run, resume: bool) -> tuple[TrainingState, LossHistory]:
    if run.world.leads:
        run.folder.refuse_start(resume)
        for half_written in run.state_file.parent.glob(f".{run.state_file.name}.*"):
            half_written.unlink()  # by a save that was killed
    state = new_state(run.recipe, run.device, run.execution)
    if resume:
        history = load_state(run, state)
        _drop_what_follows(run, state)
        return state, history
    _drop_what_follows(run, state)
    history = LossHistory()
    save_state(run, state, history)  # a folder that cannot be written fails now, not at the end
    return state, history


def _drop_what_follows(run: Run, state: TrainingState) -> None:
    if run.world.leads:
        drop_after(run.folder.evaluations, state.step)


def _evaluate(run: Run, state: TrainingState) -> None:
    """Keep an evaluation, where one is due; the others wait for the process that leads.

    Nothing of it reaches the training: it has a copy of the weights, and randomness of its own.
    """
    every, evaluate = run.eval_every_steps, run.evaluate
    if every is None or evaluate is None or state.step % every or not run.world.leads:
        return
    began = time.monotonic()
    found, samples = evaluate(_card(run, state, RAW, "", []), state.model)
    seconds = round(time.monotonic() - began, 4)
    write_evaluation(run.folder.evaluations, dataclasses.replace(found, seconds=seconds), samples)


def save_state(run: Run, state: TrainingState, history: LossHistory) -> None:
    """Replace the run's state file, in the process that leads.

    Raises:
        FlatdiffError: it cannot be written; the one before is intact.
    """
    if not run.world.leads:
        return
    tensors = tensors_of(state)
    metadata = {
        "step": str(state.step),
        "recipe": canonical_json(run.recipe),
        "environment": canonical_json(_environment(run)),
        "history": canonical_json(history),
        "images": canonical_json(run.images),
    }
    metadata["sha256"] = canonical_json(_digest(tensors, metadata))
    atomic_write(run.state_file, save(tensors, metadata))


def load_state(run: Run, state: TrainingState) -> LossHistory:
    """Fill a fresh state from the run's file; returns the loss history.

    Raises:
        TrainingError: the file is damaged, or of another recipe or environment, named entry by
            entry.
    """
    try:
        with safe_open(run.state_file, "pt") as file:  # restored to wherever each tensor lives
            metadata = file.metadata() or {}
            anew = require_resumable(
                run.state_file, metadata, run.recipe, run.images, _environment(run)
            )
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        if not _is_whole(tensors, metadata):
            raise ValueError("its content is not what was written")
        restore(state, tensors, anew)
        state.step = int(metadata["step"])
        return LossHistory(**json.loads(metadata["history"]))
    except (SafetensorError, KeyError, RuntimeError, ValueError, TypeError, OSError) as error:
        raise TrainingError(
            f"{run.state_file} is damaged and cannot be resumed: {error}"
        ) from None


def _digest(tensors: dict[str, Tensor], entries: dict[str, str]) -> str:
    """Over the numbers, the step and the history alike."""
    return hashlib.sha256(canonical_json(entries).encode() + save(tensors)).hexdigest()


def _is_whole(tensors: dict[str, Tensor], metadata: dict[str, str]) -> bool:
    if "sha256" not in metadata:  # written before the digest covered the entries
        return json.loads(metadata["digest"]) == hashlib.sha256(save(tensors)).hexdigest()
    entries = {name: text for name, text in metadata.items() if name != "sha256"}
    return json.loads(metadata["sha256"]) == _digest(tensors, entries)


def _last_good(run: Run) -> str:
    with safe_open(run.state_file, "pt") as file:
        step = (file.metadata() or {}).get("step", "?")
    return f"The last good state is step {step} in {run.state_file}"


def write_checkpoints(run: Run, state: TrainingState, history: list[list[float]]) -> None:
    """All sets of weights of a run, each a folder with its card."""
    for kind in WEIGHT_KINDS:
        _write(run, state, kind, history, method_name(run.folder.name, kind))


def _write(
    run: Run, state: TrainingState, kind: WeightKind, history: list[list[float]], name: str
) -> None:
    if not run.world.leads:
        return
    content, digest = serialize_weights(weights_of(state)[kind].state_dict())
    card = _card(run, state, kind, digest, history)
    write_checkpoint(run.out / name, dataclasses.replace(card, name=name), content)


def _card(
    run: Run, state: TrainingState, kind: WeightKind, digest: str, history: list[list[float]]
) -> Card:
    method = method_name(run.recipe.method, kind)
    return Card(
        family=run.out.name,
        name=method,
        method=method,
        weights=kind,
        dataset=run.recipe.dataset,
        split="train",
        flags=run.recipe.flags,
        step=state.step,
        num_averaged=num_averaged(state, kind),
        num_parameters=sum(p.numel() for p in state.model.parameters()),
        digest=digest,
        recipe=run.recipe,
        command=run.command,
        environment=_environment(run) | ({"images": run.images} if run.images else {}),
        loss_history=history,
    )


def _environment(run: Run) -> dict[str, str]:
    """With how its steps are computed, where that is chosen."""
    return environment(run.device) | run.execution.changed()


def environment(device: torch.device) -> dict[str, str]:
    """What must be equal, beside the recipe, for equal bits."""
    return {
        "flatdiff": __version__,
        "torch": torch.__version__,
        "python": platform.python_version(),
        "machine": platform.machine(),
        "processor": torch.backends.cpu.get_cpu_capability(),
        "device": torch.cuda.get_device_name(device) if device.type == "cuda" else device.type,
        "num_threads": str(torch.get_num_threads()),
        "world_size": str(launched().size),
    }
