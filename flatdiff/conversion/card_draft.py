"""A draft is the card of a foreign file as far as its tensors' names and a person describe it."""

import dataclasses
import json
import re
from dataclasses import dataclass

from flatdiff.checkpoints.averages import WeightKind, method_name
from flatdiff.checkpoints.card import Card
from flatdiff.checkpoints.header import Header, shortened
from flatdiff.checkpoints.recipe import BaseMethod
from flatdiff.conversion.inferred_flags import Architecture, Claims, resolve
from flatdiff.conversion.other_models import require_denoiser, require_no_stranger
from flatdiff.conversion.published import GUIDED, NETWORKS
from flatdiff.conversion.weight_sets import WeightSet, choose, header_of_set, weight_sets
from flatdiff.diffusion.flags import AdmFlags, parse_flags
from flatdiff.errors import CheckpointError, FlatdiffError, SettingsError
from flatdiff.images.datasets import DATASETS, is_folder, known_names
from flatdiff.settings import require

CARD_KEY = "flatdiff_card"  # of the metadata of a portable file
# As guided-diffusion's training calls its files: model200000.pt, ema_0.9999_200000.pt.
FILE_NAME = re.compile(r"(?:(ema)_[\d.]+_|model)(\d{1,12})\.\w+")


@dataclass(frozen=True, kw_only=True)
class Description:
    """What a person says of a file; None leaves it to the card inside, or to the default."""

    id: str  # <family>/<name>
    preset: str | None = None  # a key of NETWORKS
    flags: str = ""  # that it leaves open, in guided-diffusion's spelling
    dataset: str | None = None  # default: the preset's
    method: BaseMethod | None = None  # default: adm
    weights: WeightKind | None = None  # default: as the file's names say, else raw
    step: int | None = None  # default: as the file's name says, else 0, unknown

    def __post_init__(self) -> None:
        known = ", ".join(NETWORKS)
        fits = self.preset is None or self.preset in NETWORKS
        require(fits, "preset", f"one of {known}", self.preset)


@dataclass(frozen=True)
class Draft:
    """A file as far as its tensors' names and a person describe it."""

    card: Card  # without digest, and without a place
    chosen: WeightSet  # of the file's


def card_inside(header: Header) -> Card | None:
    """The card that a portable file brings along.

    Raises:
        CheckpointError: there is one, and it cannot be read.
    """
    if "flatdiff" in header.metadata:
        raise CheckpointError("the file holds rounded weights; import those it was made of")
    text = header.metadata.get(CARD_KEY)
    if text is None:
        return None
    try:
        return Card.from_json(json.loads(text))
    except (ValueError, TypeError, AttributeError, RecursionError) as error:
        raise CheckpointError(f"the card inside the file cannot be read: {error}") from None


def draft(header: Header, said: Description, file_name: str = "") -> Draft:
    """The card as far as names, shapes and person tell it.

    Raises:
        CheckpointError: it is no ADM network, several, or the card inside cannot be read.
        SettingsError: a flag is missing, unknown, out of range or another than the tensors say, or
            the dataset does not fit.
    """
    inside = card_inside(header)
    chosen = _chosen(header, said)
    own = header_of_set(header, chosen)
    dataset = _dataset(said, inside)
    flags = _flags(own, said, inside, dataset)
    require(bool(dataset), "dataset", f"given for this network ({known_names()})", dataset)
    _require_dataset_fits(dataset, flags)
    base = inside or _blank(flags, file_name)
    family, _, name = said.id.partition("/")
    weights = said.weights or chosen.kind or base.weights
    method = base.method
    if said.method or not inside:
        method = method_name(said.method or "adm", weights)
    card = dataclasses.replace(
        base,
        family=family,
        name=name,
        method=method,
        weights=weights,
        dataset=dataset,
        flags=flags,
        step=base.step if said.step is None else said.step,
        num_parameters=sum(entry.size for entry in own.tensors.values()),
    )
    return Draft(card, chosen)


def fitting_presets(header: Header) -> list[str]:
    """Names of the presets that a file's tensors do not contradict, those trained here first."""
    sets = weight_sets(header.tensors)
    architecture = Architecture(header_of_set(header, sets[0]).shapes if sets else {})
    return [name for name in NETWORKS if sets and _fits(architecture, name)]


