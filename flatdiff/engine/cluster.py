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
import time
from typing import TYPE_CHECKING, Any

from flatdiff.engine.job import TileResult
from flatdiff.errors import EngineError, FlatdiffError
from flatdiff.system.processor import num_cores

if TYPE_CHECKING:
    from distributed import Client

MAX_LOCAL_WORKERS = 4  # about 600 MB each
COUNT_EVERY_S = 5.0  # workers of a foreign cluster come and go
CONNECT_TIMEOUT_S = 10  # to a scheduler that should be there

log = logging.getLogger("flatdiff.engine")


class Cluster:
    """Started on demand, and again where it was lost."""

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
        from flatdiff.engine.private import START_TIMEOUT_S, start_private_cluster

        self._processes = start_private_cluster(self._wanted)
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


def evaluate_tile(*arguments: Any) -> TileResult:
    """Runs in the worker; its module is named, not imported, so that no page ever loads torch."""
    return importlib.import_module("flatdiff.engine.worker").evaluate_tile(*arguments)


def reason_of(error: BaseException | None) -> str:
    """Why a tile failed, in a sentence for the person who asked."""
    if isinstance(error, FlatdiffError):
        return str(error)
    if type(error).__name__ == "KilledWorker":
        return (
            f"workers died {3} times on the same tile, most likely for want of "
            "memory; finished tiles are kept, try a smaller panel"
        )
    log.error("a tile failed", exc_info=error)
    return f"internal error, please report it: {type(error).__name__}: {error}"
