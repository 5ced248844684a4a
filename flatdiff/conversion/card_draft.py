"""A draft is a checkpoint of a foreign file, as far as names, shapes and a person describe it.

Every set of weights of the file's network becomes one, or those of the kind that was asked for.
"""

import dataclasses
from collections import Counter
from collections.abc import Mapping, Sequence

from flatdiff.checkpoints.averages import method_name
from flatdiff.checkpoints.card import UNREADABLE, Card
from flatdiff.checkpoints.collection import family_and_name
from flatdiff.checkpoints.header import Header, shortened
from flatdiff.checkpoints.pasted_command import PastedCommand, read_command
from flatdiff.conversion.draft import (
    Description,
    Draft,
    blank_card,
    known_draft,
    known_image_shape,
    require_dataset,
    require_dataset_fits,
)
from flatdiff.conversion.foreign_file import ForeignFile, WeightSet
from flatdiff.conversion.inferred_flags import Architecture, Claims, resolve
from flatdiff.conversion.origin import images_told, origin_of
from flatdiff.conversion.other_models import require_denoiser, require_no_stranger
from flatdiff.conversion.published import GUIDED, NETWORKS
from flatdiff.diffusion.any_flags import Flags
from flatdiff.diffusion.flags import AdmFlags
from flatdiff.diffusion.own_flags import OwnFlags
from flatdiff.errors import CheckpointError, FlatdiffError, SettingsError
from flatdiff.images.datasets import is_folder
from flatdiff.system.foreign_json import as_sentence, read_foreign_json

CARD_KEY = "flatdiff_card"  # of the metadata of a portable file


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
        return Card.from_json(read_foreign_json(text))
    except UNREADABLE as error:
        why = as_sentence(str(error))
        raise CheckpointError(f"the card inside the file cannot be read: {why}") from None


def drafts(file: ForeignFile, said: Description) -> tuple[Draft, ...]:
    """Every checkpoint that is to be made of a file.

    Raises:
        CheckpointError: it holds no ADM network, or no such weights, or the card inside cannot be
            read.
        SettingsError: a flag is missing, unknown, out of range or another than the tensors say, or
            the dataset does not fit.
    """
    inside, pasted = card_inside(file.header), read_command(said.flags)
    if inside and not isinstance(inside.flags, AdmFlags):
        return (_brought(inside, inside.flags, file, said),)
    said = dataclasses.replace(said, method=pasted.method_beside(said.method))
    taken = _taken(file, said)
    dataset = _dataset(said, inside)
    flags = _flags(taken[0].header, said, inside, dataset, pasted)
    require_dataset(dataset)
    require_dataset_fits(dataset, flags)
    if inside and len(taken) == 1 and said.weights is None:
        said = dataclasses.replace(said, weights=inside.weights)
    shared = dataclasses.replace(
        inside or blank_card(flags, file.step),
        origin=images_told(dataset, flags) | pasted.told(),
        dataset=dataset,
        flags=flags,
        num_parameters=sum(entry.size for entry in taken[0].header.tensors.values()),
    )
    ids = checkpoint_ids(said.id, taken)
    return tuple(Draft(_card(shared, found, said, file, ids), found.names) for found in taken)


def _brought(inside: Card, flags: Flags, file: ForeignFile, said: Description) -> Draft:
    """Of a portable file whose card tells all of another network than ADM."""
    if isinstance(flags, OwnFlags):
        raise CheckpointError(
            f"the card inside is of a network of somebody's own code, which no file brings along; "
            f"where that is installed: flatdiff import --network {shortened(flags.network)}"
        )
    said = dataclasses.replace(
        said,
        dataset=_dataset(said, inside),
        weights=said.weights or inside.weights,
        step=inside.step if said.step is None else said.step,
    )
    names = {own: own for own in file.header.tensors}
    draft = known_draft(flags, file.name, "by the card inside", file.header, names, said)
    method = draft.card.method if said.method else inside.method
    return dataclasses.replace(draft, card=dataclasses.replace(draft.card, method=method))


def checkpoint_ids(checkpoint_id: str, sets: Sequence[WeightSet]) -> dict[str, str]:
    """What the checkpoints of a file are called, by the prefix of their set.

    Raw weights, and one set alone, have the name that a person said. Averages have it with their
    kind, and with their decay where several are of that kind; equals are numbered.
    """
    if len(sets) == 1:
        return {sets[0].prefix: checkpoint_id}
    kinds = Counter(found.kind for found in sets)
    names: Counter[str] = Counter()
    ids: dict[str, str] = {}
    for found in sets:
        decay = found.decay if kinds[found.kind] > 1 else None
        words = (checkpoint_id, found.kind, decay)
        name = "-".join(str(word) for word in words if word is not None)
        names[name] += 1
        ids[found.prefix] = name if names[name] == 1 else f"{name}-{names[name]}"
    return ids


def fitting_presets(header: Header) -> list[str]:
    """Names of the presets that a set's tensors do not contradict, those trained here first."""
    architecture = Architecture(header.shapes)
    return [name for name in NETWORKS if _fits(architecture, name)]


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


def _taken(file: ForeignFile, said: Description) -> tuple[WeightSet, ...]:
    try:
        require_no_stranger(file.header)
        taken = file.taken(said.weights)
        require_denoiser(taken[0].header)
    except CheckpointError as error:
        raise CheckpointError(f"the file is not taken: {error}") from None
    return taken


def _card(
    shared: Card, found: WeightSet, said: Description, file: ForeignFile, ids: Mapping[str, str]
) -> Card:
    """The card of one set, made of what those of all sets share."""
    family, name = family_and_name(ids[found.prefix])
    weights = said.weights or found.likely_kind
    method = shared.method
    if said.method or not method:
        method = method_name(said.method or "adm", weights)
    decay = found.decay if weights == found.kind else None
    return dataclasses.replace(
        shared,
        family=family,
        name=name,
        method=method,
        weights=weights,
        step=shared.step if said.step is None else said.step,
        origin=origin_of(file, found, ids, decay) | shared.origin,
    )


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


def _flags(
    header: Header,
    said: Description,
    inside: Card | None,
    dataset: str,
    pasted: PastedCommand,
) -> AdmFlags:
    """From the tensors, and from everybody who says something of them."""
    claims, defaults = [], GUIDED
    if (shape := known_image_shape(dataset)) is not None:
        claims = [Claims(f"the dataset {dataset}", {"image_size": shape[-1]})]
    if said.preset is not None:
        preset = NETWORKS[said.preset]
        defaults = preset.defaults
        claims.append(Claims(f"preset {said.preset}", preset.claims))
    elif inside is not None:
        own = {k: v for k, v in inside.flags.to_json().items() if k != "num_classes"}
        claims.append(Claims("the card inside", own))
    claims.append(Claims("your flags", pasted.flags))
    if not any("image_size" in claim.flags for claim in claims):
        fitting = ", ".join(fitting_presets(header)) or "none fits the tensors"
        raise SettingsError(
            'image_size leaves no trace in the weights: give --flags "--image_size 32", or a '
            f"preset ({fitting})"
        )
    return resolve(Architecture(header.shapes), claims, defaults)