def _fits(architecture: Architecture, preset: str) -> bool:
    """Classes included, of which a preset that is trained here says nothing."""
    network = NETWORKS[preset]
    has_classes = architecture.num_classes is not None
    if not network.claims or network.claims.get("class_cond", False) != has_classes:
        return False
    try:
        resolve(architecture, [Claims(preset, network.claims)], network.defaults)
    except FlatdiffError:
        return False
    return True


def usual_weights(header: Header, file_name: str) -> WeightKind:
    """What a file's weights most likely are, by their names and its own; raw without a sign."""
    kinds: list[WeightKind] = [found.kind or "raw" for found in weight_sets(header.tensors)]
    hinted, _ = named(file_name)
    return kinds[0] if kinds and hinted not in kinds and kinds != ["raw"] else hinted


def _chosen(header: Header, said: Description) -> WeightSet:
    try:
        require_no_stranger(header)
        chosen = choose(header.tensors, said.weights)
        require_denoiser(header_of_set(header, chosen))
    except CheckpointError as error:
        raise CheckpointError(f"the file is not taken: {error}") from None
    return chosen


def _dataset(said: Description, inside: Card | None) -> str:
    """As said, as the preset's, or as in the card; "" where nobody says it.

    Raises:
        SettingsError: only the card says it, and it is a folder: a stranger would choose what is
            read and shown here.
    """
    preset = NETWORKS[said.preset].dataset if said.preset else ""
    dataset = said.dataset or preset or (inside.dataset if inside else "")
    if is_folder(dataset) and dataset != said.dataset:
        raise SettingsError(
            f"the card inside names a folder as its dataset, {shortened(dataset)}; give --dataset "
            "with it, where it may be read on this machine, or with another one"
        )
    return dataset


def _flags(header: Header, said: Description, inside: Card | None, dataset: str) -> AdmFlags:
    """From the tensors, and from everybody who says something of them."""
    claims, defaults = [], GUIDED
    if (shape := _image_shape(dataset)) is not None:
        claims = [Claims(f"the dataset {dataset}", {"image_size": shape[-1]})]
    if said.preset is not None:
        preset = NETWORKS[said.preset]
        defaults = preset.defaults
        claims.append(Claims(f"preset {said.preset}", preset.claims))
    elif inside is not None:
        own = {k: v for k, v in inside.flags.to_json().items() if k != "num_classes"}
        claims.append(Claims("the card inside", own))
    claims.append(Claims("your flags", parse_flags(said.flags)))
    if not any("image_size" in claim.flags for claim in claims):
        fitting = ", ".join(fitting_presets(header)) or "none fits the tensors"
        raise SettingsError(
            'image_size leaves no trace in the weights: give --flags "--image_size 32", or a '
            f"preset ({fitting})"
        )
    return resolve(Architecture(header.shapes), claims, defaults)


def _blank(flags: AdmFlags, file_name: str) -> Card:
    """Of weights that nobody has told anything about, but perhaps the name of their file."""
    weights, step = named(file_name)
    return Card(
        family="",
        name="",
        method="adm",
        weights=weights,
        dataset="",
        split="train",
        flags=flags,
        step=step,
        num_parameters=0,
        digest="",
        recipe=None,
    )


def named(file_name: str) -> tuple[WeightKind, int]:
    """Weights and step by the name of guided-diffusion's files; raw and 0 where it says nothing.

    >>> named("ema_0.9999_200000.pt"), named("model010000.pt"), named("ADM-IP.pt")
    (('ema', 200000), ('raw', 10000), ('raw', 0))
    """
    match = FILE_NAME.fullmatch(file_name)
    return ("ema" if match and match[1] else "raw"), int(match[2]) if match else 0


def _require_dataset_fits(dataset: str, flags: AdmFlags) -> None:
    """Where the size of its images is known."""
    if (expected := _image_shape(dataset)) is not None:
        got = flags.image_shape
        require(got == expected, "(C, H, W) of the network", f"{expected} for {dataset}", got)


def _image_shape(dataset: str) -> tuple[int, int, int] | None:
    """The (C, H, W) that a dataset asks for; None where any fits, or the dataset is not known."""
    known = DATASETS.get(dataset)
    return known.image_shape if known else None
