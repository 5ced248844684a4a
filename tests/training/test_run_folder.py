"""What a run's folder tells: every state, from files that are made here by hand."""

import os
import shutil
from pathlib import Path

import pytest

from flatdiff.checkpoints.card import read_card
from flatdiff.errors import TrainingError
from flatdiff.training.run import Run, execute
from flatdiff.training.run_folder import MAX_WORDS, RunFolder, TrainingRun, read_run
from flatdiff.training.run_history import HistoryFile
from flatdiff.training.run_list import list_runs
from flatdiff.training.run_options import RunOptions
from tests.conftest import write_tiny_checkpoint
from tests.tiny import CPU, finished, tiny_recipe


def begun(root: Path, name: str = "mine") -> RunFolder:
    """A run of 100 steps that was begun, and nothing more."""
    folder = RunFolder.of(root / name, "adm")
    folder.begin(RunOptions(out=root / name, steps=100), resume=False)
    return folder


def write(folder: RunFolder, ended: str = "", reason: str = "") -> None:
    """Seven steps of history."""
    with HistoryFile(folder.history_file, 100) as history:
        history.began(0)
        for step in range(1, 8):
            history.add(step, 1.0)
        if ended:
            history.ended(ended, reason)  # pyright: ignore[reportArgumentType]


def only(root: Path) -> TrainingRun:
    (run,) = list_runs(root)
    return run


def test_living_run_goes_through_its_states(tmp_path: Path) -> None:
    """The lock is held by this test; the history says how far it is."""
    folder = begun(tmp_path)
    with folder.take():
        assert only(tmp_path).state == "starting"
        with HistoryFile(folder.history_file, 100) as history:
            assert only(tmp_path).state == "starting"
            history.waiting()
            assert only(tmp_path).state == "waiting"
            history.began(0)
            for step in range(1, 8):
                history.add(step, 1.0)
        run = only(tmp_path)
        assert (run.state, run.step, run.steps, run.id) == ("running", 7, 100, "mine/adm")
        assert run.alive
        with pytest.raises(TrainingError, match="being trained by another process"):
            folder.take()


@pytest.mark.parametrize("ended", ["done", "stopped"])
def test_run_at_rest_is_what_it_said_last(ended: str, tmp_path: Path) -> None:
    """Nothing holds the lock."""
    write(begun(tmp_path), ended)
    run = only(tmp_path)
    assert (run.state, run.reason, run.alive) == (ended, "", False)


def test_failed_run_gives_its_reason(tmp_path: Path) -> None:
    """In the words of the program."""
    write(begun(tmp_path), "failed", "the loss became nan at step 8")
    assert (only(tmp_path).state, only(tmp_path).reason) == (
        "failed",
        "the loss became nan at step 8",
    )


@pytest.mark.parametrize(
    ("log", "reason"),
    [
        (None, "without a word"),
        ("", "without a word"),
        ("\n  \n", "without a word"),
        ("Traceback\n  File x\nMemoryError: too much\n\n", "MemoryError: too much"),
        ("\udcff" + "y" * 9999, "y" * MAX_WORDS),
    ],
)
def test_killed_run_gives_its_last_words(log: str | None, reason: str, tmp_path: Path) -> None:
    """It had no time to write how it ended."""
    folder = begun(tmp_path)
    write(folder)
    if log is not None:
        folder.log_file.write_bytes(log.encode("utf-8", "surrogateescape"))
    assert only(tmp_path).state == "failed"
    assert reason in only(tmp_path).reason
    assert len(only(tmp_path).reason) <= MAX_WORDS


def test_words_of_another_sitting_are_not_its_last(tmp_path: Path) -> None:
    """A page's run failed long ago; the one that was killed now wrote no log."""
    folder = begun(tmp_path)
    folder.log_file.write_text("error: the dataset is not there\n")
    os.utime(folder.log_file, (1, 1))
    write(folder)
    assert "without a word" in only(tmp_path).reason


