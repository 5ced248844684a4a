"""A panel is the frozen (x_start, t, noise) on which every compared number is measured.

Its recipe is a few integers and a dataset's fingerprint; the tensors are drawn from them by
`subject.py`. Why it must be frozen: the loss is an expectation whose sampling noise, redrawn at
every point, drowns what flatness does to it.
"""

from dataclasses import dataclass, replace
from typing import get_args

from flatdiff.images.datasets import FOLDER, Split, dataset_fingerprint, is_folder
from flatdiff.settings import digest, require, require_one_of, require_seed, require_text

MAX_SIZE = 50_000
PANEL_VERSION = 1  # raised when the same panel would be drawn differently


@dataclass(frozen=True, kw_only=True)
class Panel:
    """Which images, how many, and the seed of their timesteps and noise."""

    dataset: str = "digits"
    split: Split = "held_out"
    size: int = 256  # (x_start, t, noise) triples; images repeat where the split has fewer
    seed: int = 0

    def __post_init__(self) -> None:
        require_text("panel dataset", self.dataset)
        require(
            isinstance(self.size, int) and 1 <= self.size <= MAX_SIZE,
            "panel size",
            f"an integer in [1, {MAX_SIZE}]",
            self.size,
        )
        require_one_of("split", self.split, get_args(Split))
        require_seed("panel seed", self.seed)


def panel_digest(panel: Panel, *, fresh: bool = False) -> str:
    """SHA-256 over the recipe and the dataset's fingerprint: same digest, same tensors.

    Images of a folder are known by their fingerprint alone, wherever it lies.
    """
    data = dataset_fingerprint(panel.dataset, fresh=fresh)
    if is_folder(panel.dataset):
        panel = replace(panel, dataset=FOLDER)
    return digest({"version": PANEL_VERSION, "panel": panel, "data": data})
