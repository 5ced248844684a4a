"""How a worker process ended: told by the nanny that kept it, asked for when a job fails by it.

Dask says only that workers died, which may be want of memory or a fault of the computing; the one
who knows better is the nanny, into which Dask loads this module (`--preload-nanny`).
"""

import time
from typing import TYPE_CHECKING, Any

from flatdiff.system.child_process import name_of_signal

if TYPE_CHECKING:
    from distributed import Client, Nanny

TOPIC = "flatdiff-worker-deaths"  # of Dask's event log, which the scheduler keeps
TOLD_AFTER_S, TOLD_WITHIN_S = 0.5, 2.0  # the scheduler misses a worker before its nanny does


def dask_setup(nanny: "Nanny") -> None:
    """Called by Dask when the nanny is made."""
    from distributed.core import Status

    go_on = nanny._on_worker_exit

    async def tell(exitcode: int) -> None:
        if nanny.status is Status.running:
            nanny.log_event(TOPIC, {"nanny": nanny.address, "exit_code": exitcode})
        await go_on(exitcode)

    nanny._on_worker_exit = tell


def how_it_died(client: "Client", nanny: str | None) -> str:
    """The end of the last worker that the nanny at an address kept, in words.

    Waits 2 s at most: it may not have told yet, or is one that never tells.
    """
    deadline = time.monotonic() + TOLD_WITHIN_S
    time.sleep(TOLD_AFTER_S)
    while (code := _exit_code(client, nanny)) is None and time.monotonic() < deadline:
        time.sleep(0.1)
    return described(code)


def _exit_code(client: "Client", nanny: str | None) -> int | None:
    events: Any = client.get_events(TOPIC)
    codes = [event["exit_code"] for _, event in events if event["nanny"] == nanny]
    return codes[-1] if codes else None


MEANINGS = {
    "SIGKILL": "killed from outside, by the system for want of memory (try a smaller panel) or by "
    "somebody",
    "SIGTERM": "told to end from outside",
    "SIGSEGV": "a crash in compiled code",
    "SIGBUS": "a crash in compiled code, or a disk that failed or was full",
    "SIGABRT": "given up by compiled code",
    "SIGILL": "an instruction that this processor does not have",
    "SIGFPE": "a crash in compiled code",
    "SIGXCPU": "the limit of processor time",
}


def described(exit_code: int | None) -> str:
    """The end of a process in words.

    Args:
        exit_code: negative: the number of the signal that ended it; None: nobody knows.

    >>> described(3)
    'it ended with exit code 3'
    """
    if exit_code is None:
        return "how is not known here, the log of its machine may tell"
    if exit_code >= 0:
        return f"it ended with exit code {exit_code}"
    name = name_of_signal(-exit_code)
    return f"{name}, {MEANINGS.get(name, 'a signal')}" if name.startswith("SIG") else name
