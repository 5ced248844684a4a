"""A cluster is where tiles are computed: private workers on this machine, or somebody's Dask.

Both are the same code path behind a `distributed.Client`; `FLATDIFF_SCHEDULER=tcp://host:8786`
chooses the second. The private one has one worker a GPU, or one single-threaded worker a processor
core: tiles are independent, so cores are better spent on several tiles than inside one, and a
number does not depend on how many cores there are.
"""

import importlib
import logging
import os
import shutil
import subprocess
import sys
import tempfile
import time
from typing import TYPE_CHECKING, Any

from flatdiff.engine.job import TileResult
from flatdiff.errors import EngineError, FlatdiffError
from flatdiff.system.files import PROJECT_ROOT
from flatdiff.system.processor import num_cores

if TYPE_CHECKING:
    from distributed import Client

MAX_LOCAL_WORKERS = 4  # about 600 MB each
ALLOWED_DEATHS = 2  # of workers under one tile; the next one fails the job
START_TIMEOUT_S = 60  # of private workers on a busy machine
COUNT_EVERY_S = 5.0  # workers of a foreign cluster come and go
CONNECT_TIMEOUT_S = 10  # to a scheduler that should be there

WORKER_ENVIRONMENT = {
    "OMP_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "OMP_WAIT_POLICY": "PASSIVE",
}

# Of scheduler and nannies, from which a worker inherits it. Dask's own setting gives every freed
# activation back to the kernel and takes it again at the next layer: three quarters of the time.
CHILD_ENVIRONMENT = {
    "DASK_LOGGING__DISTRIBUTED": "error",
    # Dask watches itself a hundred times a second, on the cores that should compute.
    "DASK_DISTRIBUTED__WORKER__PROFILE__ENABLED": "false",
    "DASK_DISTRIBUTED__ADMIN__TICK__INTERVAL": "1s",
    "DASK_DISTRIBUTED__ADMIN__TICK__LIMIT": "1h",
    "DASK_DISTRIBUTED__ADMIN__SYSTEM_MONITOR__INTERVAL": "10s",
    "MALLOC_TRIM_THRESHOLD_": str(1 << 30),
    "MALLOC_MMAP_THRESHOLD_": str(1 << 25),  # glibc's largest
    "MALLOC_ARENA_MAX": "1",  # tiles run in a thread, whose own arena would shrink all the same
}

FOLDER = "FLATDIFF_CLUSTER_FOLDER"  # of Dask's files; whoever ends last removes it

log = logging.getLogger("flatdiff.engine")


class Cluster:
    """Started on demand, and again where it was lost."""

    _folder = ""  # where Dask's processes keep their files; "" where none were started

    def __init__(self, address: str | None = None, num_workers: int | None = None) -> None:
        self.address = address or os.environ.get("FLATDIFF_SCHEDULER")
        self._wanted = num_workers or default_num_workers()
        self._counted, self._counted_at = 1, -COUNT_EVERY_S
        self._client: Client | None = None
        self._processes = None

    @property
    def num_workers(self) -> int:
        """Workers there are, or will be once it is started; cheap to ask."""
        if self.address is None:
            return self._wanted
        now = time.monotonic()
        if self._client is not None and now - self._counted_at > COUNT_EVERY_S:
            self._counted, self._counted_at = (
                len(self._client.scheduler_info(n_workers=-1)["workers"]),
                now,
            )
        return max(1, self._counted)

    def client(self) -> "Client":
        """A live client; starts the private cluster (3 s) where none is running.

        Raises:
            EngineError: no scheduler answers at FLATDIFF_SCHEDULER, or none could be started.
        """
        if self._client is not None and self._client.status == "running":
            return self._client
        self.close()
        try:
            self._client = self._connect()
        except (OSError, RuntimeError, TimeoutError) as error:
            where = f"at {self.address}" if self.address else "on this machine"
            raise EngineError(f"no compute cluster {where}: {error}") from None
        return self._client

    def _connect(self) -> "Client":
        from distributed import Client

        if self.address:
            return Client(self.address, timeout=CONNECT_TIMEOUT_S, set_as_default=False)
        self._folder = tempfile.mkdtemp(prefix="flatdiff-")
        self._processes = _start_processes(self._wanted, self._folder)
        client = Client(self._processes, timeout=START_TIMEOUT_S, set_as_default=False)
        client.wait_for_workers(1, timeout=START_TIMEOUT_S)
        return client

    def close(self) -> None:
        """Disconnect, and end a private cluster's processes."""
        client, processes = self._client, self._processes
        self._client = self._processes = None
        if client is not None:
            client.close(timeout=5)
        if processes is not None:
            processes.close(timeout=10)
        if self._folder:
            shutil.rmtree(self._folder, ignore_errors=True)
            self._folder = ""


def default_num_workers() -> int:
    """$FLATDIFF_WORKERS, or one a GPU, or one a processor core up to a limit."""
    if chosen := os.environ.get("FLATDIFF_WORKERS"):
        return max(1, int(chosen))
    return num_gpus() or max(1, min(MAX_LOCAL_WORKERS, num_cores()))


def num_gpus() -> int:
    """GPUs that torch can use, asked in another process: this one never imports torch."""
    if shutil.which("nvidia-smi") is None:
        return 0
    question = "import torch; print(torch.cuda.device_count())"
    answer = subprocess.run(
        [sys.executable, "-c", question], capture_output=True, text=True, check=False
    )
    return int(answer.stdout) if answer.stdout.strip().isdecimal() else 0


def child_environment() -> dict[str, str]:
    """Of Dask's processes, which import flatdiff whatever folder they are started in."""
    paths = [str(PROJECT_ROOT), os.environ.get("PYTHONPATH", "")]
    joined = os.pathsep.join(filter(None, dict.fromkeys(paths)))
    return {**CHILD_ENVIRONMENT, "PYTHONPATH": joined}


def evaluate_tile(*arguments: Any) -> TileResult:
    """Runs in the worker; its module is named, not imported, so that no page ever loads torch."""
    return importlib.import_module("flatdiff.engine.worker").evaluate_tile(*arguments)


def reason_of(error: BaseException | None) -> str:
    """Why a tile failed, in a sentence for the person who asked."""
    if isinstance(error, FlatdiffError):
        return str(error)
    if type(error).__name__ == "KilledWorker":
        return (
            f"workers died {ALLOWED_DEATHS + 1} times on the same tile, most likely for want of "
            "memory; finished tiles are kept, try a smaller panel"
        )
    log.error("a tile failed", exc_info=error)
    return f"internal error, please report it: {type(error).__name__}: {error}"


def _start_processes(num_workers: int, folder: str):
    from distributed.deploy.subprocess import SubprocessCluster

    os.environ.update({**child_environment(), "DASK_TEMPORARY_DIRECTORY": folder, FOLDER: folder})
    return SubprocessCluster(
        host="127.0.0.1",
        n_workers=num_workers,
        threads_per_worker=1,
        scheduler_kwargs={
            "scheduler_file": f"{folder}/scheduler.json",
            "preload": ["flatdiff.engine.preload"],
            "allowed_failures": ALLOWED_DEATHS,
            "dashboard": False,
            "dashboard_address": "127.0.0.1:0",
        },
        worker_kwargs={
            "preload_nanny": ["flatdiff.engine.preload"],
            "local_directory": folder,
            "env": WORKER_ENVIRONMENT,
            "memory_limit": 0,
            "dashboard": False,
            "dashboard_address": "127.0.0.1:0",
        },
        silence_logs=logging.ERROR,
    )
