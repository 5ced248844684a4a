"""How much memory and time an import takes, by the largest network that anybody published.

    python -m benchmarks.importing [--preset openai-512]

Random weights of that network are saved as torch does, and the process that reads them is watched
from outside. Its private memory counts; pages of the file that it has mapped do not, since the
system takes them back when it wants.
"""

import argparse
import json
import math
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import torch

from flatdiff.checkpoints.weights_file import network_shapes
from flatdiff.conversion.card_draft import drafts
from flatdiff.conversion.draft import Description
from flatdiff.conversion.foreign_file import foreign_file
from flatdiff.conversion.foreign_weights import open_weights
from flatdiff.conversion.published import NETWORKS, published_flags
from flatdiff.diffusion.flags import AdmFlags
from flatdiff.system.files import PROJECT_ROOT


def private_peak(path: Path, folder: Path, preset: str, flags: str = "") -> int:
    """Bytes of anonymous memory that the converter holds at most; nothing is diagnosed."""
    said = Description(id="x/y", preset=preset, flags=flags, dataset="folder:/nowhere")
    (draft,) = drafts(foreign_file(path.name, open_weights(path).header), said)
    task = {"path": str(path), "drafts": {str(folder): draft.to_json()}}
    with subprocess.Popen(
        [sys.executable, "-m", "flatdiff.conversion.convert"],
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


def save_random(path: Path, flags: AdmFlags, dtype: torch.dtype = torch.float32) -> int:
    """Weights that nobody has trained; returns how many numbers the largest tensor has."""
    shapes = network_shapes(flags)
    torch.save({name: torch.rand(shape).to(dtype) for name, shape in shapes.items()}, path)
    return max(math.prod(shape) for shape in shapes.values())


def main() -> None:
    """Prints one line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--preset", default="openai-512", choices=list(NETWORKS))
    preset = parser.parse_args().preset
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        largest = save_random(folder / "large.pt", published_flags(preset))
        size = (folder / "large.pt").stat().st_size
        started = time.perf_counter()
        peak = private_peak(folder / "large.pt", folder / "out", preset)
        seconds = time.perf_counter() - started
    print(
        f"{preset}: a file of {size / 1e6:,.0f} MB, read, checked and written in {seconds:.0f} s "
        f"with {peak / 1e6:,.0f} MB of private memory; its largest tensor has "
        f"{4 * largest / 1e6:,.0f} MB"
    )


if __name__ == "__main__":
    main()
