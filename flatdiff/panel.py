"""A panel is the frozen (x_start, t, noise) on which every compared number is measured.

Its recipe is a few integers and a dataset's fingerprint; the tensors are drawn from them by
`subject.py`. Why it must be frozen: the loss is an expectation whose sampling noise, redrawn at
every point, drowns what flatness does to it.
"""

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from flatdiff import config
from flatdiff.config import require, require_seed
from flatdiff.errors import DataError

Split = Literal["train", "held_out"]

PANEL_VERSION = 1  # raised when the same panel would be drawn differently


@dataclass(frozen=True, kw_only=True)
class Panel:
    """Which images, how many, and the seed of their timesteps and noise."""

    dataset: str = "digits"
    split: Split = "held_out"
    size: int = 256  # (x_start, t, noise) triples; images repeat where the split has fewer
    seed: int = 0

    def __post_init__(self) -> None:
        require(
            isinstance(self.size, int) and 1 <= self.size <= 50_000,
            "panel size",
            "an integer in [1, 50000]",
            self.size,
        )
        require(self.split in ("train", "held_out"), "split", "train or held_out", self.split)
        require_seed("panel seed", self.seed)


def panel_digest(panel: Panel) -> str:
    """SHA-256 over the recipe and the dataset's fingerprint: same digest, same tensors."""
    return config.digest(
        {"version": PANEL_VERSION, "panel": panel, "data": dataset_fingerprint(panel.dataset)}
    )


def dataset_fingerprint(dataset: str) -> str:
    """Changes when the images do: a folder's by its names, sizes and times; published sets never.

    Raises:
        DataError: the folder is not there.
    """
    if not dataset.startswith("folder:"):
        return dataset
    root = Path(dataset.removeprefix("folder:"))
    if not root.is_dir():
        raise DataError(f"{root} is not a folder")
    lines = [
        f"{path.relative_to(root).as_posix()} {status.st_size} {status.st_mtime_ns}"
        for path in sorted(root.rglob("*"))
        if (status := path.stat()) and path.is_file()
    ]
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()
