"""Giving way to others, and coming back where that would mean never."""

import subprocess
import sys

import pytest

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="SCHED_IDLE is Linux")

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


def test_long_work_is_idle_and_never_fails_to_come_back() -> None:
    """Only the privileged may leave the class; the others go on in it, without an error."""
    first, second = said_by("self")
    assert first == "True idle"
    assert second in (
        "False nice 19, because the machine is busy",
        "True idle, on a busy machine",
    )


def test_without_privileges_it_stays_idle() -> None:
    """Root plays nobody; others are nobody already."""
    try:
        _, second = said_by("nobody")
    except subprocess.CalledProcessError:
        pytest.skip("cannot become another user, or it cannot read this folder")
    assert second == "True idle, on a busy machine"
