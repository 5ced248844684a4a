"""A private cluster leaves nothing, however the program ends that started it."""

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from tests.machines import until

PROGRAM = """
from flatdiff.engine.cluster import Cluster

cluster = Cluster(num_workers=1)
cluster.client()
print("up", flush=True)
input()
cluster.close()
"""

LATE_S = 5.0


@pytest.mark.parametrize("is_killed", [True, False])
def test_no_process_and_no_file_is_left(is_killed: bool, tmp_path: Path) -> None:
    """Its processes are counted while it lives; nothing is in the temporary folder afterwards."""
    (tmp_path / "tmp").mkdir()
    program = subprocess.Popen(
        [sys.executable, "-c", PROGRAM],
        env={**os.environ, "TMPDIR": str(tmp_path / "tmp")},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert program.stdin
    assert program.stdout
    with program:
        assert program.stdout.readline() == b"up\n"
        processes = psutil.Process(program.pid).children(recursive=True)
        assert len(processes) >= 3, "a scheduler, a nanny and a worker"
        if is_killed:
            program.send_signal(signal.SIGKILL)
        else:
            program.stdin.write(b"\n")
            program.stdin.flush()
        _, left = psutil.wait_procs(processes, 15)
        assert [process.cmdline() for process in left if process.is_running()] == []
    until(lambda: not list((tmp_path / "tmp").iterdir()), "a file is left")


def test_no_worker_misses_its_scheduler_though_its_nanny_is_late(tmp_path: Path) -> None:
    """As on a busy machine: it would complain in the log, with a traceback, before it is ended."""
    log = tmp_path / "log"
    with log.open("wb") as errors:
        program = subprocess.Popen(
            [sys.executable, "-c", PROGRAM],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=errors,
        )
    with program:
        assert program.stdout
        assert program.stdout.readline() == b"up\n"
        processes = psutil.Process(program.pid).children(recursive=True)
        (nanny,) = (one for one in processes if one.children())
        (scheduler,) = (one for one in processes if one not in (nanny, *nanny.children(True)))
        nanny.suspend()
        program.send_signal(signal.SIGKILL)
        time.sleep(LATE_S)
        assert scheduler.status() != psutil.STATUS_ZOMBIE, "it has ended before its worker"
        nanny.resume()
        _, left = psutil.wait_procs(processes, 15)
        assert left == []
    assert log.read_text() == ""


EARLY = """
import asyncio, os, sys
from flatdiff.engine.private.start import _Process
from flatdiff.engine.private.credentials import temporary_credentials

security = temporary_credentials()
options = {"host": "127.0.0.1", "protocol": "tls", "name": 0}
options["preload_nanny"] = ["flatdiff.engine.private.preload"]
process = _Process({"security": security, "options": options, "scheduler": sys.argv[1]})
asyncio.run(process._start())
print(process.process.pid, flush=True)
os._exit(9)
"""


def test_none_is_left_of_a_program_that_ends_as_they_start() -> None:
    """Before a nanny could ask who its parent is: its order tells."""
    with socket.create_server(("127.0.0.1", 0)) as silent:  # a scheduler that never answers
        words = [sys.executable, "-c", EARLY, f"tls://127.0.0.1:{silent.getsockname()[1]}"]
        # Not its stderr, too: that ends only with what it leaves.
        ended = subprocess.run(words, stdout=subprocess.PIPE, text=True, check=False)
        assert ended.returncode == 9
        (pid,) = ended.stdout.split()
        _, left = psutil.wait_procs([psutil.Process(int(pid))], 15)
        assert left == []
