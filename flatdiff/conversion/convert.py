"""The converter is the process that reads a foreign file of weights, so that no other has to.

It takes a task as JSON on its standard input: to say which tensors a file holds, or to leave sets
of them as float32 weights with their cards in folders. Its answer is JSON, an error in a sentence
where it cannot. Its memory is limited, and it holds one tensor at a time.
"""

import dataclasses
import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file
from torch import Tensor

from flatdiff.checkpoints.card import WEIGHTS_FILE, Card, write_card
from flatdiff.checkpoints.header import Header, TensorEntry
from flatdiff.checkpoints.tensors import Shapes
from flatdiff.checkpoints.weights_file import misfits, network_shapes, weight_parts, write_weights
from flatdiff.conversion.diagnosis.deadline import Deadline
from flatdiff.conversion.diagnosis.diagnose import DEADLINE_S, NUM_MEMBERS, diagnose
from flatdiff.conversion.diagnosis.noisy_images import Members, draw_members
from flatdiff.conversion.draft import Draft
from flatdiff.conversion.foreign_file import COUNTER, COUNTS, FLOATS, header_of
from flatdiff.conversion.foreign_weights import ForeignWeights, open_weights
from flatdiff.conversion.look import serve
from flatdiff.conversion.weights_path import num_bytes
from flatdiff.diffusion.flags import AdmFlags
from flatdiff.diffusion.own_flags import OwnFlags
from flatdiff.errors import CheckpointError, FlatdiffError
from flatdiff.images.image_set import load_images
from flatdiff.system.files import sha256_of

# The program itself and its largest tensors; then the file and what is written, both mapped.
PROGRAM_BYTES = 4 << 30
COPIES = 4
NOT_DIAGNOSED = "not diagnosed"
NOTHING_OPEN = f"{NOT_DIAGNOSED}: its config says all of its flags"
ALL_IN_CODE = f"{NOT_DIAGNOSED}: the code of the network leaves no flag open"
NOT_ENDED = f"{NOT_DIAGNOSED}: the diagnosis was ended, for want of time or memory"


def convert(path: Path, drafts: Mapping[Path, Draft]) -> None:
    """Write sets of a file's weights and their cards, then diagnose them one after the other.

    All folders are whole before the first diagnosis begins: whatever ends that ends no more.

    Args:
        path: a safetensors or torch file.
        drafts: of checkpoints of one network, by the folder that each is written into.

    Raises:
        CheckpointError: the weights are not those of the cards' network, or not floats.
    """
    cards = _written(path, drafts)
    for folder, card in cards.items():
        write_card(folder, card)
    for folder, found in diagnosed(cards):
        origin = {**cards[folder].origin, **found}
        write_card(folder, dataclasses.replace(cards[folder], origin=origin))


def _written(path: Path, drafts: Mapping[Path, Draft]) -> dict[Path, Card]:
    """Write the weights of all sets; returns their cards, complete but for a diagnosis."""
    weights = open_weights(path)
    headers = {folder: header_of(weights.header, draft.names) for folder, draft in drafts.items()}
    expected = network_shapes(next(iter(drafts.values())).card.flags)
    for header in headers.values():
        require_fit(header, expected)
    _require_own_bytes(headers.values(), num_bytes(path))
    sha256 = sha256_of(path)
    cards = {}
    for folder, draft in drafts.items():
        reader = _Reader(weights, draft.names)
        parts = weight_parts(headers[folder].shapes, reader.tensor)
        digest = write_weights(folder / WEIGHTS_FILE, parts)
        told = {"sha256": sha256, "types": types(headers[folder]), "diagnosis": NOT_ENDED}
        cards[folder] = dataclasses.replace(
            draft.card,
            digest=digest,
            num_non_finite=reader.num_non_finite,
            origin={**draft.card.origin, **told},
        )
    return cards


def diagnosed(cards: Mapping[Path, Card]) -> Iterator[tuple[Path, dict[str, str]]]:
    """What is found out about written weights, or why it is not, set by set.

    All sets have the same flags. As long as there is time each is diagnosed on its own; the others
    are told what was found of the flags by the first.

    Args:
        cards: with the flags as stated, by the folder in which the weights lie.
    """
    deadline = Deadline(DEADLINE_S)  # looking through a folder of images takes time too
    first = next(iter(cards.values()))
    flags = first.flags
    if not isinstance(flags, AdmFlags):
        told = ALL_IN_CODE if isinstance(flags, OwnFlags) else NOTHING_OPEN
        yield from ((folder, {"diagnosis": told}) for folder in cards)
        return
    try:
        images = load_images(first.dataset, "held_out", flags.image_size, flags.in_channels)
        members = draw_members(images, flags, NUM_MEMBERS)
    except (FlatdiffError, MemoryError, RuntimeError) as error:
        reason = {"diagnosis": f"{NOT_DIAGNOSED}: {_reason(error)}"}
        yield from ((folder, reason) for folder in cards)
        return
    told, longest_s = "", 0.0
    for folder in cards:
        begin = deadline.clock()
        if told and begin + longest_s > deadline.end:
            yield folder, {"diagnosis": told}
            continue
        found = _diagnosis(flags, folder, members, deadline)
        yield folder, found
        told = told or _told_by(first, found["diagnosis"])
        longest_s = max(longest_s, deadline.clock() - begin)


