"""Which process owns a job, and whether it still lives."""

import os

import psutil


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
