"""A run folder is `<family>/<name>.training/` below the checkpoints: all that is known of a run.

    options.json        what was chosen
    state.safetensors   from which it continues, see run.py
    history.jsonl       losses, and how each sitting ended
    evaluations/        LPF and samples every so many steps, see evaluations.py
    run.lock            held by the process that trains it
    log.txt             what that process said where nobody read along

Whoever looks, a page, a command or a server that has just come up, learns everything from there.
"""

import re
import shutil
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Literal

from flatdiff.checkpoints.averages import WEIGHT_KINDS, method_name
from flatdiff.checkpoints.card import CARD_FILE
from flatdiff.checkpoints.collection import SUFFIX
from flatdiff.checkpoints.header import read_header
from flatdiff.errors import CheckpointError, TrainingError
from flatdiff.system.files import atomic_write
from flatdiff.system.foreign_json import quoted, read_foreign_json
from flatdiff.system.locks import Lock, is_held, owner, take
from flatdiff.training.run_history import RunHistory, read_history
from flatdiff.training.run_options import RunOptions

LOG_TAIL_BYTES = 4096
MAX_WORDS = 400
FULL_DISK_BYTES = 1 << 20

RunState = Literal["waiting", "starting", "running", "done", "stopped", "failed"]
ALIVE: tuple[RunState, ...] = ("waiting", "starting", "running")


@dataclass(frozen=True)
class RunFolder:
    """Where a run lives; cheap to make, and need not exist."""

    path: Path

    @classmethod
    def of(cls, out: Path, name: str) -> "RunFolder":
        """Of the run of a name in a family's folder."""
        return cls(out / f"{name}{SUFFIX}")

    @property
    def state_file(self) -> Path:
        """See run.py."""
        return self.path / "state.safetensors"

    @property
    def history_file(self) -> Path:
        """See run_history.py."""
        return self.path / "history.jsonl"

    @property
    def evaluations(self) -> Path:
        """See evaluations.py."""
        return self.path / "evaluations"

    @property
    def options_file(self) -> Path:
        """See run_options.py."""
        return self.path / "options.json"

    @property
    def log_file(self) -> Path:
        """Standard error of the latest process that a page has started."""
        return self.path / "log.txt"

    @property
    def lock_file(self) -> Path:
        """Held while it is trained."""
        return self.path / "run.lock"

    @property
    def name(self) -> str:
        """The run's, which is its method's unless it was given another."""
        return self.path.name.removesuffix(SUFFIX)

    def makes(self, name: str) -> bool:
        """Whether a checkpoint of the family is called as one of this run's.

        >>> folder = RunFolder.of(Path("mine"), "sam")
        >>> folder.makes("sam-ema"), folder.makes("sam-002000"), folder.makes("sam-s1")
        (True, True, False)
        """
        own = [method_name(self.name, kind) for kind in WEIGHT_KINDS]
        return name in own or re.fullmatch(rf"{re.escape(self.name)}-\d{{6,}}", name) is not None

    @property
    def checkpoints(self) -> list[str]:
        """`<family>/<name>` of its final weights, those that are there."""
        family = self.path.parent
        names = [method_name(self.name, kind) for kind in WEIGHT_KINDS]
        return [f"{family.name}/{n}" for n in names if (family / n / CARD_FILE).is_file()]

    def exists(self) -> bool:
        """Whether a run was begun here."""
        return self.state_file.exists() or self.options_file.exists()

    def take(self) -> Lock:
        """Keep every other process from training it.

        Raises:
            TrainingError: one does.
        """
        lock = take(self.lock_file)
        if lock is None:
            raise TrainingError(
                f"{self.path} is being trained by another process ({owner(self.lock_file)})"
            )
        return lock

    def refuse_start(self, resume: bool) -> None:
        """Raise where there is nothing to go on from, or something in the way.

        Raises:
            TrainingError: a state or checkpoints are in the way, or no state is there to resume.
        """
        exists = self.state_file.exists()
        if resume and not exists:
            raise TrainingError(f"nothing to resume: {self.state_file} does not exist")
        if exists and not resume:
            raise TrainingError(
                f"{self.state_file} holds a run already; continue it with --resume, or delete "
                f"{self.path}"
            )
        if self.checkpoints and not resume:
            raise TrainingError(
                f"{self.checkpoints[0]} is a checkpoint already; delete it, or train into another "
                "folder"
            )

    def begin(self, options: RunOptions, resume: bool) -> None:
        """Once a run, keep its options: by them it is continued.

        Raises:
            TrainingError: see `refuse_start`.
            FlatdiffError: the folder cannot be written.
        """
        self.refuse_start(resume)
        if not (resume and self.options_file.exists()):
            self.keep(options)

    def keep(self, options: RunOptions) -> None:
        """By these options the run is continued, from a page or a command.

        Raises:
            FlatdiffError: the folder cannot be written.
        """
        atomic_write(self.options_file, options.to_json().encode())


