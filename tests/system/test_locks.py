"""Locks: taken once, seen by others, given back however their holder ends."""

import errno
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

if sys.platform != "win32":
    import fcntl

from flatdiff.errors import FlatdiffError
from flatdiff.system.locks import _is_refused, is_alive, is_held, owner, take, this_process

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="flock is POSIX")

HOLDER = """
import sys, time
from pathlib import Path
from flatdiff.system.locks import take
lock = take(Path(sys.argv[1]))
print("held", flush=True)
time.sleep(600)
"""


def test_lock_is_had_once_and_again_after(tmp_path: Path) -> None:
    """Within one process, too: two pages of one server are two holders."""
    path = tmp_path / "new" / "lock"
    assert not is_held(path)
    lock = take(path)
    assert lock is not None
    with lock:
        assert is_held(path)
        assert take(path) is None
        assert owner(path) == this_process()
    assert not is_held(path)
    again = take(path)
    assert again is not None
    again.close()


def test_killed_holder_lets_go(tmp_path: Path) -> None:
    """By the signal that no program can answer."""
    path = tmp_path / "lock"
    with subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(path)], stdout=subprocess.PIPE, text=True
    ) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == "held\n"
        assert is_held(path)
        assert take(path) is None
        assert is_alive(owner(path))
        assert owner(path).startswith(f"{child.pid}@")
        os.kill(child.pid, signal.SIGKILL)
    deadline = time.monotonic() + 5
    while is_held(path):
        assert time.monotonic() < deadline
    assert not is_alive(owner(path))


def test_looking_never_keeps_anybody_from_taking(tmp_path: Path) -> None:
    """Somebody looks without end; each of a hundred takings succeeds."""
    path = tmp_path / "lock"
    program = "import sys; from pathlib import Path; from flatdiff.system.locks import is_held\n"
    program += "path = Path(sys.argv[1]); print(flush=True)\nwhile True: is_held(path)"
    with subprocess.Popen(
        [sys.executable, "-c", program, str(path)], stdout=subprocess.PIPE
    ) as child:
        assert child.stdout is not None
        child.stdout.readline()
        try:
            for _ in range(100):
                lock = take(path)
                assert lock is not None
                lock.close()
        finally:
            child.kill()


def test_folder_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    """A file stands where the folder should be."""
    (tmp_path / "taken").write_text("")
    with pytest.raises(FlatdiffError, match="cannot write"):
        take(tmp_path / "taken" / "lock")
    assert owner(tmp_path / "absent") == ""


def test_lock_on_a_file_that_was_deleted_meanwhile_is_seen_by_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who waited for it would otherwise hold what nobody else can see."""
    path = tmp_path / "lock"
    held = take(path)
    assert held is not None

    def let_go(_seconds: float) -> None:
        path.unlink(missing_ok=True)
        held.close()

    monkeypatch.setattr(time, "sleep", let_go)
    lock = take(path)
    monkeypatch.undo()
    assert lock is not None
    assert is_held(path)
    assert take(path) is None
    lock.close()


def test_looking_without_shared_locks(tmp_path: Path) -> None:
    """As on Windows: by asking for the lock itself, and giving it back."""
    path = tmp_path / "lock"
    lock = take(path)
    assert lock is not None
    assert _is_refused(path)
    lock.close()
    assert not _is_refused(path)
    assert not is_held(path)


def test_file_system_without_locks_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As some network file systems answer."""

    def no_locks(_handle: int, _how: int) -> None:
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    monkeypatch.setattr(fcntl, "flock", no_locks)
    with pytest.raises(FlatdiffError, match="use a folder on a disk of this machine"):
        take(tmp_path / "lock")
    assert not is_held(tmp_path / "lock")
