"""The private cluster: a scheduler and workers on this machine that talk to this program alone.

Dask's own `SubprocessCluster` would let every user of the machine in: it listens on TCP without a
word about who may come, and names its settings on the command line.
"""

import asyncio
import json
import logging
import os
import subprocess
import sys
from collections.abc import Mapping
from contextlib import suppress
from typing import IO, Any

import psutil
from dask import config
from distributed import Client, Security
from distributed.deploy.spec import ProcessInterface, SpecCluster

from flatdiff.engine.private.credentials import temporary_credentials
from flatdiff.system.files import PROJECT_ROOT, state_home

START_TIMEOUT_S = 60  # of one process on a busy machine
ALLOWED_DEATHS = 2  # of workers under one tile; the next one fails the job
RESTART_PAUSE_S = 1.0
POLL_S = 0.02
KEPT_MESSAGES = 10  # to the scheduler, for somebody who looks for a fault; Dask keeps 1,000
LISTENS = {"host": "127.0.0.1", "protocol": "tls"}

WORKER_ENVIRONMENT = {
    "OMP_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "OMP_WAIT_POLICY": "PASSIVE",
}

# Of scheduler and nannies, from which a worker inherits it. Dask's own setting gives every freed
# activation back to the kernel and takes it again at the next layer: three quarters of the time.
CHILD_ENVIRONMENT = {
    "DASK_LOGGING__DISTRIBUTED": "error",
    # A worker that says nothing, stopped or hung, is replaced within twice this.
    "DASK_DISTRIBUTED__SCHEDULER__WORKER_TTL": "30s",
    # Dask watches itself a hundred times a second, on the cores that should compute.
    "DASK_DISTRIBUTED__WORKER__PROFILE__ENABLED": "false",
    "DASK_DISTRIBUTED__ADMIN__TICK__INTERVAL": "1s",
    "DASK_DISTRIBUTED__ADMIN__TICK__LIMIT": "1h",
    "DASK_DISTRIBUTED__ADMIN__SYSTEM_MONITOR__INTERVAL": "10s",
    "MALLOC_TRIM_THRESHOLD_": str(1 << 30),
    "MALLOC_MMAP_THRESHOLD_": str(1 << 25),  # glibc's largest
    "MALLOC_ARENA_MAX": "1",  # tiles run in a thread, whose own arena would shrink all the same
}


def child_environment() -> dict[str, str]:
    """Of Dask's processes, which import flatdiff whatever folder they are started in.

    Dask imports from its scratch folder, too; in /tmp, whoever made it first could put code there.
    """
    paths = [str(PROJECT_ROOT), os.environ.get("PYTHONPATH", "")]
    joined = os.pathsep.join(filter(None, dict.fromkeys(paths)))
    scratch = state_home() / "workers"
    scratch.mkdir(mode=0o700, parents=True, exist_ok=True)
    return {**CHILD_ENVIRONMENT, "PYTHONPATH": joined, "DASK_TEMPORARY_DIRECTORY": str(scratch)}


