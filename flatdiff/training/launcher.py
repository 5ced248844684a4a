"""The launcher starts, stops, continues and deletes training runs, each a process of its own.

A run that was started here belongs to nobody: it goes on when the browser is closed and when the
server ends, and whoever looks into its folder finds it again. A lock in the folder, held by the
process itself, tells whether it lives.
"""

import contextlib
import dataclasses
import itertools
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

from flatdiff.checkpoints.card import Card, list_cards
from flatdiff.checkpoints.collection import discard
from flatdiff.errors import FlatdiffError, TrainingError
from flatdiff.system.access import Action, require_right
from flatdiff.system.child_process import apart, ask_to_stop
from flatdiff.system.files import PROJECT_ROOT, resolve_inside
from flatdiff.system.locks import is_alive, is_held, owner, take
from flatdiff.system.processor import num_cores
from flatdiff.training.run_folder import RunFolder, TrainingRun, last_words
from flatdiff.training.run_list import list_runs
from flatdiff.training.run_options import NAME, NAME_RULE, RunOptions

START_TIMEOUT_S = 60  # until the process has its lock, on a busy machine
LOOK_EVERY_S = 0.02
MAX_WAITING = 8  # runs behind those that have a core; each takes 160 MB
FREE_BYTES = 200 << 20  # below it, no run is begun


def family_folder(root: Path, name: str) -> Path:
    """The folder that a name typed by a person stands for.

    Raises:
        TrainingError: it is no name that a folder should have.
    """
    if not NAME.fullmatch(name):
        raise TrainingError(f"{name!r} cannot be a name: {NAME_RULE}")
    return resolve_inside(root, name)


def free_name(root: Path) -> str:
    """A name that no folder has yet."""
    names = ("mine" if number == 1 else f"mine-{number}" for number in itertools.count(1))
    return next(name for name in names if not (root / name).exists())


def refuse_start(root: Path, options: RunOptions) -> None:
    """Raise where a new run with these options cannot begin.

    Raises:
        SettingsError: a setting is out of range.
        TrainingError: something is in the way, or there is no room.
    """
    recipe = options.shared_out(processes=1).recipe()
    family = options.out.name
    folder = RunFolder.of(options.out, options.run_name)
    if folder.exists():
        raise TrainingError(
            f"{family}/{folder.name} is a run already; choose another name, or go on with that one"
        )
    for card in list_cards(root):
        home, name = card.id.split("/")
        if home != family:
            continue
        if folder.makes(name):
            raise TrainingError(f"{card.id} is a checkpoint already; choose another name")
        if isinstance(card, Card) and (card.flags, card.dataset) != (recipe.flags, recipe.dataset):
            raise TrainingError(
                f"{family} holds checkpoints of another network or dataset; choose another name"
            )
    _refuse_without_room(root)


def _refuse_without_room(root: Path) -> None:
    alive = sum(run.alive for run in list_runs(root))
    if alive >= num_cores() + MAX_WAITING:
        raise TrainingError(
            f"{alive} runs are going on or waiting already, for {num_cores()} processor cores; "
            "stop one, or come back later"
        )
    free = shutil.disk_usage(root).free if root.exists() else FREE_BYTES
    if free < FREE_BYTES:
        raise TrainingError(
            f"only {free >> 20} MB are free on the disk of {root}; a run wants "
            f"{FREE_BYTES >> 20} MB"
        )


def start(root: Path, options: RunOptions) -> None:
    """Begin a new run; returns when its process lives.

    Raises:
        FlatdiffError: read-only; see `refuse_start`; or it did not come up.
    """
    require_right(Action.START_RUN)
    refuse_start(root, options)
    with _alone(RunFolder.of(options.out, options.run_name)) as folder:
        try:
            refuse_start(root, options)  # once more: another server may have been quicker
            _launch(folder, options)
        except FlatdiffError:
            if not folder.exists():  # no list would show what is left
                discard(root, folder.path)
            raise


