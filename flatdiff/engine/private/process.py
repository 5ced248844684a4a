"""What a process of a private cluster runs: `python -m flatdiff.engine.private.process`.

One line of JSON on its standard input says whether it is the scheduler or the keeper of a worker
("nanny"), and brings the credentials; one line on its standard output gives its address. A pipe
has two ends: a command line or an environment could be read by others.
"""

import asyncio
import json
import os
import signal
import sys
from typing import Any

from distributed import Nanny, Scheduler, Security, Worker

from flatdiff.engine.private.preload import PARENT

WORKER_DIED = "Nanny failed to start worker process"  # killed: what it raises itself is told so


class QuietScheduler(Scheduler):
    """Without the web pages of Dask's, which ask nobody who he is."""

    def start_http_server(self, *_: Any, **__: Any) -> None:
        """Listen nowhere."""


class QuietWorker(Worker):
    """The same."""

    def start_http_server(self, *_: Any, **__: Any) -> None:
        """Listen nowhere."""


def make_server(order: dict[str, Any]) -> Scheduler | Nanny:
    """What an order asks for.

    Args:
        order: `security` and `options`, keywords of the classes; `scheduler`, its address, where
            a worker is wanted; `parent`, the process that gives it.
    """
    security, options = Security(**order["security"]), order["options"]
    if "scheduler" not in order:
        return QuietScheduler(security=security, **options)
    return Nanny(order["scheduler"], security=security, worker_class=QuietWorker, **options)


async def _serve(order: dict[str, Any]) -> None:
    async with make_server(order) as server:
        if not _is_read(f"{server.address}\n"):
            return
        os.dup2(sys.stderr.fileno(), sys.stdout.fileno())  # nobody reads the pipe any more
        await server.finished()


def _is_read(line: str) -> bool:
    """Say something; False where the program that wants to know has ended meanwhile."""
    try:
        os.write(sys.stdout.fileno(), line.encode())
    except BrokenPipeError:
        return False
    return True


def main() -> None:
    """Serve until told to end; Ctrl-C is for the program that started this one."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    os.umask(0o077)
    order = sys.stdin.readline()
    if not order:
        return  # who would have given it has ended
    known = json.loads(order)
    os.environ[PARENT] = str(known["parent"])  # by which it is watched, and was until now
    try:
        asyncio.run(_serve(known))
    except RuntimeError as error:
        if str(error.__cause__) != WORKER_DIED:
            raise
        sys.exit("a worker ended as it started; the next one is started")


if __name__ == "__main__":
    main()