@dataclass(frozen=True)
class TrainingRun:
    """A run as it stands at one moment."""

    folder: RunFolder
    options: RunOptions | None  # None: begun by an older program, or the file is damaged
    state: RunState
    reason: str  # why it failed, one sentence; "" where it did not
    history: RunHistory
    saved_step: int | None  # None: no state is saved

    @property
    def id(self) -> str:
        """`<family>/<name>`, as its raw checkpoint will be called."""
        return f"{self.family}/{self.folder.name}"

    @property
    def family(self) -> str:
        """Its folder's name."""
        return self.folder.path.parent.name

    @property
    def method(self) -> str:
        """A base method, or the folder's name where the options are not known."""
        return self.options.method if self.options else self.folder.name

    @property
    def alive(self) -> bool:
        """Whether a process trains it, or waits to."""
        return self.state in ALIVE

    @property
    def steps(self) -> int | None:
        """To the end; None where that is not known."""
        return self.options.recipe().steps if self.options else None

    @property
    def step(self) -> int:
        """Steps that are taken; of a run at rest, those that were saved."""
        return self.history.step if self.alive else (self.saved_step or 0)

    @property
    def checkpoints(self) -> list[str]:
        """Of its final weights, those that are there."""
        return self.folder.checkpoints


def touched(path: Path) -> float:
    """When a file was last written to, in seconds since 1970; options are when a run is begun."""
    try:
        return path.stat().st_mtime
    except OSError:
        return 0.0


def read_run(folder: RunFolder) -> TrainingRun:
    """A run as its folder tells."""
    alive = is_held(folder.lock_file)  # asked first: what ends meanwhile has written its last
    history = read_history(folder.history_file)
    run = TrainingRun(folder, _options(folder), "stopped", "", history, saved_step(folder))
    state, reason = _living(history) if alive else _at_rest(run)
    return TrainingRun(folder, run.options, state, reason, history, run.saved_step)


def _living(history: RunHistory) -> tuple[RunState, str]:
    if history.phase == "waiting":
        return "waiting", ""
    return ("running" if history.phase == "began" else "starting"), ""


def _at_rest(run: TrainingRun) -> tuple[RunState, str]:
    phase = run.history.phase
    if phase == "failed":
        return "failed", run.history.reason
    if phase in ("done", "stopped"):
        return phase, ""
    if phase is None and run.checkpoints:
        return "done", ""
    return "failed", _silent_end(run.folder)


def _silent_end(folder: RunFolder) -> str:
    """Why a process ended that could not write it down."""
    # What stands in the log from before the last row is a warning, or of another sitting.
    if touched(folder.log_file) >= touched(folder.history_file) and (words := last_words(folder)):
        return words
    with suppress(OSError):  # somebody deletes it at this moment
        if shutil.disk_usage(folder.path).free < FULL_DISK_BYTES:
            return "the disk is full; free some space, then continue"
    return "its process ended without a word: killed from outside, or the machine went down"


def _options(folder: RunFolder) -> RunOptions | None:
    try:
        return RunOptions.from_json(folder.options_file.read_text("utf-8"), folder.path.parent)
    except (OSError, ValueError):  # or no UTF-8
        return None


def last_words(folder: RunFolder) -> str:
    """The last line that the process of a run wrote before it ended; "" where there is none."""
    try:
        with folder.log_file.open("rb") as file:
            file.seek(max(0, folder.log_file.stat().st_size - LOG_TAIL_BYTES))
            lines = file.read().decode("utf-8", "replace").split("\n")
    except OSError:
        return ""
    return next((line.strip()[:MAX_WORDS] for line in reversed(lines) if line.strip()), "")


def saved_step(folder: RunFolder) -> int | None:
    """Steps in the saved state; None where none is saved, or its header cannot be read."""
    try:
        return _saved_step(folder.state_file, folder.state_file.stat().st_mtime_ns)
    except (OSError, ValueError, TypeError, KeyError, RecursionError, CheckpointError):
        return None


@lru_cache(maxsize=64)
def _saved_step(path: Path, _mtime_ns: int) -> int:
    step = read_foreign_json(read_header(path).metadata["step"])
    if not isinstance(step, int) or step < 0:
        raise ValueError(f"no number of steps: {quoted(step)}")
    return step
