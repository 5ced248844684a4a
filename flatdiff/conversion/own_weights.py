"""Own weights are a file of those of a network of somebody's own code, told by its entry point.

The network says which tensors there must be; a file may wrap their names as any other.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from flatdiff.checkpoints.averages import RAW
from flatdiff.checkpoints.header import Header
from flatdiff.checkpoints.tensors import Shapes
from flatdiff.conversion.draft import Description, Draft, known_draft
from flatdiff.conversion.foreign_file import WRAPPERS, average_of, listed
from flatdiff.diffusion.own_flags import OwnFlags
from flatdiff.errors import CheckpointError


@dataclass(frozen=True)
class OwnWeights:
    """What a file should hold."""

    flags: OwnFlags
    shapes: Shapes  # of the network's tensors, by name


def own_draft(wanted: OwnWeights, name: str, header: Header, said: Description) -> Draft:
    """The checkpoint that is to be made of a file.

    Args:
        wanted: the network.
        name: of the file.
        header: of everything in it.
        said: by a person; of flags and presets the network knows better.

    Raises:
        CheckpointError: the file has no such tensors.
        SettingsError: the dataset does not fit.
    """
    sets = _sets(header, wanted.shapes)
    prefix = _meant(sets, said)
    left = [other.removesuffix(".") or "unnamed ones" for other in sets if other != prefix]
    told = f"the network {wanted.flags.network} of your own"
    told += f"; left: {listed(left)}" if left else ""
    return known_draft(wanted.flags, name, told, header, sets[prefix], said)


def _meant(sets: Mapping[str, Mapping[str, str]], said: Description) -> str:
    """The prefix of the set that a person asked for: raw weights where nothing was said."""
    wanted = said.weights or RAW
    kinds = {prefix: average_of(prefix)[0] or RAW for prefix in sets}
    fitting = [prefix for prefix, kind in kinds.items() if kind == wanted]
    return fitting[0] if fitting and len(sets) > 1 else next(iter(sets))


def _sets(header: Header, expected: Shapes) -> dict[str, dict[str, str]]:
    """What the file calls every tensor of the network, by the prefix of each set of them."""
    own_words = {word for name in expected for word in name.split(".")}
    wrappers = WRAPPERS - own_words
    plain: dict[str, str] = {}
    for name in header.tensors:
        words = [word for word in name.split(".") if word not in wrappers]
        plain.setdefault(".".join(words), name)
    anchor = next(iter(expected), "")
    ends = (name.removesuffix(anchor) for name in plain if anchor and name.endswith(anchor))
    prefixes = [prefix for prefix in ends if not prefix or prefix.endswith(".")]
    found = {
        prefix: {name: plain[prefix + name] for name in expected if prefix + name in plain}
        for prefix in prefixes
    }
    whole = {prefix: names for prefix, names in found.items() if len(names) == len(expected)}
    if not whole:
        best = max(found.values(), key=len, default={})
        missing = [name for name in expected if name not in best]
        raise CheckpointError(
            f"the file does not hold the weights of this network: {len(missing)} of its "
            f"{len(expected)} tensors are missing ({listed(missing)})"
        )
    return whole