def _diagnosis(
    flags: AdmFlags, folder: Path, members: Members, deadline: Deadline
) -> dict[str, str]:
    """Entries of a card about its own weights."""
    try:
        deadline.require_time_for(0)  # what passed since the last set is no image's time
        found = diagnose(flags, load_file(folder / WEIGHTS_FILE), members, deadline)
    except (FlatdiffError, MemoryError, RuntimeError) as error:
        return {"diagnosis": f"{NOT_DIAGNOSED}: {_reason(error)}"}
    return {"diagnosis": str(found), "levels": found.by_noise_level}


def _told_by(first: Card, diagnosis: str) -> str:
    """What is said of weights for which there was no time."""
    if diagnosis.startswith(NOT_DIAGNOSED):
        return f"{NOT_DIAGNOSED}: there was no time after the other weights of the file"
    return (
        f"{diagnosis}; told by the weights of {first.id}, which came in the same file: there was "
        "no time to diagnose these"
    )


def _reason(error: Exception) -> str:
    """Why something was not diagnosed; raises what nobody has foreseen."""
    if isinstance(error, FlatdiffError):
        return str(error)
    if isinstance(error, RuntimeError) and "alloc" not in str(error):
        raise error
    return "the network does not fit into memory beside images"


@dataclass
class _Reader:
    """Reads tensors by the network's names, and counts what is no number on the way."""

    weights: ForeignWeights
    names: Mapping[str, str]
    num_non_finite: int = 0

    def tensor(self, name: str) -> Tensor:
        value = self.weights.tensor(self.names[name])
        self.num_non_finite += int((~torch.isfinite(value)).sum())
        return value


def require_fit(header: Header, expected: Shapes) -> None:
    """Compare a set of weights with a network by names, shapes and types alone.

    Args:
        header: of the set, by the network's own names.
        expected: of the network.

    Raises:
        CheckpointError: the first few of each kind of difference.
    """
    if wrong := misfits(expected, header.shapes):
        raise CheckpointError(f"the file does not fit the network of these flags: {wrong}")
    kinds = {entry.dtype for name, entry in header.tensors.items() if not _counts(name, entry)}
    other = sorted(kinds - set(FLOATS))
    if other:
        raise CheckpointError(
            f"weights must be floats of 16, 32 or 64 bits; the file has {', '.join(other)}"
        )


def _counts(name: str, entry: TensorEntry) -> bool:
    return entry.dtype in COUNTS and name.rpartition(".")[2] == COUNTER


def _require_own_bytes(headers: Iterable[Header], num_bytes: int) -> None:
    """Tensors of a torch file may share numbers; a network's own do not, and are written out.

    So what is written takes at most twice the bytes of the file, whatever it claims to hold.
    """
    entries = [entry for header in headers for entry in header.tensors.values()]
    total = sum(entry.num_bytes for entry in entries)
    if total > num_bytes:
        raise CheckpointError(
            f"the tensors claim {total:,} bytes, the whole file has {num_bytes:,}; they share "
            "what should be their own; where whole sets do so, take one of them with --weights"
        )


def types(header: Header) -> str:
    """What numbers a file holds, and what became of them.

    >>> from flatdiff.checkpoints.header import TensorEntry
    >>> types(Header({"a": TensorEntry("F16", (2,)), "b": TensorEntry("F32", (1,))}, {}))
    '1 tensor of float16, 1 of float32; converted to float32'
    """
    counts = Counter(entry.dtype for entry in header.tensors.values())
    names = FLOATS | COUNTS
    parts = [f"{count} of {names[dtype]}" for dtype, count in counts.items()]
    parts[0] = parts[0].replace(" of ", f" tensor{'' if parts[0][:2] == '1 ' else 's'} of ", 1)
    return ", ".join(parts) + ("" if set(counts) == {"F32"} else "; converted to float32")


def converted(task: Mapping[str, Any]) -> dict[str, Any]:
    """Have a task done.

    Raises:
        FlatdiffError: it cannot be.
    """
    drafts = {Path(folder): Draft.from_json(said) for folder, said in task["drafts"].items()}
    convert(Path(task["path"]), drafts)
    return {}


if __name__ == "__main__":
    sys.exit(serve(converted, PROGRAM_BYTES, COPIES))
