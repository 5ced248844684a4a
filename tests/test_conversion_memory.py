"""How much memory an import takes: watched from outside, while the real child works."""

import json
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch

from flatdiff.converter import WEIGHTS_FILE
from flatdiff.drafts import Description, draft
from flatdiff.files import PROJECT_ROOT
from flatdiff.flags import AdmFlags
from flatdiff.foreign import open_weights
from flatdiff.recipe import PRESETS
from flatdiff.unet import AdmUNet
from tests.tiny import TINY

MEGABYTE = 1 << 20


def private_peak(path: Path, folder: Path, preset: str, flags: str = "") -> int:
    """Bytes of anonymous memory that the converter holds at most; nothing is diagnosed."""
    folder.mkdir()
    said = Description(id="x/y", preset=preset, flags=flags, dataset="folder:/nowhere")
    card = draft(open_weights(path).header, said).card
    task = {"path": str(path), "folder": str(folder), "card": card.to_json(), "prefix": ""}
    with subprocess.Popen(
        [sys.executable, "-m", "flatdiff.converter"],
        cwd=PROJECT_ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as child:
        assert child.stdin
        child.stdin.write(json.dumps(task).encode())
        child.stdin.close()
        status, peak = Path(f"/proc/{child.pid}/status"), 0
        while child.poll() is None:
            lines = dict(line.split(":", 1) for line in status.read_text().splitlines())
            peak = max(peak, int(lines.get("RssAnon", "0 kB").split()[0]) * 1024)
            time.sleep(0.002)
    assert child.returncode == 0
    return peak


def saved(path: Path, flags: AdmFlags, dtype: torch.dtype) -> Path:
    """Weights that nobody has trained."""
    state = AdmUNet(flags).state_dict()
    torch.save({name: value.to(dtype) for name, value in state.items()}, path)
    return path


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/status").is_file(), reason="memory is told by Linux")
@pytest.mark.parametrize("dtype", [torch.float32, torch.float16])
def test_a_large_file_takes_no_memory_of_its_size(dtype: torch.dtype, tmp_path: Path) -> None:
    """228 MB written: a fifth of that above what a file of 0.2 MB takes, which is the program."""
    small = saved(tmp_path / "s.pt", TINY, dtype)
    large = saved(tmp_path / "l.pt", PRESETS["cifar10"].flags, dtype)
    flags = "--channel_mult 1 --attention_resolutions 9"
    program = private_peak(small, tmp_path / "small", "digits", flags)
    whole = private_peak(large, tmp_path / "large", "cifar10")
    written = (tmp_path / "large" / WEIGHTS_FILE).stat().st_size
    assert written > 200 * MEGABYTE
    assert whole - program < written / 5, f"{whole:,} bytes in all, {program:,} of the program"
