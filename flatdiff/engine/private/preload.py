"""Ends a cluster process when the program that started it is gone.

Dask loads this module into its scheduler and nannies (`--preload`). Without it, killing the
dashboard leaves them running for ever. It also puts them, and the workers that they start, behind
the dashboard: loading torch takes seconds of every core, in which the first visitor arrives.
The scheduler ends last, as workers complain of one that is gone.
"""

import os
import threading
import time

import psutil

PARENT = "FLATDIFF_PARENT"  # its process id: it may have ended before anybody could ask for it
CHECK_EVERY_S = 0.5
AFTER_OTHERS_S = 2.0
NICENESS = 10


def dask_setup(server: object) -> None:
    """Called by Dask when the process is up."""
    if os.name == "posix" and os.environ.get("FLATDIFF_WORKER_PRIORITY") != "normal":
        os.nice(NICENESS)
    arguments = (int(os.environ[PARENT]), type(server).__name__ == "Scheduler")
    threading.Thread(target=_watch, args=arguments, daemon=True, name="lifeline").start()


def _watch(parent: int, is_scheduler: bool) -> None:
    while os.getppid() == parent:
        time.sleep(CHECK_EVERY_S)
    if is_scheduler:
        time.sleep(AFTER_OTHERS_S)
    for child in psutil.Process().children(recursive=True):
        child.kill()
    os._exit(1)
