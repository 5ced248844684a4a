"""File locks (`filelock`) of running processes; who took one, and whether that process lives.

The operating system lets go of a lock however its holder ends. A process id does not tell that:
the number may belong to somebody else by now.
"""

import contextlib
import errno
import os
import sys
from pathlib import Path

import psutil
from filelock import FileLock, Timeout

from flatdiff.errors import FlatdiffError
from flatdiff.system.files import not_written

if sys.platform != "win32":
    import fcntl

# Who only looks holds the lock for a moment, on a busy machine for as long as it waits for a
# processor; that must not pass for another holder.
PATIENCE_S, BETWEEN_TRIES_S = 0.2, 0.01
NO_LOCKS = (errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP)  # of a file system that knows none
MAX_OWNER_BYTES = 100


class Lock:
    """A lock that this process holds until it is closed, or ends."""

    def __init__(self, held: FileLock) -> None:
        self._held = held

    def __enter__(self) -> "Lock":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Let go."""
        self._held.release()


def take(path: Path) -> Lock | None:
    """The lock on a file, which is made and names this process; None where another holds it.

    Raises:
        FlatdiffError: the file cannot be made, or its file system knows no locks.
    """
    lock = FileLock(path, PATIENCE_S, thread_local=False, fallback_to_soft=False)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        lock.acquire(poll_interval=BETWEEN_TRIES_S)
    except Timeout:
        return None
    except (OSError, NotImplementedError) as error:
        raise FlatdiffError(_refused(path, error)) from None
    with contextlib.suppress(OSError):  # a full disk: held all the same
        path.write_text(this_process())
    return Lock(lock)


def _refused(path: Path, error: OSError | NotImplementedError) -> str:
    if isinstance(error, OSError) and error.errno not in NO_LOCKS:
        return not_written(path, error)
    reason = os.strerror(errno.ENOLCK).lower()
    return f"cannot lock {path}: {reason}; use a folder on a disk of this machine"


def is_held(path: Path) -> bool:
    """Whether some process, this one included, holds the lock on a file."""
    if sys.platform == "win32":
        return path.exists() and _is_refused(path)
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


def _is_refused(path: Path) -> bool:
    """Whether a lock cannot be had at once, where none can be shared."""
    with contextlib.suppress(OSError), FileLock(path, 0, thread_local=False):
        return False
    return True


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
