"""A panel's digest: equal for equal panels, another one as soon as anything could differ."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from flatdiff import panel as module
from flatdiff.errors import DataError, SettingsError
from flatdiff.panel import Panel, dataset_fingerprint, panel_digest
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
    code = "from flatdiff.panel import *; print(panel_digest(Panel(size=7, seed=3)))"
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=TESTS.parent,
        env={**os.environ, "PYTHONHASHSEED": "7"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == panel_digest(Panel(size=7, seed=3))


def fingerprint(folder: Path) -> str:
    """Of a folder dataset."""
    return dataset_fingerprint(f"folder:{folder}")


def test_fingerprint_of_a_folder_changes_with_its_files(tmp_path: Path) -> None:
    """Added, resized, renamed, touched: five states, five fingerprints; none is remembered."""
    seen = [fingerprint(tmp_path)]
    file = tmp_path / "a.png"
    for content, time in ((b"1", 1), (b"12", 1), (b"12", 2)):
        file.write_bytes(content)
        os.utime(file, ns=(time, time))
        seen.append(fingerprint(tmp_path))
    assert fingerprint(tmp_path) == seen[-1]
    file.rename(tmp_path / "b.png")
    seen.append(fingerprint(tmp_path))
    assert len(set(seen)) == 5


def test_fingerprint_of_a_folder_does_not_depend_on_its_place(tmp_path: Path) -> None:
    """The same files moved elsewhere are the same data."""
    (tmp_path / "old").mkdir()
    (tmp_path / "old" / "a.png").write_bytes(b"1")
    before = fingerprint(tmp_path / "old")
    (tmp_path / "old").rename(tmp_path / "new")
    assert fingerprint(tmp_path / "new") == before


def test_absent_folder_is_refused(tmp_path: Path) -> None:
    """A panel of nothing has no digest."""
    with pytest.raises(DataError, match="absent is not a folder"):
        fingerprint(tmp_path / "absent")
