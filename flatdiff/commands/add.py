"""`add`: a file of weights becomes a checkpoint."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import tyro

from flatdiff.config import BaseMethod, WeightKind
from flatdiff.files import checkpoint_root
from flatdiff.intake import Description, add_file


@dataclass(frozen=True, kw_only=True)
class Options:
    """What the file does not say itself; one from another flatdiff brings its card along."""

    file: tyro.conf.Positional[Path]
    """.safetensors: guided-diffusion's state dict, or a checkpoint that a gallery gave away."""
    name: str
    """<family>/<name>, by which it is called from now on."""
    network: Literal["digits", "cifar10", "guided-diffusion"] | None = None
    """Whose flags to begin with."""
    flags: str = ""
    """Flags that differ, in guided-diffusion's spelling: "--image_size 32 --learn_sigma True"."""
    dataset: str | None = None
    """That it was trained on: digits, cifar10 or folder:<path>."""
    method: BaseMethod | None = None
    """How it was trained: adm (plain), ip (input perturbation) or sam."""
    weights: WeightKind | None = None
    """Raw ones, or averaged over training: ema or swa."""
    step: int | None = None
    """Of training."""


def add(options: Annotated[Options, tyro.conf.arg(name="")]) -> int:
    """Add a file of weights to the checkpoints, as float32 and with its own card."""
    said = Description(
        id=options.name,
        **{name: getattr(options, name) for name in ("network", "flags", "dataset", "method")},
        weights=options.weights,
        step=options.step,
    )
    card = add_file(checkpoint_root(), options.file, said)
    print(f"added: {card.id}, {card.num_parameters:,} weights, {card.origin['types']}")
    if card.num_non_finite:
        print(f"{card.num_non_finite:,} of them are NaN or infinite: no loss will be finite")
    return 0
