"""How much memory an import takes: watched from outside, while the real child works."""

from pathlib import Path

import pytest
import torch

from benchmarks.importing import private_peak, save_random
from flatdiff.checkpoints.card import WEIGHTS_FILE
from flatdiff.checkpoints.recipe import PRESETS
from tests.tiny import TINY

MEGABYTE = 1 << 20


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/status").is_file(), reason="memory is told by Linux")
@pytest.mark.parametrize("dtype", [torch.float32, torch.float16])
def test_a_large_file_takes_no_memory_of_its_size(dtype: torch.dtype, tmp_path: Path) -> None:
    """228 MB written: at most a fifth of that more than a file of 0.2 MB takes, the program."""
    small, large = tmp_path / "s.pt", tmp_path / "l.pt"
    save_random(small, TINY, dtype)
    save_random(large, PRESETS["cifar10"].flags, dtype)
    flags = "--channel_mult 1 --attention_resolutions 9"
    program = private_peak(small, tmp_path / "small", "digits", flags)
    whole = private_peak(large, tmp_path / "large", "cifar10")
    written = (tmp_path / "large" / WEIGHTS_FILE).stat().st_size
    assert written > 200 * MEGABYTE
    assert whole - program < written / 5, f"{whole:,} bytes in all, {program:,} of the program"
