"""What the card of a checkpoint that came as a file says of it, and of the images."""

from collections.abc import Mapping, Sequence

from flatdiff.checkpoints.header import shortened
from flatdiff.conversion.foreign_file import ForeignFile, WeightSet, listed
from flatdiff.diffusion.any_flags import Flags
from flatdiff.errors import DataError
from flatdiff.images.datasets import dataset_of, is_folder
from flatdiff.images.listing import in_short, listing
from flatdiff.system.foreign_json import as_text

# How pickle itself writes objects down; it says nothing of what a trainer kept.
PICKLES_OWN = {
    *("copyreg._reconstructor", "copy_reg._reconstructor", "_codecs.encode"),
    *("builtins.object", "__builtin__.object", "builtins.set", "__builtin__.set"),
    *("builtins.frozenset", "builtins.bytearray", "builtins.complex", "builtins.slice"),
    "collections.defaultdict",
}


def origin_of(
    file: ForeignFile, found: WeightSet, ids: Mapping[str, str], decay: float | None
) -> dict[str, str]:
    """What is said of a file and of one set in it, by what it is about.

    Args:
        file: that was taken in.
        found: one set of its weights.
        ids: of all checkpoints that come of it, by the prefix of their set.
        decay: of the average that it is; None where it is none, or none is said.
    """
    said = {
        "file": as_text(file.name),
        "packaging": _packaging(file, found, ids),
        "beside": _beside(file.header.opaque),
        "decay": f"averaged with decay {decay}" if decay else "",
    }
    return {about: text for about, text in said.items() if text}


def _packaging(file: ForeignFile, found: WeightSet, ids: Mapping[str, str]) -> str:
    """What a set was taken from, and what else the file holds; "" where that is nothing."""
    others = [one for one in file.sets if one.prefix not in ids]
    left = [one.title for one in others if one.is_of_the_network_of(found)]
    strange = [one.title for one in others if not one.is_of_the_network_of(found)]
    said = {
        "taken from ": [shortened(found.prefix.removesuffix("."))] if found.prefix else [],
        "other weights of the file: ": [i for prefix, i in ids.items() if prefix != found.prefix],
        "left in the file: ": list(dict.fromkeys([*left, *file.rest])),
        "no weights of this network: ": [*strange, *(one.title for one in file.moments)],
    }
    return "; ".join(f"{what}{listed(names)}" for what, names in said.items() if names)


def _beside(opaque: Sequence[str]) -> str:
    """What of a pickle was passed over."""
    named = [name for name in opaque if name not in PICKLES_OWN]
    return f"beside the weights, neither made nor run: {listed(named)}" if named else ""


def images_told(dataset: str, flags: Flags) -> dict[str, str]:
    """What is said of a folder's images, and of the classes that a network knows."""
    said, classes = {}, ()
    try:
        known = dataset_of(dataset)
        classes = known.label_names
        if is_folder(dataset):
            found = listing(known.root())
            said, classes = {"images": found.sentence()}, found.classes
    except DataError:  # they may come later; what is measured will say it again
        return {}
    if flags.num_classes is not None:
        theirs = f"{len(classes):,}: {in_short(classes)}" if classes else "none"
        fit = "" if len(classes) == flags.num_classes else "; nothing can be measured with these"
        said["classes"] = (
            f"the network knows {flags.num_classes:,} classes, the images have {theirs}{fit}"
        )
    return said
