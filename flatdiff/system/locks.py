"""A lock tells whether a process lives: the operating system lets go of it however that ends.

A process id does not: the number may belong to somebody else by now.
"""

import contextlib
import os
import sys
import time
from pathlib import Path

import psutil

from flatdiff.errors import FlatdiffError

if sys.platform != "win32":
    import fcntl

# Who only looks holds the lock for a moment, on a busy machine for as long as it waits for a
# processor; that must not pass for another holder.
TRIES, BETWEEN_TRIES_S = 20, 0.01
MAX_OWNER_BYTES = 100


class Lock:
    """A lock that this process holds until it is closed, or ends."""

    def __init__(self, handle: int) -> None:
        self._handle = handle

    def __enter__(self) -> "Lock":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Let go."""
        os.close(self._handle)


def take(path: Path) -> Lock | None:
    """The lock on a file, which is made and names this process; None where another holds it.

    Also None where another has just held it, to delete the file.

    Raises:
        FlatdiffError: the file cannot be made, or its file system knows no locks.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
    except OSError as error:
        raise FlatdiffError(f"cannot write {path}: {error.strerror}") from None
    try:
        taken = _taken(handle) and _is_at(path, handle)
    except OSError as error:
        os.close(handle)
        raise FlatdiffError(
            f"cannot lock {path}: {error.strerror}; use a folder on a disk of this machine"
        ) from None
    if not taken:
        os.close(handle)
        return None
    with contextlib.suppress(OSError):  # a full disk: held all the same
        os.ftruncate(handle, 0)
        os.write(handle, this_process().encode())
    return Lock(handle)


def _taken(handle: int) -> bool:
    if sys.platform == "win32":
        return True  # no such locks there: nobody is told apart
    for _ in range(TRIES):
        with contextlib.suppress(BlockingIOError):
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return True
        time.sleep(BETWEEN_TRIES_S)
    return False


def _is_at(path: Path, handle: int) -> bool:
    """Not where the file was deleted while this process waited: nobody would see the lock."""
    try:
        return os.path.samestat(path.stat(), os.fstat(handle))
    except OSError:
        return False


def is_held(path: Path) -> bool:
    """Whether some process, this one included, holds the lock on a file."""
    if sys.platform == "win32":
        return False
    try:
        handle = os.open(path, os.O_RDONLY)
    except OSError:
        return False
    try:
        fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:  # a file system without locks: nobody can hold one
        return False
    finally:
        os.close(handle)
    return False


def owner(path: Path) -> str:
    """Who took the lock last, as `this_process` names it; "" where unknown."""
    try:
        with path.open("rb") as file:
            return file.read(MAX_OWNER_BYTES).decode("ascii", "replace")
    except OSError:
        return ""


def this_process() -> str:
    """Names this process on this machine for good: a reused process id starts at another time."""
    return f"{os.getpid()}@{_started(psutil.Process())}"


def is_alive(owner: str) -> bool:
    """Whether the process that `this_process` named is still running."""
    pid, _, started = owner.partition("@")
    try:
        process = psutil.Process(int(pid))
        running = process.status() != psutil.STATUS_ZOMBIE
        return running and _started(process) == started
    except (psutil.Error, ValueError):
        return False


def _started(process: psutil.Process) -> str:
    """In seconds, on a clock that nobody sets: Linux counts from the boot, which psutil adds."""
    boot = psutil.boot_time() if psutil.LINUX else 0.0
    return f"{process.create_time() - boot:.2f}"
