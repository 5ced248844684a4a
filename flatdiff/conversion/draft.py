"""A draft is a checkpoint that is to be made of a file, as far as it is known without the numbers.

`card_draft` finds out what a file's tensors say of their network; here is what is known anyway.
"""

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from flatdiff.checkpoints.averages import RAW, WEIGHT_KINDS, WeightKind, method_name
from flatdiff.checkpoints.card import Card
from flatdiff.checkpoints.collection import family_and_name
from flatdiff.checkpoints.header import Header
from flatdiff.checkpoints.recipe import BaseMethod
from flatdiff.conversion.origin import images_told
from flatdiff.conversion.published import NETWORKS
from flatdiff.diffusion.any_flags import Flags
from flatdiff.errors import SettingsError
from flatdiff.images.datasets import DATASETS
from flatdiff.settings import require, require_one_of
from flatdiff.system.foreign_json import as_text


@dataclass(frozen=True, kw_only=True)
class Description:
    """What a person says of a file; None leaves it to the card inside, or to the default."""

    id: str  # <family>/<name>; where several sets are taken, averages get an ending
    preset: str | None = None  # a key of NETWORKS
    flags: str = ""  # that it leaves open, in guided-diffusion's spelling
    dataset: str | None = None  # default: the preset's
    method: BaseMethod | None = None  # default: adm
    weights: WeightKind | None = None  # only such sets; default: all, each as it is named
    step: int | None = None  # default: as the file's name or content says, else 0, unknown

    def __post_init__(self) -> None:
        family_and_name(self.id)
        if self.weights is not None:
            require_one_of("weights", self.weights, WEIGHT_KINDS)
        if self.preset is not None:
            require_one_of("preset", self.preset, tuple(NETWORKS))


@dataclass(frozen=True)
class Draft:
    """A checkpoint that is to be made of one set of a file's weights."""

    card: Card  # without what only the numbers tell, such as their digest
    names: Mapping[str, str]  # what the file calls each tensor, by the network's own name

    def to_json(self) -> dict[str, Any]:
        """Plain data, to be sent from one process to another."""
        return {"card": self.card.to_json(), "names": dict(self.names)}

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> "Draft":
        """Back from there."""
        return cls(Card.from_json(values["card"]), values["names"])


def known_draft(
    flags: Flags,
    file: str,
    packaging: str,
    header: Header,
    names: Mapping[str, str],
    said: Description,
) -> Draft:
    """The checkpoint of a network whose flags nobody has to guess.

    Args:
        flags: of the network.
        file: the name of the file or folder.
        packaging: what it is, in a line.
        header: of everything in the file.
        names: what the file calls each tensor, by the network's own name.
        said: by a person.

    Raises:
        SettingsError: the dataset is not said or does not fit, or flags are said.
    """
    unsaid = not said.flags and said.preset is None
    require(unsaid, "flags and preset", "left out: this network's are known", said.flags)
    dataset = said.dataset or ""
    require_dataset(dataset)
    require_dataset_fits(dataset, flags)
    family, name = family_and_name(said.id)
    weights = said.weights or RAW
    card = dataclasses.replace(
        blank_card(flags, header.step if said.step is None else said.step),
        family=family,
        name=name,
        method=method_name(said.method or "adm", weights),
        weights=weights,
        dataset=dataset,
        num_parameters=sum(header.tensors[packed].size for packed in names.values()),
        origin={"file": as_text(file), "packaging": packaging} | images_told(dataset, flags),
    )
    return Draft(card, names)


def require_dataset(dataset: str) -> None:
    """Raise where nothing says which images a network was trained on.

    Raises:
        SettingsError: "".
    """
    if not dataset:
        raise SettingsError(
            "dataset must be given for this network, as nothing else says what it was trained on: "
            f"--dataset {', '.join(DATASETS)}, or the path of a folder, zip or npz of images"
        )


def blank_card(flags: Flags, step: int) -> Card:
    """The card of weights that nobody has told anything about, but perhaps the file's name."""
    return Card(
        family="",
        name="",
        method="",
        weights="raw",
        dataset="",
        split="train",
        flags=flags,
        step=step,
        num_parameters=0,
        digest="",
        recipe=None,
    )


def require_dataset_fits(dataset: str, flags: Flags) -> None:
    """Raise `SettingsError` where the size of its images is known, and the network's is not it."""
    if (expected := known_image_shape(dataset)) is not None:
        got = flags.image_shape
        require(got == expected, "(C, H, W) of the network", f"{expected} for {dataset}", got)


def known_image_shape(dataset: str) -> tuple[int, int, int] | None:
    """The (C, H, W) that a dataset asks for; None where any fits, or the dataset is not known."""
    known = DATASETS.get(dataset)
    return known.image_shape if known else None
