"""Giving way to others, and coming back where that would mean never."""

import os
import subprocess
import sys
import threading

import pytest

from flatdiff.system import processor

LINUX = pytest.mark.skipif(sys.platform != "linux", reason="SCHED_IDLE is Linux")

PROGRAM = """
import os, sys
os.environ.pop("FLATDIFF_WORKER_PRIORITY", None)
from flatdiff.system.processor import leave_idle_class, priority_name, yield_to_others
if sys.argv[1] == "nobody":
    os.setuid(65534)
yield_to_others()
print(os.sched_getscheduler(0) == os.SCHED_IDLE, priority_name())
leave_idle_class()
print(os.sched_getscheduler(0) == os.SCHED_IDLE, priority_name())
"""


def said_by(user: str) -> list[str]:
    """What a process of its own says."""
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, user], capture_output=True, text=True, check=True
    )
    return done.stdout.splitlines()


@LINUX
def test_long_work_is_idle_and_never_fails_to_come_back() -> None:
    """Only the privileged may leave the class; the others go on in it, without an error."""
    first, second = said_by("self")
    assert first == "True idle"
    assert second in (
        "False nice 19, because the machine is busy",
        "True idle, on a busy machine",
    )


@LINUX
def test_without_privileges_it_stays_idle() -> None:
    """Root plays nobody; others are nobody already."""
    try:
        _, second = said_by("nobody")
    except subprocess.CalledProcessError:
        pytest.skip("cannot become another user, or it cannot read this folder")
    assert second == "True idle, on a busy machine"


@LINUX
@pytest.mark.skipif(not processor.AUTOGROUP.exists(), reason="a kernel without autogroups")
def test_a_session_of_its_own_stands_behind_the_others() -> None:
    """Within one session niceness decides; between sessions only that of the whole group."""
    program = (
        "import os; os.environ.pop('FLATDIFF_WORKER_PRIORITY', None)\n"
        "from flatdiff.system.processor import AUTOGROUP, yield_to_others\n"
        "yield_to_others(); print(AUTOGROUP.read_text())"
    )
    words = [sys.executable, "-c", program]
    alone = subprocess.run(
        words, start_new_session=True, capture_output=True, text=True, check=True
    )
    assert alone.stdout.split()[-2:] == ["nice", "10"]


def test_cores_without_affinity(monkeypatch: pytest.MonkeyPatch) -> None:
    """As on macOS and Windows: all that the machine has."""
    monkeypatch.delattr(os, "sched_getaffinity", raising=False)
    monkeypatch.setattr(os, "cpu_count", lambda: 7)
    assert processor.num_cores() == 7


def test_without_idle_class_and_niceness_work_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    """As on Windows; the thread says so."""
    monkeypatch.delenv("FLATDIFF_WORKER_PRIORITY", raising=False)
    monkeypatch.setattr(processor, "_priority", threading.local())
    for name in ("SCHED_IDLE", "nice", "getsid"):
        monkeypatch.delattr(os, name, raising=False)
    processor.yield_to_others()
    assert processor.priority_name() == "normal"
    processor.leave_idle_class()
