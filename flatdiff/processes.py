"""Which process owns a job, and whether it still lives."""

import os

import psutil


def this_process() -> str:
    """Names this process on this machine for good: a reused process id starts at another time."""
    return f"{os.getpid()}@{psutil.Process().create_time():.2f}"


def is_alive(owner: str) -> bool:
    """Whether the process that `this_process` named is still running."""
    pid, _, started = owner.partition("@")
    try:
        process = psutil.Process(int(pid))
        running = process.status() != psutil.STATUS_ZOMBIE
        return running and f"{process.create_time():.2f}" == started
    except (psutil.Error, ValueError):
        return False
