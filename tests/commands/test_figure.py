"""`figure` at the command line: the page's own file, and what it refuses before it computes."""

from pathlib import Path

import pytest

from tests.conftest import write_tiny_checkpoint
from tests.tiny import typed

LPF = (
    *("figure", "lpf", "--checkpoint", "tiny/adm"),
    *("--num-perturbations", "4", "--panel-size", "4"),
)


@pytest.fixture(autouse=True)
def _tiny(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_tiny_checkpoint(tmp_path / "checkpoints", "adm", 0)
    monkeypatch.setenv("FLATDIFF_CHECKPOINTS", str(tmp_path / "checkpoints"))
    monkeypatch.setenv("FLATDIFF_WORKERS", "1")


def test_a_figure_is_written_and_made_again(tmp_path: Path) -> None:
    first, second = tmp_path / "a.pdf", tmp_path / "b.pdf"
    for out in (first, second):
        done = typed(*LPF, "--width-mm", "174", "--out", str(out))
        assert done.returncode == 0, done.stderr
    assert first.read_bytes().startswith(b"%PDF")
    assert first.read_bytes() == second.read_bytes()


def test_what_cannot_be_is_refused_before_anything_is_computed(tmp_path: Path) -> None:
    done = typed(*LPF, "--out", str(tmp_path / "a.html"))
    assert "a file ending in .pdf, .svg, .png, .gif" in done.stderr
    done = typed(*LPF, "--width-mm", "3", "--out", str(tmp_path / "a.pdf"))
    assert "from 20 to 500" in done.stderr
    assert not list(tmp_path.glob("a.*"))
