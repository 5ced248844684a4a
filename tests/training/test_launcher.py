"""Runs as processes of their own: they outlive the server, are found, stopped and continued."""

import dataclasses
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest
import torch

from flatdiff.diffusion.devices import pick_device
from flatdiff.errors import FlatdiffError, SettingsError, TrainingError
from flatdiff.system.access import read_only
from flatdiff.system.files import PROJECT_ROOT
from flatdiff.system.locks import owner
from flatdiff.training import launcher
from flatdiff.training.loop import pick_precision
from flatdiff.training.run import Run
from flatdiff.training.run_folder import RunFolder, TrainingRun
from flatdiff.training.run_list import list_runs
from flatdiff.training.run_options import RunOptions
from tests.conftest import write_tiny_checkpoint
from tests.tiny import file_digests, finished
from tests.training.test_run_folder import begun, write

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="signals are POSIX")

TIMEOUT_S = 120
# What a server does for a click, as a program of its own.
SERVER = """
import os, signal, sys
from pathlib import Path
from flatdiff.training import launcher
from flatdiff.errors import FlatdiffError
from flatdiff.training.run_options import RunOptions
root = Path(sys.argv[1])
try:
    launcher.start(root, RunOptions.from_json(sys.argv[2], root / "mine"))
    print("started", flush=True)
except FlatdiffError as error:
    print(error, flush=True)
if sys.argv[3] == "die":
    os.kill(os.getpid(), signal.SIGKILL)
"""


STEPS = 30  # of a run that is stopped and killed on its way


def options_of(root: Path, steps: int = STEPS) -> RunOptions:
    """A run of some seconds."""
    return RunOptions(
        out=root / "mine", steps=steps, batch_size=4, num_threads=1, save_every_steps=5
    )


def server(root: Path, options: RunOptions, end: str) -> "subprocess.Popen[str]":
    """A server that gets a click."""
    return subprocess.Popen(
        [sys.executable, "-c", SERVER, str(root), options.to_json(), end],
        cwd=PROJECT_ROOT,
        stdout=subprocess.PIPE,
        text=True,
    )


def wait_for(root: Path, what: Callable[[TrainingRun], bool]) -> TrainingRun:
    """Look as a page does, until the only run is so far."""
    deadline = time.monotonic() + TIMEOUT_S
    while not (found := list(list_runs(root))) or not what(found[0]):
        assert time.monotonic() < deadline, f"it never came: {found}"
        time.sleep(0.02)
    return found[0]


def at_rest(run: TrainingRun) -> bool:
    return not run.alive


def test_server_killed_run_stopped_continued_killed_continued(tmp_path: Path) -> None:
    """The digests are those of a run in this process that knows nothing of all that."""
    root, options = tmp_path / "root", options_of(tmp_path / "root")
    with server(root, options, "die") as first:
        assert first.communicate()[0] == "started\n"
    run = wait_for(root, lambda run: run.step >= 5)
    assert run.state == "running"
    assert run.options == options
    launcher.stop(run)
    run = wait_for(root, at_rest)
    assert (run.state, run.reason) == ("stopped", "")
    assert 5 <= run.step < STEPS
    assert run.saved_step == run.history.step, "stopping loses no step"

    launcher.resume(run)
    stopped_at = run.step
    run = wait_for(root, lambda run: run.step >= stopped_at + 5)
    os.kill(int(owner(run.folder.lock_file).split("@")[0]), signal.SIGKILL)
    run = wait_for(root, at_rest)
    assert run.state == "failed"
    assert "without a word" in run.reason
    assert run.saved_step == run.step >= stopped_at

    launcher.resume(run)
    run = wait_for(root, at_rest)
    assert run.state == "done", run.reason
    assert run.step == STEPS
    steps = [row.step for row in run.history.rows]
    assert steps == list(range(1, STEPS + 1)), "every step once, in order"
    assert run.checkpoints == ["mine/adm", "mine/adm-ema", "mine/adm-swa"]

    precision = pick_precision(pick_device())
    whole = Run(recipe=options.recipe(precision), out=tmp_path / "whole", device=pick_device())
    assert torch.get_num_threads() == 1
    finished(whole)
    assert file_digests(root / "mine") == file_digests(tmp_path / "whole")


def test_two_servers_start_one_process(tmp_path: Path) -> None:
    """Both get the same click at the same time; the processes are counted by their command."""
    options = options_of(tmp_path, steps=10_000)
    servers = [server(tmp_path, options, "live") for _ in range(2)]
    said = sorted(process.communicate()[0] for process in servers)
    run = wait_for(tmp_path, lambda run: run.alive)
    trained = [
        process
        for process in psutil.process_iter(["cmdline"])
        if str(options.out) in (process.info["cmdline"] or []) and "train" in process.cmdline()
    ]
    assert len(trained) == 1
    assert said[1] == "started\n"
    assert "mine/adm" in said[0]
    with pytest.raises(TrainingError, match="is going on already"):
        launcher.resume(run)
    with pytest.raises(TrainingError, match="is going on already"):
        launcher.delete(run)
    launcher.stop(run)
    assert wait_for(tmp_path, at_rest).state == "stopped"


