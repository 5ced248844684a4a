"""Ends a cluster process when the program that started it is gone.

Dask loads this module into its scheduler and nannies (`--preload`). Without it, killing the
dashboard leaves them running for ever. It also puts them, and the workers that they start, behind
the dashboard: loading torch takes seconds of every core, in which the first visitor arrives.
The scheduler ends when they have left it, as workers complain of one that is gone.
"""

import os
import threading
import time

import psutil
from distributed import Scheduler

PARENT = "FLATDIFF_PARENT"  # its process id: it may have ended before anybody could ask for it
CHECK_EVERY_S = 0.5
AFTER_OTHERS_S = 10.0  # at most; on a busy machine two are not enough
NICENESS = 10


def dask_setup(server: object) -> None:
    """Called by Dask when the process is up."""
    if os.name == "posix" and os.environ.get("FLATDIFF_WORKER_PRIORITY") != "normal":
        os.nice(NICENESS)
    arguments = int(os.environ[PARENT]), server if isinstance(server, Scheduler) else None
    threading.Thread(target=_watch, args=arguments, daemon=True, name="lifeline").start()


def _watch(parent: int, scheduler: Scheduler | None) -> None:
    while os.getppid() == parent:
        time.sleep(CHECK_EVERY_S)
    deadline = time.monotonic() + AFTER_OTHERS_S
    while scheduler is not None and scheduler.workers and time.monotonic() < deadline:
        time.sleep(CHECK_EVERY_S)
    for child in psutil.Process().children(recursive=True):
        child.kill()
    os._exit(1)
