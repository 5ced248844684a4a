"""`import`: a file of weights becomes a checkpoint."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro

from flatdiff import intake
from flatdiff.config import BaseMethod, WeightKind
from flatdiff.drafts import Description
from flatdiff.files import checkpoint_root


@dataclass(frozen=True, kw_only=True)
class Options:
    """What the file does not say itself; one from another flatdiff brings its card along."""

    file: tyro.conf.Positional[Path]
    """.pt, .pth, .bin or .safetensors: weights of guided-diffusion, improved-diffusion, DDPM-IP or
    ADM-ES, or a checkpoint that a gallery gave away."""
    name: str
    """<family>/<name>, by which it is called from now on."""
    preset: str | None = None
    """Whose flags to begin with: cifar10, lsun_tower, ffhq64, openai-64, improved-cifar10, ...; a
    wrong one names them all."""
    flags: str = ""
    """What the preset leaves open, in guided-diffusion's spelling: "--num_heads 4". What
    the tensors say (widths, depth, attention, classes) need not be said."""
    dataset: str | None = None
    """That it was trained on: digits, cifar10 or folder:<path>."""
    method: BaseMethod | None = None
    """How it was trained: adm (plain), ip (input perturbation) or sam."""
    weights: WeightKind | None = None
    """Raw ones, or averaged over training: ema or swa; chooses where the file holds several."""
    step: int | None = None
    """Of training."""


def import_file(options: Annotated[Options, tyro.conf.arg(name="")]) -> int:
    """Take a file of weights into the checkpoints, as float32 and with its own card."""
    said = Description(
        id=options.name,
        **{name: getattr(options, name) for name in ("preset", "flags", "dataset", "method")},
        weights=options.weights,
        step=options.step,
    )
    card = intake.import_file(checkpoint_root(), options.file, said)
    print(f"imported: {card.id}, {card.num_parameters:,} weights, {card.origin['types']}")
    for name in ("packaging", "diagnosis"):
        if name in card.origin:
            print(card.origin[name])
    if card.num_non_finite:
        print(f"{card.num_non_finite:,} of them are NaN or infinite: no loss will be finite")
    return 0
