"""Whether the owner of a job lives: processes that run, end, linger, and clocks that jump."""

import os
import subprocess
import sys
import time

import psutil
import pytest

from flatdiff.system.locks import is_alive, this_process

NAME = "from flatdiff.system.locks import *; print(this_process(), flush=True); input()"


def test_this_process_lives() -> None:
    """By its own process id, and under one name however often it asks."""
    assert this_process().startswith(f"{os.getpid()}@")
    assert this_process() == this_process()
    assert is_alive(this_process())


@pytest.mark.parametrize("owner", ["", "x", "1", "@", "-5@1.00", "999999999@1.00", "7@7@7"])
def test_what_names_no_process_is_dead(owner: str) -> None:
    """From a store that somebody edited."""
    assert not is_alive(owner)


def test_reused_process_id_is_another_process() -> None:
    """Same number, started at another time: a job must not wait for a stranger."""
    pid, _, started = this_process().partition("@")
    assert not is_alive(f"{pid}@{float(started) - 1:.2f}")


def test_killed_process_is_dead_even_before_it_is_reaped() -> None:
    """A zombie keeps its number and its start; the operating system says which it is."""
    with subprocess.Popen(
        [sys.executable, "-c", NAME], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as child:
        assert child.stdout is not None
        owner = child.stdout.readline().strip()
        assert owner.startswith(f"{child.pid}@")
        assert is_alive(owner)
        child.kill()
        deadline = time.monotonic() + 10
        while psutil.Process(child.pid).status() != psutil.STATUS_ZOMBIE:
            assert time.monotonic() < deadline
            time.sleep(0.01)
        assert not is_alive(owner)
    assert not is_alive(owner)


@pytest.mark.skipif(not psutil.LINUX, reason="other systems keep start times through clock jumps")
def test_clock_jump_kills_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    """Setting the clock moves Linux's boot time, from which psutil counts; nobody died of it."""
    owner, boot = this_process(), psutil.boot_time()
    monkeypatch.setattr("psutil._psplatform.boot_time", lambda: boot + 3600.0)
    assert psutil.Process().create_time() > time.time() + 1000
    assert is_alive(owner)
    assert this_process() == owner
