"""A cluster is where tiles are computed: private workers on this machine, or somebody's Dask.

Both are the same code path behind a `distributed.Client`; `FLATDIFF_SCHEDULER=tcp://host:8786`
chooses the second. The private one has one worker a GPU, or one single-threaded worker a processor
core: tiles are independent, so cores are better spent on several tiles than inside one, and a
number does not depend on how many cores there are.
"""

import contextlib
import logging
import os
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Iterable, Mapping
from concurrent.futures import Future
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from flatdiff.engine.address import checked_address
from flatdiff.engine.private.share import SHARE
from flatdiff.errors import EngineError, SettingsError
from flatdiff.system.processor import num_cores
from flatdiff.system.share import fair_share

if TYPE_CHECKING:
    from distributed import Client

MAX_LOCAL_WORKERS = 4  # about 600 MB each
MOST_WORKERS = 1024  # that somebody could mean
COUNT_EVERY_S = 2.0  # workers of a foreign cluster come and go, and so does other work
SILENT_AFTER_S = 30.0  # a scheduler that answers nothing for so long is stopped, or hangs
CONNECT_TIMEOUT_S = 10  # to a scheduler that should be there
LOOK_EVERY_S = 0.02
SET_BACK_S = 1.0  # of the wall clock, beyond which a new connection costs less than waiting

log = logging.getLogger("flatdiff.engine")


@dataclass(frozen=True)
class _Link:
    """A connection, and the processes behind it where they are ours."""

    client: "Client"
    processes: Any = None

    def close(self) -> None:
        """Disconnect, and end the processes."""
        with contextlib.suppress(Exception):  # of a connection that is lost already
            self.client.close(timeout=5)
        if self.processes is not None:
            self.processes.close(timeout=10)


class Cluster:
    """Started on demand, and again where it was lost."""

    def __init__(self, address: str | None = None, num_workers: int | None = None) -> None:
        """Nothing is started yet.

        Raises:
            SettingsError: FLATDIFF_SCHEDULER or FLATDIFF_WORKERS is not what it should be.
        """
        named = address or os.environ.get("FLATDIFF_SCHEDULER")
        self.address = checked_address(named) if named else None
        self._wanted = num_workers or default_num_workers()
        self._counted = 1
        self._share: float | None = None  # as the workers have told
        self.start_s: float | None = None  # that private workers took to come up, the last time
        self._link: _Link | None = None
        self._starting: Future[_Link] | None = None  # in a thread of its own
        self._lock = threading.Lock()

    @property
    def num_workers(self) -> int:
        """Workers there are, or will be once it is started; never waits."""
        return self._wanted if self.address is None else max(1, self._counted)

    @property
    def up(self) -> bool:
        """Whether there is a connection to workers; never waits."""
        link = self._link
        return link is not None and link.client.status == "running"

    @property
    def share(self) -> float:
        """Of a processor core, that each worker would get now, or gets; never waits."""
        if self._share is not None and self.up:
            return self._share
        return 1.0 if self.address else fair_share(self.num_workers)

    def ready(self) -> "Client | None":
        """A live client, or None while it is being started (3 s for private workers); never waits.

        Raises:
            EngineError: no scheduler answers at FLATDIFF_SCHEDULER, or none could be started; the
                next call starts again.
        """
        with self._lock:
            if self._link is not None and self._link.client.status == "running":
                return self._link.client
            if self._starting is None:
                self._starting = self._start(self._link)
                self._link = None
            if not self._starting.done():
                return None
            starting, self._starting = self._starting, None
        try:
            self._link = starting.result()
        except Exception as error:
            where = f"at {self.address}" if self.address else "on this machine"
            raise EngineError(f"no compute cluster {where}: {error}") from None
        return self._link.client

    def client(self) -> "Client":
        """The same, waited for.

        Raises:
            EngineError: see `ready`.
        """
        while (client := self.ready()) is None:
            time.sleep(LOOK_EVERY_S)
        return client

    def close(self) -> None:
        """Disconnect, and end a private cluster's processes."""
        with self._lock:
            link, self._link = self._link, None
            starting, self._starting = self._starting, None
        if link is not None:
            link.close()
        if starting is not None:
            starting.add_done_callback(_close_unwanted)

    def _start(self, lost: _Link | None) -> "Future[_Link]":
        """In a daemon thread: nobody waits for what never answers, the program's end neither."""
        starting: Future[_Link] = Future()

        def work() -> None:
            try:
                if lost is not None:
                    lost.close()
                starting.set_result(self._connect())
            except BaseException as error:
                starting.set_exception(error)

        threading.Thread(target=work, name="flatdiff-cluster", daemon=True).start()
        return starting

    def _connect(self) -> _Link:
        from flatdiff.engine.private.start import START_TIMEOUT_S, connected, start_private_cluster

        if self.address:
            return self._watched(_Link(connected(self.address, CONNECT_TIMEOUT_S)))
        began, self._share = time.monotonic(), None
        processes = start_private_cluster(self._wanted)
        try:
            client = connected(processes, START_TIMEOUT_S)
            client.wait_for_workers(1, timeout=START_TIMEOUT_S)
        except BaseException:
            processes.close(timeout=10)
            raise
        self.start_s = time.monotonic() - began
        return self._watched(_Link(client, processes))

    def _watched(self, link: _Link) -> _Link:
        threading.Thread(target=self._watch, args=(link.client,), daemon=True).start()
        return link

    def _watch(self, client: "Client") -> None:
        """Count the workers; a connection that nothing comes of is closed, and so is made anew.

        A process that is stopped keeps its connections, and would be waited for as long. Dask
        sends, and looks after its workers, by the wall clock: set back, it waits for that to come
        round again.
        """
        heard, ahead = time.monotonic(), wall_ahead_s()
        while client.status == "running":
            with contextlib.suppress(Exception):  # nobody answers, or the connection is lost
                scheduler: Any = client.scheduler
                known: Any = client.sync(scheduler.identity, callback_timeout=SILENT_AFTER_S)
                self._counted, heard = len(known["workers"]), time.monotonic()
                self._share = mean_share(known["workers"].values())
            before, ahead = ahead, wall_ahead_s()
            set_back = ahead < before - SET_BACK_S
            if set_back or time.monotonic() - heard >= SILENT_AFTER_S:
                why = "the clock was set back" if set_back else "the scheduler answers nothing"
                log.warning("%s: a new connection to the workers is made", why)
                client.close(timeout=5)
            time.sleep(COUNT_EVERY_S)


