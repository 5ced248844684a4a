"""The converter is the process that reads a foreign file of weights, so that no other has to.

It takes a task as JSON on its standard input: to say which tensors a file holds, or to leave them
as float32 weights with their card in a folder. Its answer is JSON, an error in a sentence where it
cannot. Its memory is limited, and it holds one tensor at a time.
"""

import dataclasses
import json
import sys
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file
from torch import Tensor

from flatdiff.checkpoints.card import WEIGHTS_FILE, Card, write_card
from flatdiff.checkpoints.header import Header
from flatdiff.checkpoints.weights_file import misfits, network_shapes, weight_parts, write_weights
from flatdiff.conversion.diagnosis.deadline import Deadline
from flatdiff.conversion.diagnosis.diagnose import DEADLINE_S, NUM_MEMBERS, diagnose
from flatdiff.conversion.diagnosis.noisy_images import draw_members
from flatdiff.conversion.foreign_weights import ForeignWeights, open_weights
from flatdiff.conversion.rival_sets import FileSets, Rival, compare, title
from flatdiff.conversion.set_comparison import alone
from flatdiff.conversion.weight_sets import WeightSet, header_of_set, packed_names, weight_sets
from flatdiff.errors import CheckpointError, FlatdiffError
from flatdiff.images.image_set import load_images
from flatdiff.system.child_process import limit_memory
from flatdiff.system.files import sha256_of

FLOATS = {"F64": "float64", "F32": "float32", "F16": "float16", "BF16": "bfloat16"}
# The program itself and its largest tensors; then the file and what is written, both mapped.
PROGRAM_BYTES = 4 << 30
COPIES = 4
NOT_ENDED = "not diagnosed: the diagnosis was ended, for want of time or memory"
NOT_COMPARED = "the sets of weights in the file were not compared"


def convert(path: Path, folder: Path, card: Card, prefix: str = "") -> None:
    """Write a file's weights and their card into a folder, then diagnose them.

    The folder is whole before the diagnosis begins: whatever ends that ends no more.

    Args:
        path: a safetensors or torch file.
        folder: to write into.
        card: complete but for what follows from the weights.
        prefix: of the set of weights in the file that is meant; see `weight_sets`.

    Raises:
        CheckpointError: the weights are not those of the card's network, or not floats.
    """
    weights = open_weights(path)
    chosen = WeightSet(prefix)
    header = header_of_set(weights.header, chosen)
    require_fit(header, card)
    _require_own_bytes(header, path.stat().st_size)
    reader = _Reader(weights, packed_names(weights.header, chosen))
    digest = write_weights(folder / WEIGHTS_FILE, weight_parts(header.shapes, reader.tensor))
    sets = file_sets(weights, chosen, card, path.stat().st_size)
    told = NOT_COMPARED if sets.rivals else alone(card.weights, sets.unlike)
    origin = {**card.origin, "sha256": sha256_of(path), "types": types(header)}
    origin |= {"diagnosis": NOT_ENDED, "sets": told}
    whole = dataclasses.replace(
        card, digest=digest, num_non_finite=reader.num_non_finite, origin=origin
    )
    write_card(folder, whole)
    for found in diagnosed(card, folder, sets):
        origin |= found
        write_card(folder, dataclasses.replace(whole, origin=origin))


def file_sets(weights: ForeignWeights, chosen: WeightSet, card: Card, num_bytes: int) -> FileSets:
    """What else lies in a file of so many bytes, and whether it is weights of this network."""
    rivals, unlike = [], []
    for found in weight_sets(weights.header.tensors):
        rival = Rival(weights, found)
        if found == chosen:
            continue
        try:
            require_fit(rival.header, card)
            _require_own_bytes(rival.header, num_bytes)
            rivals.append(rival)
        except CheckpointError:
            unlike.append(rival.title)
    return FileSets(title(chosen), tuple(rivals), tuple(unlike))


def diagnosed(card: Card, folder: Path, sets: FileSets) -> Iterator[dict[str, str]]:
    """What is found out about written weights, entry by entry, or why it is not.

    Args:
        card: with the flags as stated.
        folder: where the weights lie.
        sets: they and the others of their file, which are compared last.
    """
    deadline = Deadline(DEADLINE_S)  # looking through a folder of images takes time too
    try:
        size, channels = card.flags.image_size, card.flags.in_channels
        images = load_images(card.dataset, "held_out", size, channels)
        members = draw_members(images, card.flags, NUM_MEMBERS)
        found = diagnose(card.flags, load_file(folder / WEIGHTS_FILE), members, deadline)
    except (FlatdiffError, MemoryError, RuntimeError) as error:
        yield {"diagnosis": f"not diagnosed: {_reason(error)}"}
        return
    yield {"diagnosis": str(found), "levels": found.by_noise_level}
    if not sets.rivals:
        return
    try:
        yield {"sets": str(compare(found.best.flags, sets, folder, images, deadline))}
    except (FlatdiffError, MemoryError, RuntimeError) as error:
        yield {"sets": f"{NOT_COMPARED}: {_reason(error)}"}


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


def require_fit(header: Header, card: Card) -> None:
    """Compare a file with a network by names, shapes and types alone.

    Raises:
        CheckpointError: the first few of each kind of difference.
    """
    if wrong := misfits(network_shapes(card.flags), header.shapes):
        raise CheckpointError(f"the file does not fit the network of these flags: {wrong}")
    other = sorted({entry.dtype for entry in header.tensors.values()} - set(FLOATS))
    if other:
        raise CheckpointError(
            f"weights must be floats of 16, 32 or 64 bits; the file has {', '.join(other)}"
        )


def _require_own_bytes(header: Header, num_bytes: int) -> None:
    """Tensors of a torch file may share numbers; a network's own do not, and are written out."""
    total = sum(entry.num_bytes for entry in header.tensors.values())
    if total > num_bytes:
        raise CheckpointError(
            f"the tensors claim {total:,} bytes, the whole file has {num_bytes:,}; they share "
            "what should be their own"
        )


def types(header: Header) -> str:
    """What numbers a file holds, and what became of them.

    >>> from flatdiff.checkpoints.header import TensorEntry
    >>> types(Header({"a": TensorEntry("F16", (2,)), "b": TensorEntry("F32", (1,))}, {}))
    '1 tensor of float16, 1 of float32; converted to float32'
    """
    counts = Counter(entry.dtype for entry in header.tensors.values())
    parts = [f"{count} of {FLOATS[dtype]}" for dtype, count in counts.items()]
    parts[0] = parts[0].replace(" of ", f" tensor{'' if parts[0][:2] == '1 ' else 's'} of ", 1)
    return ", ".join(parts) + ("" if set(counts) == {"F32"} else "; converted to float32")


def answer(task: Mapping[str, Any]) -> dict[str, Any]:
    """What the process says to a task.

    Raises:
        FlatdiffError: it cannot be done.
    """
    path = Path(task["path"])
    if "folder" not in task:
        return {"header": open_weights(path).header.to_json()}
    convert(path, Path(task["folder"]), Card.from_json(task["card"]), task["prefix"])
    return {}


def main() -> int:
    """The process itself."""
    task = json.loads(sys.stdin.buffer.read())
    try:
        limit_memory(PROGRAM_BYTES + COPIES * Path(task["path"]).stat().st_size)
        said = answer(task)
    except FlatdiffError as error:
        said = {"error": str(error)}
    except MemoryError:
        said = {"error": "it asks for more memory than its size explains"}
    sys.stdout.write(json.dumps(said))
    return 1 if "error" in said else 0


if __name__ == "__main__":
    sys.exit(main())
