"""`worker`: lend this machine to a cluster."""

import os
import socket
import sys

import tyro

from flatdiff.engine.address import checked_address
from flatdiff.engine.cluster import default_num_workers
from flatdiff.engine.private.start import WORKER_ENVIRONMENT, child_environment
from flatdiff.settings import require

QUIET = "flatdiff.engine.private.process.QuietWorker"  # whose web pages would be open to everybody


def worker(scheduler: tyro.conf.Positional[str], num_workers: int | None = None) -> int:
    """Compute for a scheduler until stopped, as the private workers of a dashboard do.

    Args:
        scheduler: its address, such as tcp://host:8786; start one with `dask scheduler`.
        num_workers: processes; default: one a GPU, or one a processor core up to four.
    """
    checked_address(scheduler, "the scheduler's address")
    require(num_workers is None or num_workers >= 1, "--num-workers", "at least 1", num_workers)
    count = num_workers or default_num_workers()
    environment = {**os.environ, **child_environment(), **WORKER_ENVIRONMENT}
    # Dask numbers several workers itself; GPUs are shared out by the number that ends a name.
    name = f"{socket.gethostname()}-{os.getpid()}" + ("-0" if count == 1 else "")
    options = {"nworkers": count, "nthreads": 1, "memory-limit": 0, "name": name}
    options |= {"worker-class": QUIET, "preload": "flatdiff.engine.private.share"}
    options |= {"preload-nanny": "flatdiff.engine.private.deaths"}
    words = [f"--{name}={value}" for name, value in options.items()]
    program = [sys.executable, "-m", "distributed.cli.dask_worker", scheduler]
    # In place of this process, so that whoever stops it stops the workers.
    os.execve(sys.executable, [*program, *words], environment)
