"""A run's history is what it did, line by line as it goes: its losses, and how each sitting ended.

A sitting is the life of one process that trains the run. Each line of the file is JSON and is only
ever appended; a line that a kill has torn is passed over, and rows behind the step from which the
next sitting went on are dropped, because it takes those steps again.
"""

import json
import math
import os
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from flatdiff.errors import TrainingError
from flatdiff.system.files import not_written
from flatdiff.system.foreign_json import read_foreign_json

Phase = Literal["opened", "waiting", "began", "done", "stopped", "failed"]
PHASES: tuple[Phase, ...] = ("opened", "waiting", "began", "done", "stopped", "failed")

ROWS_A_RUN = 1000  # about
ROW_AT_LEAST_EVERY_S = 5.0  # where steps are slow
PACE_EVERY_STEPS = 20
RECENT_ROWS = 20  # by which the speed is judged
NICE = (1, 2, 5)


@dataclass(frozen=True)
class HistoryRow:
    """Consecutive steps of one sitting."""

    step: int  # the last of them
    num_steps: int
    loss: float  # mean over them
    low: float  # least loss of a batch among them
    high: float  # greatest
    seconds: float  # since the sitting's first step was over


@dataclass(frozen=True)
class RunHistory:
    """Everything that the file says."""

    rows: tuple[HistoryRow, ...] = ()
    phase: Phase | None = None  # of the latest sitting; None: no line was ever written
    reason: str = ""  # why it failed
    began_step: int = 0  # steps taken before the latest sitting
    step_s: float | None = None  # processor seconds of a step, as told last; None: never

    @property
    def step(self) -> int:
        """Steps taken, as far as rows tell."""
        return self.rows[-1].step if self.rows else self.began_step

    @property
    def rate(self) -> float | None:
        """Steps a second lately; None before there is a row of the latest sitting."""
        recent = [row for row in self.rows if row.step > self.began_step][-RECENT_ROWS:]
        if not recent:
            return None
        step, seconds = self.began_step + 1, 0.0  # time runs from the end of the first step
        if len(recent) > 1:
            step, seconds = recent[0].step, recent[0].seconds
        return steps_a_second(recent[-1].step - step, recent[-1].seconds - seconds)


def steps_a_second(steps: int, seconds: float) -> float | None:
    """None where there is nothing to divide."""
    return steps / seconds if steps > 0 and seconds > 0 else None


def steps_a_row(steps: int) -> int:
    """A round number of steps, so that a run has about a thousand rows.

    >>> steps_a_row(50), steps_a_row(12_000), steps_a_row(200_000)
    (1, 20, 200)
    """
    return round_up(max(1.0, steps / ROWS_A_RUN))


def round_up(count: float) -> int:
    """To 1, 2 or 5 times a power of ten; the count is at least 1.

    >>> round_up(1), round_up(121), round_up(201)
    (1, 200, 500)
    """
    power = 10 ** math.floor(math.log10(count))
    return min(n * power * scale for scale in (1, 10) for n in NICE if n * power * scale >= count)