class _Process(ProcessInterface):
    """One process, started by an order; see `flatdiff.engine.private.process`.

    Not by asyncio: what it was creating when its loop ended it would leave, and complain of.
    """

    def __init__(self, order: Mapping[str, Any]) -> None:
        self._order = order
        self.process: subprocess.Popen[bytes] | None = None
        self._is_closed = False
        super().__init__()

    async def start(self) -> None:
        """Is cancelled where it is closed meanwhile, as Ctrl-C does; none is left then."""
        await self._start()
        await super().start()

    async def _start(self) -> None:
        self._require_open()
        self.process = subprocess.Popen(
            [sys.executable, "-m", "flatdiff.engine.private.process"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={**os.environ, **child_environment()},
        )
        # Who started it may have ended before it could ask.
        order = {**self._order, "parent": os.getpid()}
        with suppress(BrokenPipeError), _end(self.process.stdin) as pipe:  # it has ended already
            pipe.write(json.dumps(order).encode() + b"\n")

    def _require_open(self) -> None:
        if self._is_closed:
            # No error: as the program ends there is nobody left to hear of one.
            raise asyncio.CancelledError("closed as it started")

    async def close(self) -> None:
        """End it, and what it started."""
        self._is_closed = True
        process, self.process = self.process, None
        if process is not None:
            await _ended(process)
        await super().close()

    async def ready(self) -> str:
        """The address, once it listens.

        Raises:
            RuntimeError: it ended before.
            TimeoutError: it takes too long.
        """
        assert self.process is not None
        process = self.process
        line = await asyncio.wait_for(_line_of(_end(process.stdout)), START_TIMEOUT_S)
        self._require_open()
        if not line:
            code = await _exit_code(process)
            raise RuntimeError(f"a process ended with exit code {code} as it started")
        return line.decode().strip()


def _end(pipe: IO[bytes] | None) -> IO[bytes]:
    """Of a pipe to a process, which is there because it was asked for."""
    assert pipe is not None
    return pipe


async def _line_of(pipe: IO[bytes]) -> bytes:
    """A line, or what there is of one when either end is closed."""
    os.set_blocking(pipe.fileno(), False)
    found = b""
    while not (found.endswith(b"\n") or pipe.closed):
        try:
            part = os.read(pipe.fileno(), 4096)
        except BlockingIOError:
            await asyncio.sleep(POLL_S)
            continue
        if not part:
            break
        found += part
    return found


async def _exit_code(process: subprocess.Popen[bytes]) -> int:
    """Once it has ended."""
    while (code := process.poll()) is None:
        await asyncio.sleep(POLL_S)
    return code


async def _ended(process: subprocess.Popen[bytes]) -> None:
    """Kill it with all that it started, and wait until it is gone."""
    with suppress(psutil.NoSuchProcess):
        for child in psutil.Process(process.pid).children(recursive=True):
            child.kill()
    process.kill()
    await _exit_code(process)
    _end(process.stdout).close()


class _SchedulerProcess(_Process):
    """Started, and waited for: nothing goes without its address."""

    async def _start(self) -> None:
        await super()._start()
        self.address = await self.ready()


class _WorkerProcess(_Process):
    """Started, and not waited for: whoever needs it asks the scheduler. Killed, it is replaced."""

    def __init__(self, scheduler: str, order: Mapping[str, Any], name: int) -> None:
        options = {**order["options"], "name": name}
        super().__init__({**order, "scheduler": scheduler, "options": options})
        self._keeper: asyncio.Task[None] | None = None

    async def _start(self) -> None:
        await super()._start()
        self._keeper = asyncio.create_task(self._keep())

    async def _keep(self) -> None:
        while self.process is not None:
            await _exit_code(self.process)
            _end(self.process.stdout).close()
            await asyncio.sleep(RESTART_PAUSE_S)
            await super()._start()

    async def close(self) -> None:
        """For good."""
        if self._keeper is not None:
            self._keeper.cancel()
        await super().close()


class _PrivateCluster(SpecCluster):
    """Dask's would give up a worker for good that is missing 15 s after another one's death.

    And it would ask its scheduler before it ends its processes, which never answers where it is
    stopped.
    """

    def _update_worker_status(self, op: str, msg: Any) -> None:
        super(SpecCluster, self)._update_worker_status(op, msg)

    async def _close(self) -> None:
        await asyncio.gather(*(worker.close() for worker in self.workers.values()))
        if self.scheduler is not None:
            await self.scheduler.close()
        await super()._close()


def start_private_cluster(num_workers: int) -> SpecCluster:
    """Start a scheduler and so many workers; nobody without their credentials is let in.

    Raises:
        RuntimeError: the scheduler could not be started.
    """
    credentials = temporary_credentials()
    scheduler = {
        **LISTENS,
        "preload": ["flatdiff.engine.private.preload", "flatdiff.engine.private.blame"],
        "allowed_failures": ALLOWED_DEATHS,
        "dashboard": False,
    }
    worker = {
        **LISTENS,
        "nthreads": 1,
        "memory_limit": 0,
        "preload": ["flatdiff.engine.private.share"],
        "preload_nanny": ["flatdiff.engine.private.preload", "flatdiff.engine.private.deaths"],
        "env": WORKER_ENVIRONMENT,
        "silence_logs": logging.ERROR,
    }
    one = {
        "cls": _WorkerProcess,
        "options": {"order": {"security": credentials, "options": worker}},
    }
    return _PrivateCluster(
        workers=dict.fromkeys(range(num_workers), one),
        worker=one,
        scheduler={
            "cls": _SchedulerProcess,
            "options": {"order": {"security": credentials, "options": scheduler}},
        },
        security=Security(**credentials),
        shutdown_scheduler=False,  # which is: ask it to; it is killed
        silence_logs=logging.ERROR,  # pyright: ignore[reportArgumentType]  # a level does
        name="flatdiff",
    )


class _Client(Client):
    """One that could not connect would, when it is thrown away, wait two minutes for itself."""

    def __del__(self) -> None:
        """Nothing: it is closed by whoever made it."""


def connected(where: str | SpecCluster, timeout_s: float) -> Client:
    """A client of a scheduler.

    Raises:
        OSError: none answers within the time.
    """
    with config.set({"distributed.admin.low-level-log-length": KEPT_MESSAGES}):
        return _Client(where, timeout=timeout_s, set_as_default=False)
