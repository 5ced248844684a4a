"""What is said of a worker that died is what it died of: real processes, real signals."""

import signal
from collections.abc import Callable, Iterator

import pytest
from distributed import Client

from flatdiff.engine.cluster import Cluster
from flatdiff.engine.outcome import outcome_of, reason_of
from flatdiff.engine.private.deaths import described
from flatdiff.engine.private.start import ALLOWED_DEATHS


@pytest.fixture(scope="module")
def client() -> Iterator[Client]:
    """Of a cluster of one worker."""
    cluster = Cluster(num_workers=1)
    yield cluster.client()
    cluster.close()


def die_by(number: int) -> None:
    """In the worker."""
    import os
    import time

    os.kill(os.getpid(), number)
    time.sleep(60)


def leave(code: int) -> None:
    """In the worker."""
    import os

    os._exit(code)


@pytest.mark.parametrize(
    ("die", "number", "said"),
    [
        (
            die_by,
            signal.SIGKILL,
            r"SIGKILL, killed from outside, by the system for want of memory",
        ),
        # Another signal by the same road; its words are looked at below.
        pytest.param(
            *(die_by, signal.SIGSEGV, r"SIGSEGV, a crash in compiled code"),
            marks=pytest.mark.slow,
        ),
        (leave, 3, r"it ended with exit code 3"),
    ],
)
def test_the_end_of_a_worker_is_told_truly(
    client: Client, die: Callable[[int], None], number: int, said: str
) -> None:
    """It was "most likely for want of memory" whatever it was."""
    future = client.submit(die, int(number), pure=False)
    future.exception(timeout=25)
    error = outcome_of(client, future)
    assert isinstance(error, BaseException)
    times = ALLOWED_DEATHS + 1
    assert f"workers died {times} times on the same tile, the last one: {said}" in reason_of(error)


def test_who_waits_behind_a_killer_is_not_blamed(client: Client) -> None:
    """One worker, which dies three times while the other two tiles are on it."""
    killer = client.submit(leave, 3, pure=False, fifo_timeout="0 ms")
    waiting = [client.submit(abs, -number, pure=False, fifo_timeout="0 ms") for number in (1, 2)]
    assert [future.result(timeout=60) for future in waiting] == [1, 2]
    assert killer.status == "error"


@pytest.mark.parametrize(
    ("exit_code", "said"),
    [
        (None, "not known here"),
        (0, "exit code 0"),
        (-9, "SIGKILL"),
        (-11, "code"),
        (-40, "40"),
        (-99, "99"),
    ],
)
def test_every_end_has_words(exit_code: int | None, said: str) -> None:
    """Signals without a meaning of ours, and without a name, too."""
    assert said.split()[-1] in described(exit_code)
