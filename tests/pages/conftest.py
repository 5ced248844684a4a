"""What the tests of the Train page share: a folder of checkpoints, and a launcher that notes."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from flatdiff.engine import engine as engine_module
from flatdiff.engine.engine import Engine
from flatdiff.engine.store import Store
from flatdiff.training import launcher
from flatdiff.training.run_options import RunOptions


@pytest.fixture
def root(store: Store, tmp_path: Path) -> Iterator[Path]:
    """An empty folder of checkpoints and an engine that never starts."""
    made = Engine(store=store, root=tmp_path / "root", adopt=True)
    made.root.mkdir()
    engine_module._engines[os.getpid()] = made
    yield made.root
    del engine_module._engines[os.getpid()]


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[RunOptions]:
    """What the page asks the launcher to start."""
    asked: list[RunOptions] = []
    monkeypatch.setattr(launcher, "start", lambda _root, options: asked.append(options))
    return asked