def test_child_that_cannot_begin_says_why(tmp_path: Path) -> None:
    """A dataset that is not there: the reason is the command line's sentence."""
    absent = tmp_path / "absent"
    options = dataclasses.replace(options_of(tmp_path), dataset=f"folder:{absent}")
    with pytest.raises(TrainingError, match=r"absent is neither a folder nor a zip"):
        launcher.start(tmp_path, options)
    assert not list(tmp_path.rglob("*.safetensors"))


@pytest.mark.parametrize("name", ["", "..", "../x", "a/b", "/etc", "x" * 41, ".hidden", "a\n"])
def test_names_that_are_none(name: str, tmp_path: Path) -> None:
    """Refused before a path is made of them."""
    with pytest.raises(TrainingError, match="cannot be a name"):
        launcher.family_folder(tmp_path, name)


def test_names_that_are_some(tmp_path: Path) -> None:
    """Of any script; a link that leads out of the root is refused."""
    for name in ("mine", "Käse-2.b_c", "模型", "7"):
        assert launcher.family_folder(tmp_path / "root", name) == tmp_path / "root" / name
    (tmp_path / "root").mkdir()
    (tmp_path / "root" / "out").symlink_to(tmp_path)
    with pytest.raises(FlatdiffError, match="is not a name inside"):
        launcher.family_folder(tmp_path / "root", "out")
    assert launcher.free_name(tmp_path) == "mine"
    (tmp_path / "mine").mkdir()
    assert launcher.free_name(tmp_path) == "mine-2"


def test_what_stands_in_the_way_is_named(tmp_path: Path) -> None:
    """Settings, another run, a checkpoint of the name, a family of another network."""
    with pytest.raises(SettingsError, match="steps must be an integer of at least 1; got 0"):
        launcher.refuse_start(tmp_path, options_of(tmp_path, steps=0))
    with pytest.raises(SettingsError, match="sam_rho"):
        launcher.refuse_start(
            tmp_path, dataclasses.replace(options_of(tmp_path), sam_rho=float("nan"))
        )
    begun(tmp_path)
    with pytest.raises(TrainingError, match="mine/adm is a run already"):
        launcher.refuse_start(tmp_path, options_of(tmp_path))
    launcher.refuse_start(tmp_path, dataclasses.replace(options_of(tmp_path), method="ip"))
    write_tiny_checkpoint(tmp_path, "sam-ema", 0)
    tiny = dataclasses.replace(options_of(tmp_path), out=tmp_path / "tiny")
    with pytest.raises(TrainingError, match="tiny/sam-ema is a checkpoint already"):
        launcher.refuse_start(tmp_path, dataclasses.replace(tiny, method="sam"))
    with pytest.raises(TrainingError, match="another network or dataset"):
        launcher.refuse_start(tmp_path, tiny)


def test_no_room_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """On the disk, and on the processor."""
    usage = type("Usage", (), {"free": 7 << 20})()
    with monkeypatch.context() as patch:
        patch.setattr("shutil.disk_usage", lambda _: usage)
        with pytest.raises(TrainingError, match="only 7 MB are free"):
            launcher.start(tmp_path, options_of(tmp_path))
    assert list(tmp_path.iterdir()) == [], "nothing is left of what was refused"
    monkeypatch.setattr(launcher, "MAX_WAITING", -launcher.num_cores())
    with pytest.raises(TrainingError, match="0 runs are going on or waiting already"):
        launcher.refuse_start(tmp_path, options_of(tmp_path))


def test_delete_removes_the_run_and_no_checkpoint(tmp_path: Path) -> None:
    """And the family's folder, where nothing else is in it."""
    root = tmp_path / "root"
    write(begun(root), "stopped")
    write(begun(root, "tiny"), "stopped")
    card = write_tiny_checkpoint(root, "adm", 0)
    for run in list(list_runs(root)):
        launcher.delete(run)
    assert list(list_runs(root)) == []
    assert [path.name for path in root.iterdir()] == ["tiny"]
    assert [path.name for path in (root / "tiny").iterdir()] == [card.name]


def test_run_of_another_machine_is_not_signalled(tmp_path: Path) -> None:
    """Its lock is held, by a process that is not here."""
    folder = begun(tmp_path)
    with folder.take():
        folder.lock_file.write_text("1@0.00")
        (run,) = list_runs(tmp_path)
        with pytest.raises(TrainingError, match="on another machine"):
            launcher.stop(run)


def test_run_begun_elsewhere_is_left_to_its_command(tmp_path: Path) -> None:
    """There are no options to continue it with."""
    folder = RunFolder.of(tmp_path / "mine", "adm")
    folder.path.mkdir(parents=True)
    folder.state_file.write_bytes(b"")
    (run,) = list_runs(tmp_path)
    with pytest.raises(TrainingError, match="its own command"):
        launcher.resume(run)


def test_command_is_of_the_projects_folder() -> None:
    """As a person types it who stands there."""
    options = RunOptions(out=PROJECT_ROOT / "checkpoints" / "mine")
    assert launcher.shown(options).command().endswith("--out checkpoints/mine")
    assert launcher.shown(RunOptions(out=Path("/x"))).out == Path("/x")


@pytest.mark.parametrize(("value", "told"), [("", False), ("0", False), ("1", True)])
def test_looking_only_is_a_setting(
    value: str, told: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of the environment."""
    monkeypatch.setenv("FLATDIFF_READ_ONLY", value)
    assert read_only() is told
