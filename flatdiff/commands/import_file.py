"""`import`: a file of weights becomes a checkpoint, or one for each set of weights in it."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, cast

import tyro

from flatdiff.checkpoints.averages import WEIGHT_KINDS, WeightKind
from flatdiff.checkpoints.card import Card
from flatdiff.checkpoints.recipe import BaseMethod
from flatdiff.conversion import importer
from flatdiff.conversion.diagnosis.fit import is_warning
from flatdiff.conversion.draft import Description
from flatdiff.conversion.own_weights import OwnWeights
from flatdiff.diffusion.own_network import own_flags
from flatdiff.images.datasets import known_names
from flatdiff.images.listing import images_missing
from flatdiff.images.named import dataset_name
from flatdiff.system.files import checkpoint_root

# What `--weights` may be, for the help and the parser; a union is a type to tyro alone.
KINDS = cast("type", tyro.extras.literal_type_from_choices(WEIGHT_KINDS) | None)


@dataclass(frozen=True, kw_only=True)
class ImportOptions:
    """What the file does not say itself; one from another flatdiff brings its card along."""

    file: tyro.conf.Positional[Path]
    """Weights of guided-diffusion or its relatives: .pt, .pth, .bin or .safetensors."""
    name: str
    """<family>/<name>, by which it is called from now on; averages beside raw weights get their
    kind behind it, as in <family>/<name>-ema."""
    preset: str | None = None
    """Whose flags to begin with: cifar10, lsun_tower, ffhq64, openai-64, improved-cifar10, ..."""
    flags: str = ""
    """What it leaves open, in guided-diffusion's spelling: "--image_size 32 --num_heads 4"."""
    dataset: Annotated[
        str | None, tyro.conf.arg(help=f"That it was trained on: one of {known_names()}.")
    ] = None
    method: BaseMethod | None = None
    """How it was trained: adm (plain), ip (input perturbation) or sam."""
    weights: Annotated[WeightKind | None, tyro.conf.arg(constructor=KINDS)] = None
    """Raw ones, or averaged over training: ema or swa. Of a file with several sets only those of
    this kind are taken; left out, every set becomes a checkpoint of its own."""
    step: int | None = None
    """Of training."""
    network: str | None = None
    """Of your own code: the name of its entry point; see docs/your-own-network.md."""


def import_file(options: Annotated[ImportOptions, tyro.conf.arg(name="")]) -> int:
    """Take a file of weights into the checkpoints, as float32 and with its own card."""
    said = Description(
        id=options.name,
        dataset=None if options.dataset is None else dataset_name(options.dataset),
        **{name: getattr(options, name) for name in ("preset", "flags", "method")},
        weights=options.weights,
        step=options.step,
    )
    own = own_weights(options.network) if options.network else None
    for card in importer.import_file(checkpoint_root(), options.file, said, own):
        print(f"imported: {card.id}, {card.num_parameters:,} weights, {card.origin['types']}")
        for line in _told(card):
            print(line)
    return 0


def own_weights(network: str) -> OwnWeights:
    """What a file of a network of somebody's own code holds; the code is run.

    Raises:
        SettingsError: it may not be, or fails.
    """
    from flatdiff.checkpoints.weights_file import network_shapes  # it loads torch

    flags = own_flags(network)
    return OwnWeights(flags, network_shapes(flags))


def _told(card: Card) -> Iterator[str]:
    """What its card says of the file and of the diagnosis, a line each."""
    for name in (
        "packaging",
        "beside",
        "classes",
        "images",
        "decay",
        "command",
        "diagnosis",
        "levels",
    ):
        if text := card.origin.get(name):
            yield f"{'warning: ' if is_warning(text) else ''}{text}"
    if "images" not in card.origin and (problem := images_missing(card.dataset)):
        yield f"warning: {problem}; nothing of {card.id} can be measured until they are there"
    if card.num_non_finite:
        yield (
            f"warning: {card.num_non_finite:,} of them are NaN or infinite, as where training "
            "diverged: no loss and no sample will be a number; look for weights of an earlier step"
        )