def test_full_disk_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A process that died of it could not say so."""
    write(begun(tmp_path))
    monkeypatch.setattr("shutil.disk_usage", lambda _: type("Usage", (), {"free": 4096})())
    assert "the disk is full" in only(tmp_path).reason


def test_saved_step_and_checkpoints_are_read_without_torch_files(tmp_path: Path) -> None:
    """Of a real run: stopped at 4, then finished."""
    run = Run(recipe=tiny_recipe(), out=tmp_path / "mine", device=CPU, save_every_steps=3)
    list(execute(run, resume=False, stop=lambda: True))
    found = read_run(RunFolder.of(run.out, "adm"))
    assert (found.saved_step, found.step, found.options, found.checkpoints) == (1, 1, None, [])
    assert found.state == "failed"
    finished(run, resume=True)
    found = only(tmp_path)
    assert found.saved_step == 12
    assert found.checkpoints == ["mine/adm", "mine/adm-ema", "mine/adm-swa"]
    assert found.state == "done", "an older program leaves no history, but checkpoints"


@pytest.mark.parametrize("content", [b"", b"\xff" * 20, b"\x08\0\0\0\0\0\0\0[1, 2,3]"])
def test_damaged_files_leave_the_run_on_the_list(content: bytes, tmp_path: Path) -> None:
    """No file in the folder can keep the others from being shown."""
    folder = begun(tmp_path)
    for path in (folder.state_file, folder.options_file, folder.history_file, folder.log_file):
        path.write_bytes(content)
    assert (only(tmp_path).saved_step, only(tmp_path).options) == (None, None)


def test_what_is_no_run_is_not_listed(tmp_path: Path) -> None:
    """An empty folder, a file, and a link to a run elsewhere."""
    folder = begun(tmp_path / "root")
    (tmp_path / "root" / "mine" / "ip.training").mkdir()
    (tmp_path / "root" / "mine" / "x.training").touch()
    elsewhere = begun(tmp_path / "elsewhere", "theirs")
    (tmp_path / "root" / "mine" / "sam.training").symlink_to(elsewhere.path)
    (tmp_path / "root" / "theirs").symlink_to(elsewhere.path.parent)
    assert [run.folder for run in list_runs(tmp_path / "root")] == [folder]


def test_beginning_twice_is_refused_and_changes_nothing(tmp_path: Path) -> None:
    """With a state in the way; to go on, the first options are kept."""
    folder = begun(tmp_path)
    with pytest.raises(TrainingError, match="nothing to resume"):
        folder.begin(RunOptions(out=tmp_path / "mine"), resume=True)
    folder.state_file.write_bytes(b"a state")
    before = folder.options_file.read_bytes()
    with pytest.raises(TrainingError, match="--resume"):
        folder.begin(RunOptions(out=tmp_path / "mine"), resume=False)
    folder.begin(RunOptions(out=tmp_path / "mine", steps=5), resume=True)
    assert folder.options_file.read_bytes() == before


def test_run_that_vanishes_while_somebody_looks_is_no_error(tmp_path: Path) -> None:
    """A page asks why it ended at the moment when another deletes it."""
    folder = begun(tmp_path)
    (run,) = list_runs(tmp_path)
    shutil.rmtree(folder.path)
    assert read_run(run.folder).state == "failed"


def test_a_new_run_writes_over_no_checkpoint(tmp_path: Path) -> None:
    """One that somebody has added would be lost at the run's end."""
    card = write_tiny_checkpoint(tmp_path, "adm-swa", 0)
    folder = RunFolder.of(tmp_path / "tiny", "adm")
    with pytest.raises(TrainingError, match="tiny/adm-swa is a checkpoint already"):
        folder.refuse_start(resume=False)
    RunFolder.of(tmp_path / "tiny", "sam").refuse_start(resume=False)
    assert read_card(tmp_path, card.id) == card
