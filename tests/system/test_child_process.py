"""Processes apart: in a session of their own, limited, stopped; and where that is not known."""

import os
import signal
import subprocess
import sys

import pytest

from flatdiff.system.child_process import apart, ask_to_stop, limit_memory


@pytest.mark.skipif(sys.platform == "win32", reason="sessions are of POSIX")
def test_a_child_apart_leads_its_own_session_and_ends_when_asked() -> None:
    """Asked of the system, not of us; a signal is what it dies of."""
    program = "import os, time; print(os.getsid(0) == os.getpid(), flush=True); time.sleep(60)"
    child = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, **apart())
    assert child.stdout is not None
    with child.stdout:
        assert child.stdout.readline() == b"True\n"
    ask_to_stop(child.pid)
    assert child.wait(10) == -signal.SIGTERM


@pytest.mark.skipif(sys.platform != "linux", reason="the limit is of Linux")
def test_what_is_beyond_the_limit_is_a_memory_error() -> None:
    """In a process of its own; half as much is had."""
    program = (
        "from flatdiff.system.child_process import limit_memory\n"
        "print(limit_memory(1 << 28)); len(bytearray(1 << 27))\n"
        "try: bytearray(1 << 29)\n"
        "except MemoryError: print('refused')"
    )
    said = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True)
    assert said.stdout.split() == [b"True", b"refused"]


def test_a_platform_without_the_limit_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    """The name is taken away, as on Windows."""
    monkeypatch.setitem(sys.modules, "resource", None)
    assert not limit_memory(1 << 40)


def test_windows_starts_a_child_apart_in_its_own_words(monkeypatch: pytest.MonkeyPatch) -> None:
    """The two constants are Windows'."""
    monkeypatch.setattr(sys, "platform", "win32")
    monkeypatch.setattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0x200, raising=False)
    monkeypatch.setattr(subprocess, "DETACHED_PROCESS", 0x8, raising=False)
    assert apart() == {"creationflags": 0x208}
    assert os.name  # nothing else of the platform was touched
