"""A panel's digest: equal for equal panels, another one as soon as anything could differ."""

import os
import subprocess
import sys

import pytest

from flatdiff.errors import SettingsError
from flatdiff.landscape import panel as module
from flatdiff.landscape.panel import Panel, panel_digest
from tests.tiny import TESTS


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("size", 0),
        ("size", 50_001),
        ("size", 2.5),
        ("size", "8"),
        ("split", "test"),
        ("seed", -1),
    ],
)
def test_out_of_range_is_refused_by_name(name: str, value: object) -> None:
    """The table is written by hand."""
    with pytest.raises(SettingsError, match=f"{name} must be .*got {value!r}"):
        Panel(**{name: value})  # pyright: ignore[reportArgumentType]


def test_every_field_and_the_version_change_the_digest(monkeypatch: pytest.MonkeyPatch) -> None:
    """Six panels, six keys; a shared one would serve a result of other images."""
    panels = [
        Panel(),
        Panel(dataset="cifar10"),
        Panel(split="train"),
        Panel(size=8),
        Panel(seed=1),
    ]
    digests = {panel_digest(panel) for panel in panels}
    monkeypatch.setattr(module, "PANEL_VERSION", module.PANEL_VERSION + 1)
    assert len(digests | {panel_digest(Panel())}) == 6


def test_digest_is_the_same_in_another_process() -> None:
    """Python salts its own hashes by process; a key in a store must not depend on them."""
    code = "from flatdiff.landscape.panel import *; print(panel_digest(Panel(size=7, seed=3)))"
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=TESTS.parent,
        env={**os.environ, "PYTHONHASHSEED": "7"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == panel_digest(Panel(size=7, seed=3))