def resume(run: TrainingRun) -> None:
    """Go on from the saved state, or begin anew where none was saved.

    Raises:
        FlatdiffError: read-only; it is going on already, cannot be continued from here, there is
            no room, or it did not come up.
    """
    require_right(Action.CONTINUE_RUN)
    if run.options is None:
        raise TrainingError(f"{run.id} was begun elsewhere; continue it with its own command")
    _refuse_without_room(_root_of(run))
    with _alone(run.folder) as folder:
        _launch(folder, run.options, *resume_flags(run))


def resume_flags(run: TrainingRun) -> list[str]:
    """What its command wants behind it."""
    return ["--resume"] if run.folder.state_file.exists() else []


@contextlib.contextmanager
def _alone(folder: RunFolder) -> Iterator[RunFolder]:
    """No other server starts or deletes this run meanwhile, and nobody trains it.

    Raises:
        TrainingError: one does, or the folder cannot be written.
    """
    name = f"{folder.path.parent.name}/{folder.path.name.split('.')[0]}"
    lock = take(folder.path / "launch.lock")
    if lock is None:
        raise TrainingError(f"{name} is being started or deleted at this moment by somebody else")
    with lock:
        if is_held(folder.lock_file):
            raise TrainingError(f"{name} is going on already")
        yield folder


def _launch(folder: RunFolder, options: RunOptions, *flags: str) -> None:
    """Start the process and wait until it holds its lock."""
    words = [*shown(options).arguments(), "--in-turn", *flags]
    try:
        process = spawn(folder.log_file, "train", *words)
    except OSError as error:
        raise TrainingError(f"cannot start a run in {folder.path}: {error.strerror}") from None
    deadline = time.monotonic() + START_TIMEOUT_S
    while not is_held(folder.lock_file):
        if process.poll() is not None and process.returncode:
            raise TrainingError(f"the run did not start: {last_words(folder)}")
        if process.poll() is not None or time.monotonic() > deadline:
            return  # it is over already, or will come up when the machine lets it
        time.sleep(LOOK_EVERY_S)


def spawn(log_file: Path, *words: str) -> subprocess.Popen:
    """A command of ours as a process of its own, which what ends this one does not end.

    Args:
        log_file: for what it says on standard error; all else is kept elsewhere.
        words: of the command.

    Raises:
        OSError: it cannot be started.
    """
    with log_file.open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "flatdiff", *words],
            cwd=PROJECT_ROOT,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=log,
            **apart(),
        )
    threading.Thread(target=process.wait, daemon=True).start()  # leaves no zombie
    return process


def shown(options: RunOptions) -> RunOptions:
    """With a folder as a person types it who stands in the project's."""
    if options.out.is_relative_to(PROJECT_ROOT):
        return dataclasses.replace(options, out=options.out.relative_to(PROJECT_ROOT))
    return options


def stop(run: TrainingRun) -> None:
    """Ask the process to save and end; it does so after the step it is in.

    Raises:
        FlatdiffError: read-only; the process is not on this machine, or somebody else's.
    """
    stop_owner(run.folder.lock_file, run.id)


def stop_owner(lock_file: Path, name: str) -> None:
    """Ask the process that holds the lock of some training to save and end, if one does.

    Raises:
        FlatdiffError: read-only; the process is not on this machine, or somebody else's.
    """
    require_right(Action.STOP_RUN)
    held_by = owner(lock_file)
    if not is_held(lock_file):
        return
    if not is_alive(held_by):
        raise TrainingError(f"{name} is being trained on another machine; stop it there")
    try:
        with contextlib.suppress(ProcessLookupError):
            ask_to_stop(int(held_by.partition("@")[0]))
    except PermissionError:
        raise TrainingError(f"{name} was begun by another user, who alone can stop it") from None


def delete(run: TrainingRun) -> None:
    """Remove a run's folder, its state and history with it; checkpoints stay.

    Raises:
        FlatdiffError: read-only; it is going on, or cannot be removed.
    """
    require_right(Action.DELETE_RUN)
    with _alone(run.folder) as folder, folder.take():  # nor does a command begin meanwhile
        discard(_root_of(run), folder.path)


def _root_of(run: TrainingRun) -> Path:
    return run.folder.path.parent.parent