def mean_share(workers: Iterable[Mapping[str, Any]]) -> float | None:
    """Over workers as the scheduler knows them; None where none has told any.

    >>> told = {"flatdiff_share": 0.5}, {"flatdiff_share": 1.0}, {"cpu": 2.0}
    >>> mean_share({"metrics": metrics} for metrics in told)
    0.75
    """
    told = [worker["metrics"].get(SHARE) for worker in workers]
    known = [share for share in told if share is not None]
    return sum(known) / len(known) if known else None


def wall_ahead_s() -> float:
    """Seconds that the wall clock is ahead of the monotonic one; less when it was set back."""
    return time.time() - time.monotonic()


def _close_unwanted(starting: "Future[_Link]") -> None:
    if starting.exception() is None:
        starting.result().close()


def check_environment() -> None:
    """Look at what the environment says before anything is started.

    Raises:
        SettingsError: FLATDIFF_SCHEDULER or FLATDIFF_WORKERS is not what it should be.
    """
    if named := os.environ.get("FLATDIFF_SCHEDULER"):
        checked_address(named)
    _chosen_num_workers()


def default_num_workers() -> int:
    """$FLATDIFF_WORKERS, or one a GPU, or one a processor core up to a limit.

    Raises:
        SettingsError: it is no number of workers.
    """
    return _chosen_num_workers() or num_gpus() or max(1, min(MAX_LOCAL_WORKERS, num_cores()))


def _chosen_num_workers() -> int | None:
    chosen = os.environ.get("FLATDIFF_WORKERS")
    if not chosen:
        return None
    number = int(chosen) if chosen.strip().isdecimal() else 0
    if not 1 <= number <= MOST_WORKERS:
        raise SettingsError(
            f"FLATDIFF_WORKERS must be a number of processes from 1 to {MOST_WORKERS}, or not "
            f"be set at all for one a core; got {chosen!r}"
        )
    return number


def num_gpus() -> int:
    """GPUs that torch can use, asked in another process: this one never imports torch."""
    if shutil.which("nvidia-smi") is None:
        return 0
    question = "import torch; print(torch.cuda.device_count())"
    answer = subprocess.run(
        [sys.executable, "-c", question], capture_output=True, text=True, check=False
    )
    return int(answer.stdout) if answer.stdout.strip().isdecimal() else 0
