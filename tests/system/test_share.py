"""The share of a processor: by hand on a clock of ours, and beside programs that take it."""

import math
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from flatdiff.system import share
from flatdiff.system.share import FORGET_S, LEAST_SHARE, ShareMeter, fair_share, tried


class Clock:
    """Goes when told to."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        """As `time.monotonic`."""
        return self.now


def test_nothing_is_known_at_first() -> None:
    """And no number is made up."""
    assert ShareMeter().share() is None


def test_the_newest_weighs_most() -> None:
    """Two samples a time constant apart: weights 1 / e and 1, by hand."""
    clock = Clock()
    meter = ShareMeter(clock)
    meter.note(1.0)
    clock.now += FORGET_S
    meter.note(0.2)
    weight = 1 / math.e
    assert meter.share() == pytest.approx((weight * 1.0 + 0.2) / (weight + 1))


def test_what_was_is_as_good_as_any_while_nothing_new_is_known() -> None:
    """An item that goes on for minutes tells nothing meanwhile."""
    clock = Clock()
    meter = ShareMeter(clock)
    meter.note(0.5)
    clock.now += 1000 * FORGET_S
    assert meter.share() == pytest.approx(0.5)


def test_bounds() -> None:
    """A clock's grain can show more than all, or nothing; a GPU does not share out processors."""
    meter = ShareMeter()
    meter.note(1.3)
    assert meter.share() == 1
    meter = ShareMeter()
    meter.note(0.0)
    assert meter.share() == pytest.approx(LEAST_SHARE)
    meter.on_gpu = True
    assert meter.share() == 1


def test_waiting_for_something_else_is_no_waiting_for_a_processor(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Asleep, as one that waits for Python's lock: all it wanted it got, by Linux's count."""
    monkeypatch.setattr(share, "SCHEDSTAT", tmp_path / "schedstat")
    share.SCHEDSTAT.write_text("5 100 1")
    stretch = share.Stretch()
    time.sleep(0.05)
    assert stretch.share() == 1
    before = time.thread_time()
    while time.thread_time() - before < 0.02:
        pass
    share.SCHEDSTAT.write_text("5 80000100 1")  # 80 ms, beside 20 ms and a little of work
    assert stretch.share() == pytest.approx(0.2, abs=0.05)


@pytest.mark.parametrize("told", ["", "5", "5 x 1"])
def test_where_nobody_counts_the_waiting_the_wall_decides(
    told: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another system, or a container without these numbers."""
    monkeypatch.setattr(share, "SCHEDSTAT", tmp_path / "schedstat")
    if told:
        share.SCHEDSTAT.write_text(told)
    stretch = share.Stretch()
    time.sleep(0.05)
    assert stretch.share() < 0.3


@pytest.mark.skipif(
    not hasattr(os, "sched_setaffinity"), reason="Linux alone lets us choose a core"
)
def test_busy_programs_take_their_part() -> None:
    """One core for us and two others: about a third, or less where still others want it."""
    allowed = os.sched_getaffinity(0)
    core = {min(allowed)}
    try:
        os.sched_setaffinity(0, core)
        others = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(2)]
        try:
            assert 0 < tried(1.0) < 0.6
        finally:
            for other in others:
                other.kill()
                other.wait()
    finally:
        os.sched_setaffinity(0, allowed)


def test_a_fair_share_of_what_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two cores, by hand: alone all of it, beside six programs a quarter each."""
    monkeypatch.setattr(share, "num_cores", lambda: 2)
    monkeypatch.setattr(share.psutil, "getloadavg", lambda: (0.0, 0.0, 0.0))
    assert fair_share(2) == 1
    monkeypatch.setattr(share.psutil, "getloadavg", lambda: (6.0, 0.0, 0.0))
    assert fair_share(2) == pytest.approx(0.25)
