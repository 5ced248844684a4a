"""Ctrl-C ends `flatdiff measure` whatever it waits for, and leaves no process behind."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest

from tests.machines import until
from tests.tiny import TESTS, typed

WORDS = [
    "measure",
    "surface",
    "--checkpoint",
    "tiny/adm",
    "--resolution",
    "151",
    "--out",
    "o.json",
]


@contextmanager
def measure(folder: Path, root: Path, **environment: str) -> Iterator["subprocess.Popen[str]"]:
    """Long enough to be interrupted; its store and what it says are in a folder."""
    with subprocess.Popen(
        [sys.executable, "-m", "flatdiff", *WORDS, "--out", "o.json"],
        cwd=folder,
        # What runs behind a shell has been told to ignore it, and so would its children.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
        env={
            **os.environ,
            "PYTHONPATH": str(TESTS.parent),
            "FLATDIFF_HOME": str(folder / "home"),
            "FLATDIFF_CHECKPOINTS": str(root),
            "FLATDIFF_WORKERS": "1",
            **environment,
        },
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            yield process
        finally:
            process.kill()  # where a test has failed


def interrupted(process: "subprocess.Popen[str]") -> tuple[float, int, str]:
    """Seconds until it ended, its exit code, and what it said."""
    began = time.monotonic()
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=60)
    return time.monotonic() - began, process.returncode, said


@pytest.mark.parametrize("stage", ["asked", "started", "computing"])
def test_ctrl_c_ends_it(stage: str, tmp_path: Path, tiny_root: Path) -> None:
    """Before the workers are there, while they come up, and while they compute."""
    with measure(tmp_path, tiny_root) as process:
        parent = psutil.Process(process.pid)
        scratch = tmp_path / "home" / "workers"
        until(lambda: (tmp_path / "home" / "results.sqlite").exists(), "a store")
        if stage != "asked":
            until(scratch.exists, "the first process")
        if stage == "computing":
            until(lambda: len(parent.children(recursive=True)) >= 4, "a worker")
            time.sleep(3)
        family = parent.children(recursive=True)
        seconds, code, said = interrupted(process)
    assert code == 130, said
    assert said.strip() == "stopped"
    assert seconds < 30  # it took for ever
    _, alive = psutil.wait_procs(family, timeout=10)
    assert not alive


def test_ctrl_c_ends_the_wait_for_a_scheduler(tmp_path: Path, tiny_root: Path) -> None:
    """It takes the connection and says nothing, which Dask waits for."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        address = f"tcp://127.0.0.1:{silent.getsockname()[1]}"
        silent.settimeout(60)
        with (
            measure(tmp_path, tiny_root, FLATDIFF_SCHEDULER=address) as process,
            silent.accept()[0],
        ):
            seconds, code, said = interrupted(process)
    assert (code, said.strip()) == (130, "stopped")
    assert seconds < 30  # it took for ever


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("FLATDIFF_SCHEDULER", "garbage", "error: FLATDIFF_SCHEDULER must be tcp://host:port"),
        ("FLATDIFF_SCHEDULER", "tls://127.0.0.1:9", "error: FLATDIFF_SCHEDULER is tls://"),
        ("FLATDIFF_WORKERS", "abc", "error: FLATDIFF_WORKERS must be a number"),
    ],
)
def test_a_setting_that_is_none_is_one_sentence(
    name: str,
    value: str,
    said: str,
    tmp_path: Path,
    tiny_root: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Nothing is started for it; the job ran for ever before, or a traceback came."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("FLATDIFF_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("FLATDIFF_CHECKPOINTS", str(tiny_root))
    monkeypatch.setenv(name, value)
    done = typed(*WORDS)
    assert done.returncode == 1
    assert done.stderr.startswith(said)
    assert len(done.stderr.strip().splitlines()) == 1