class HistoryFile:
    """Appends to a run's history while a process trains it."""

    def __init__(self, path: Path, steps: int) -> None:
        """Begin a sitting.

        Raises:
            TrainingError: the file cannot be written.
        """
        self._every = steps_a_row(steps)
        self._steps = steps
        self._losses: list[float] = []
        self.step: int | None = None  # taken, as far as this sitting has been told
        self._started = self._row_at = 0.0
        self.clock = time.thread_time  # of another processor's work: one on the wall
        self._paced, self._pace_step = 0.0, 0
        self._path = path
        try:
            self._handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o644)
            size = os.fstat(self._handle).st_size
            if size and os.pread(self._handle, 1, size - 1) != b"\n":
                os.write(self._handle, b"\n")  # ends a line that a kill has torn
        except OSError as error:
            raise self._refusal(error) from None
        self.opened()

    def __enter__(self) -> "HistoryFile":
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self._handle)

    def opened(self) -> None:
        """The process is getting ready."""
        self._write({"phase": "opened"})

    def waiting(self) -> None:
        """Other runs have all the cores."""
        self._write({"phase": "waiting"})

    def began(self, step: int) -> None:
        """The first step is over; so many were taken before this sitting."""
        self._started = self._row_at = time.monotonic()
        self._paced, self._pace_step = self.clock(), step + 1
        self._write({"phase": "began", "step": step})

    def ended(self, phase: Literal["done", "stopped", "failed"], reason: str = "") -> None:
        """The sitting is over; of a full disk nothing can be said here."""
        try:
            self._write({"phase": phase, "reason": reason})
        except TrainingError:
            if phase != "failed":
                raise

    def add(self, step: int, loss: float) -> HistoryRow | None:
        """Take in one step; the row, where this step completes one."""
        self.step = step
        self._losses.append(loss)
        now = time.monotonic()
        full = step % self._every == 0 or step == self._steps
        if not full and now - self._row_at < ROW_AT_LEAST_EVERY_S:
            return None
        row = HistoryRow(
            step=step,
            num_steps=len(self._losses),
            loss=sum(self._losses) / len(self._losses),
            low=min(self._losses),
            high=max(self._losses),
            seconds=round(now - self._started, 4),
        )
        self._losses, self._row_at = [], now
        self._write(vars(row))
        self._tell_pace(step)
        return row

    def _tell_pace(self, step: int) -> None:
        """What a step takes of a processor, now and then: on a busy machine more goes by."""
        steps = step - self._pace_step
        if steps < max(1, min(PACE_EVERY_STEPS, self._steps // 2)):
            return
        now = self.clock()
        self._write({"pace": (now - self._paced) / steps})
        self._paced, self._pace_step = now, step

    def _write(self, line: dict[str, Any]) -> None:
        try:
            os.write(self._handle, (json.dumps(line) + "\n").encode())
        except OSError as error:
            raise self._refusal(error) from None

    def _refusal(self, error: OSError) -> TrainingError:
        return TrainingError(not_written(self._path, error))


def read_history(path: Path) -> RunHistory:
    """What the file says; nothing, where it is absent or holds no line of ours."""
    try:
        found = path.stat()
        return _parsed(path, found.st_mtime_ns, found.st_size)
    except OSError:
        return RunHistory()


@lru_cache(maxsize=64)
def _parsed(path: Path, _mtime_ns: int, _size: int) -> RunHistory:
    rows: list[HistoryRow] = []
    phase: Phase | None = None
    reason, began, pace = "", 0, None
    for line in _lines(path.read_bytes()):
        if "pace" in line:
            pace = line["pace"]
            continue
        if "phase" not in line:
            rows.append(HistoryRow(**line))
            continue
        phase, reason = line["phase"], str(line.get("reason", ""))
        if phase == "began":
            began = line["step"]
            rows = [row for row in rows if row.step <= began]
    return RunHistory(tuple(rows), phase, reason, began, pace)


def _lines(content: bytes) -> Iterator[dict[str, Any]]:
    """Those that are ours and whole."""
    for text in content.split(b"\n"):
        try:
            line = read_foreign_json(text)
            valid = _is_pace(line) if "pace" in line else _is_known(line)
        except (ValueError, TypeError, KeyError):
            continue
        if valid:
            yield line


def _is_known(line: dict[str, Any]) -> bool:
    return _is_phase(line) if "phase" in line else _is_row(line)


def _is_pace(line: dict[str, Any]) -> bool:
    """A line that programs before this one pass over."""
    told = line["pace"]
    return len(line) == 1 and isinstance(told, float) and 0 < told < math.inf


def _is_phase(line: dict[str, Any]) -> bool:
    known = line["phase"] in PHASES
    return known and (line["phase"] != "began" or _is_count(line["step"]))


def _is_row(line: dict[str, Any]) -> bool:
    """With the names of a row, whole steps, and numbers that are finite."""
    if tuple(line) != tuple(HistoryRow.__dataclass_fields__):
        return False
    whole = all(_is_count(line[name]) and line[name] > 0 for name in ("step", "num_steps"))
    return whole and all(math.isfinite(value) for value in line.values())


def _is_count(value: object) -> bool:
    return isinstance(value, int) and value >= 0


def thinned(rows: Sequence[HistoryRow], width: int) -> tuple[NDArray, NDArray, NDArray, NDArray]:
    """Rows in parts of so many steps: last step, mean, least and greatest loss; (P,) each.

    The mean weighs a row by its steps. There must be a row.
    """
    steps = np.array([row.step for row in rows])
    weights = np.array([row.num_steps for row in rows], float)
    starts = np.flatnonzero(np.diff((steps - 1) // width, prepend=-1))
    return (
        np.maximum.reduceat(steps, starts),
        np.add.reduceat(weights * [row.loss for row in rows], starts)
        / np.add.reduceat(weights, starts),
        np.minimum.reduceat([row.low for row in rows], starts),
        np.maximum.reduceat([row.high for row in rows], starts),
    )


def common_width(histories: Sequence[Sequence[HistoryRow]], points: int) -> int:
    """A round number of steps a part: the longest history has at most so many, none splits a row.

    There must be a history, and a row in each.
    """
    longest = max(rows[-1].step for rows in histories)
    widest = max(row.num_steps for rows in histories for row in rows)
    return steps_a_row(max(longest * ROWS_A_RUN // points, widest * ROWS_A_RUN))
