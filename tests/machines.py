"""Machines are a scheduler and workers that share nothing with this program but its processor."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from distributed import Client

from flatdiff.system.files import PROJECT_ROOT

START_TIMEOUT_S = 60.0


def until(true: Callable[[], bool], what: str) -> None:
    """Wait for something that another process does."""
    deadline = time.monotonic() + START_TIMEOUT_S
    while not true():
        assert time.monotonic() < deadline, what
        time.sleep(0.05)


class Machines:
    """A scheduler, and workers with a state directory each, as if each were a machine."""

    def __init__(self, folder: Path, scheme: str = "tcp") -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        self.folder, self.address = folder, f"{scheme}://127.0.0.1:{port}"
        self.workers: list[subprocess.Popen] = []
        words = ["--host", f"{scheme}://127.0.0.1", "--port", str(port), "--no-dashboard"]
        self.scheduler = subprocess.Popen(
            [sys.executable, "-m", "distributed.cli.dask_scheduler", *words, "--no-show"],
            stderr=subprocess.DEVNULL,
        )
        self.client = Client(self.address, timeout=START_TIMEOUT_S, set_as_default=False)

    def add(self) -> None:
        """One more machine, waited for."""
        number = len(self.workers)
        self.workers.append(
            subprocess.Popen(
                [sys.executable, "-m", "flatdiff", "worker", self.address, "--num-workers", "1"],
                cwd=PROJECT_ROOT,
                env={**os.environ, "FLATDIFF_HOME": str(self.folder / str(number))},
                stderr=subprocess.DEVNULL,
                start_new_session=True,
            )
        )

    @property
    def number(self) -> int:
        """Of workers that the scheduler knows."""
        return len(self.client.scheduler_info(n_workers=-1)["workers"])

    def kill(self, number: int) -> None:
        """A machine goes up in smoke, with all its processes."""
        os.killpg(self.workers[number].pid, signal.SIGKILL)
        self.workers[number].wait()

    def received(self, number: int) -> list[str]:
        """Digests of the checkpoints that came to a machine, and whatever else lies there."""
        return sorted(path.name for path in (self.folder / str(number) / "received").glob("*"))

    def close(self) -> None:
        """End all of it."""
        self.client.close()
        for worker in self.workers:
            if worker.poll() is None:
                os.killpg(worker.pid, signal.SIGKILL)
                worker.wait()
        self.scheduler.terminate()
        self.scheduler.wait()
