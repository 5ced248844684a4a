"""What tests of pages share: quick runs, a folder of checkpoints, and a launcher that notes."""

import functools
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from streamlit.components.v2 import manifest_scanner

from flatdiff.engine import engine as engine_module
from flatdiff.engine.engine import Engine
from flatdiff.engine.store import Store
from flatdiff.training import launcher
from flatdiff.training.run_options import RunOptions


@pytest.fixture(autouse=True, scope="session")
def packages_read_once() -> Iterator[None]:
    """AppTest looks for components in every installed package, whenever it runs a page."""
    scan = functools.cache(manifest_scanner.scan_component_manifests)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(manifest_scanner, "scan_component_manifests", scan)
        yield


@pytest.fixture(autouse=True)
def no_engine_is_left() -> Iterator[None]:
    """A page without one of its test's own starts the program's, which adopts others' jobs."""
    yield
    if (left := engine_module._engines.pop(os.getpid(), None)) is not None:
        left.close()


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
