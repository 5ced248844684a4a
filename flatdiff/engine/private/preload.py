"""Ends a cluster process when the program that started it is gone.

Dask loads this module into its scheduler and nannies (`--preload`). Without it, killing the
dashboard leaves them running for ever. It also puts them, and the workers that they start, behind
the dashboard: loading torch takes seconds of every core, in which the first visitor arrives.
"""

import os
import threading
import time

import psutil

CHECK_EVERY_S = 0.5
NICENESS = 10


def dask_setup(_server: object) -> None:
    """Called by Dask when the process is up."""
    if os.name == "posix" and os.environ.get("FLATDIFF_WORKER_PRIORITY") != "normal":
        os.nice(NICENESS)
    parent = os.getppid()
    threading.Thread(target=_watch, args=(parent,), daemon=True, name="lifeline").start()


def _watch(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(CHECK_EVERY_S)
    for child in psutil.Process().children(recursive=True):
        child.kill()
    os._exit(1)
