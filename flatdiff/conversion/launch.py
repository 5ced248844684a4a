"""Starts the processes that look at a foreign file of weights and convert it, with limits.

This side starts one, waits for as long as it may take, and makes a sentence of however it ended.
"""

import contextlib
import json
import logging
import os
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import IO, Any

from flatdiff.checkpoints.card import CARD_FILE
from flatdiff.checkpoints.header import Header, read_header
from flatdiff.conversion.draft import Draft
from flatdiff.conversion.torch_archive import is_torch_file
from flatdiff.conversion.weights_path import is_index, num_bytes, read_parts
from flatdiff.errors import CheckpointError
from flatdiff.system.files import PROJECT_ROOT

CONVERSION_TIMEOUT_S = 300
LOOK_TIMEOUT_S = 30  # for the process to begin and the pickle to be read
READING_BYTES_S = 30 << 20  # of a slow disk: every byte is looked at, and written again
TURN_TIMEOUT_S = 60  # until others have been served
MAX_ANSWER_BYTES = 16 << 20  # 20 000 tensors of usual names take 2

log = logging.getLogger("flatdiff.conversion")
_one_at_a_time = threading.Lock()  # each reads a file of any size, and computes


def foreign_header(path: Path) -> Header:
    """What a file of either format says of its tensors.

    Raises:
        CheckpointError: why it cannot be read, as half a sentence.
    """
    if is_index(path):
        return read_parts(path).header
    if not is_torch_file(path):
        return read_header(path)
    said = _answer({"path": str(path.absolute())}, LOOK_TIMEOUT_S + _reading_s(path))
    return Header.from_json(said["header"])


def run_conversion(path: Path, drafts: Mapping[Path, Draft]) -> None:
    """Have weights and cards written, each into its folder; see `convert.convert`.

    Raises:
        CheckpointError: what the process says, or how it ended before all of them were whole.
    """
    made = {str(folder.absolute()): draft.to_json() for folder, draft in drafts.items()}
    task = {"path": str(path.absolute()), "drafts": made}  # the process starts elsewhere
    try:
        _answer(task, CONVERSION_TIMEOUT_S + _reading_s(path))
    except CheckpointError as error:
        if not all((folder / CARD_FILE).is_file() for folder in drafts):
            raise
        names = ", ".join(draft.card.id for draft in drafts.values())
        log.warning("%s: converted and not diagnosed to the end: %s", names, error)


def _reading_s(path: Path) -> int:
    """How long a slow disk takes for a file."""
    try:
        return num_bytes(path) // READING_BYTES_S
    except OSError as error:
        raise CheckpointError(f"{path.name} is gone: {error.strerror}") from None


def _answer(task: Mapping[str, Any], timeout_s: float) -> dict[str, Any]:
    with _turn():
        done = _finished(task, timeout_s)
    try:
        said = json.loads(done.stdout)
        if done.returncode == 0:
            return said
        sentence = str(said["error"])
    except (ValueError, KeyError, TypeError):
        log.error("the converter failed: %s", done.stderr.decode(errors="replace"))
        likely = "most likely for want of memory" if _for_want(done) else "for no reason foreseen"
        sentence = f"the process that reads the weights ended with {done.returncode}, {likely}"
    raise CheckpointError(sentence)


def _program(task: Mapping[str, Any]) -> str:
    """Which module is run for a task."""
    return "convert" if "drafts" in task else "look"


def _for_want(done: "subprocess.CompletedProcess[bytes]") -> bool:
    """Killed from outside, or out of memory where nobody could say so any more."""
    return done.returncode < 0 or b"MemoryError" in done.stderr


@contextlib.contextmanager
def _turn() -> Iterator[None]:
    """This one's turn; raises `CheckpointError` where that of others takes too long."""
    if not _one_at_a_time.acquire(timeout=TURN_TIMEOUT_S):
        raise CheckpointError("other files are being taken in; try again in a few minutes")
    try:
        yield
    finally:
        _one_at_a_time.release()


def _beginning(file: IO[bytes]) -> bytes:
    """Of what was written.

    Raises:
        CheckpointError: there is more than an answer may have.
    """
    file.seek(0)
    content = file.read(MAX_ANSWER_BYTES + 1)
    if len(content) > MAX_ANSWER_BYTES:
        raise CheckpointError(
            f"what it says of its tensors takes more than {MAX_ANSWER_BYTES >> 20} MB"
        )
    return content


def _finished(task: Mapping[str, Any], timeout_s: float) -> "subprocess.CompletedProcess[bytes]":
    """What it says goes to the disk, and into this process no further than it may be long."""
    try:
        with tempfile.TemporaryFile() as said, tempfile.TemporaryFile() as errors:
            done = subprocess.run(
                [sys.executable, "-m", f"flatdiff.conversion.{_program(task)}"],
                input=json.dumps(task).encode(),
                cwd=PROJECT_ROOT,
                # Threads that wait actively take from others what they wait for.
                env={"OMP_WAIT_POLICY": "PASSIVE", **os.environ},
                stdout=said,
                stderr=errors,
                timeout=timeout_s,
                check=False,
            )
            done.stdout, done.stderr = _beginning(said), _beginning(errors)
            return done
    except OSError as error:
        raise CheckpointError(f"no process could be begun for it: {error.strerror}") from None
    except subprocess.TimeoutExpired:
        work = "converted" if _program(task) == "convert" else "looked through"
        name = Path(task["path"]).name
        raise CheckpointError(f"{name} could not be {work} within {timeout_s} s") from None
