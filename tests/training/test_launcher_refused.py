"""What the launcher refuses, and what it leaves behind where something goes wrong: nothing."""

import dataclasses
import sys
from pathlib import Path

import pytest

from flatdiff.errors import FlatdiffError, TrainingError
from flatdiff.training import launcher
from flatdiff.training.run_list import list_runs
from tests.conftest import write_tiny_checkpoint
from tests.training.test_launcher import options_of
from tests.training.test_run_folder import begun, write

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="locks are POSIX")


def test_looking_only_is_not_left_to_the_pages(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A click that was drawn before the setting changes nothing either."""
    write(begun(tmp_path), "stopped")
    (run,) = list_runs(tmp_path)
    before = sorted(tmp_path.rglob("*"))
    monkeypatch.setenv("FLATDIFF_READ_ONLY", "1")
    for change in (launcher.stop, launcher.resume, launcher.delete):
        with pytest.raises(FlatdiffError, match="read-only"):
            change(run)
    with pytest.raises(FlatdiffError, match="read-only"):
        launcher.start(tmp_path, dataclasses.replace(options_of(tmp_path), method="ip"))
    assert sorted(tmp_path.rglob("*")) == before


def test_resuming_asks_for_room_as_starting_does(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else runs that were stopped could all go on at once."""
    write(begun(tmp_path), "stopped")
    (run,) = list_runs(tmp_path)
    monkeypatch.setattr(launcher, "MAX_WAITING", -launcher.num_cores())
    with pytest.raises(TrainingError, match="are going on or waiting already"):
        launcher.resume(run)


def test_run_that_could_not_start_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No list shows such a folder, and its name would be taken for ever."""
    monkeypatch.setattr(sys, "executable", str(tmp_path / "absent"))
    with pytest.raises(TrainingError, match="cannot start a run"):
        launcher.start(tmp_path, options_of(tmp_path))
    assert list(tmp_path.iterdir()) == []


def test_checkpoint_that_cannot_be_read_is_in_the_way_too(tmp_path: Path) -> None:
    """Training would put its own in its place."""
    card = write_tiny_checkpoint(tmp_path, "adm", 0)
    (tmp_path / card.id / "card.json").write_text("{}")
    tiny = dataclasses.replace(options_of(tmp_path), out=tmp_path / "tiny")
    with pytest.raises(TrainingError, match="tiny/adm is a checkpoint already"):
        launcher.refuse_start(tmp_path, tiny)


def test_delete_again_after_a_kill_in_its_middle(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the first left behind is in nobody's way."""
    for _ in range(2):
        write(begun(tmp_path), "stopped")
        (run,) = list_runs(tmp_path)
        with monkeypatch.context() as patch:
            patch.setattr("shutil.rmtree", lambda *_, **__: None)
            launcher.delete(run)
        assert list(list_runs(tmp_path)) == []
