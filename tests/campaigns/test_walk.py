"""What the walk looks for is found where it is; the walk itself takes minutes."""

import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from benchmarks.first_page import SERVER_LOG
from flatdiff.system.locks import take
from tests.campaigns.walk import MEASURING, OTHERS, in_log, left_behind, outlived, processes_of
from tests.pages.test_server import PAGES


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A state directory as a server leaves it that ended well."""
    home = tmp_path / "home"
    home.mkdir()
    (tmp_path / "tmp").mkdir()
    (home / SERVER_LOG).write_text("You can now view your app\n")
    (home / "results.sqlite").write_bytes(b"")
    return home


def test_nothing_is_found_where_nothing_is(home: Path) -> None:
    """A lock that nobody holds is only a file."""
    (home / "prepare.lock").touch()
    assert in_log(home) + left_behind(home) == []


def test_what_is_left_is_found(home: Path) -> None:
    """A traceback, a lock, and temporary files of ours and of others."""
    with (home / SERVER_LOG).open("a") as log:
        log.write("Traceback (most recent call last):\n2026 - x - ERROR - lost\nno errors here\n")
    assert len(in_log(home)) == 2
    (home / ".card.json.x3").touch()
    (home.parent / "tmp" / "worker").mkdir()
    (home.parent / "tmp" / "worker" / "global").touch()
    lock = take(home / "prepare.lock")
    assert lock
    with lock:
        words = " ".join(left_behind(home))
        assert all(name in words for name in (".card.json.x3", "tmp/worker/global", "a lock"))


def test_a_process_is_found_by_its_state_directory(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever its parent is."""
    monkeypatch.setattr("tests.campaigns.walk.GONE_WITHIN_S", 0.2)
    program = [sys.executable, "-c", "input()"]
    with subprocess.Popen(program, stdin=subprocess.PIPE, env={"FLATDIFF_HOME": str(home)}) as one:
        assert processes_of(home) == [psutil.Process(one.pid)]
        assert outlived(processes_of(home)) == [" ".join(program)]
        one.kill()
    assert outlived([]) == []


def test_every_page_is_walked_to() -> None:
    """By number: the first page has no name of its own in a link."""
    assert len(MEASURING) + len(OTHERS) + 1 == len(PAGES)
