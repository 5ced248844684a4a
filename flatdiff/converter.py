"""The converter is the process that reads a foreign file of weights, so that no other has to.

It takes a task as JSON on its standard input, leaves float32 weights and their card in a folder,
and answers with an error in a sentence where it cannot. Its memory is limited.
"""

import contextlib
import dataclasses
import json
import sys
from collections import Counter
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from flatdiff.cards import Card
from flatdiff.checkpoints import misfits, network_shapes, serialize_weights, write_checkpoint
from flatdiff.errors import CheckpointError, FlatdiffError
from flatdiff.files import sha256_of
from flatdiff.headers import Header, read_header

FLOATS = {"F64": "float64", "F32": "float32", "F16": "float16", "BF16": "bfloat16"}
# The program itself, and the weights in their own type, as float32 and as bytes.
PROGRAM_BYTES = 4 << 30
COPIES = 8


def convert(path: Path, folder: Path, card: Card) -> None:
    """Write a file's weights and their card into a folder.

    Args:
        path: a safetensors file.
        folder: to write into.
        card: complete but for what follows from the weights.

    Raises:
        CheckpointError: the weights are not those of the card's network, or not floats.
    """
    header = read_header(path)
    require_fit(header, card)
    try:
        state = load_file(path)
    except SafetensorError as error:
        raise CheckpointError(f"the file cannot be read: {error}") from None
    content, digest = serialize_weights(state)
    whole = dataclasses.replace(
        card,
        digest=digest,
        num_non_finite=sum(_num_non_finite(value) for value in state.values()),
        origin={**card.origin, "sha256": sha256_of(path), "types": types(header)},
    )
    write_checkpoint(folder, whole, content)


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


def types(header: Header) -> str:
    """What numbers a file holds, and what became of them.

    >>> from flatdiff.headers import TensorEntry
    >>> types(Header({"a": TensorEntry("F16", (2,)), "b": TensorEntry("F32", (1,))}, {}))
    '1 tensor of float16, 1 of float32; converted to float32'
    """
    counts = Counter(entry.dtype for entry in header.tensors.values())
    parts = [f"{count} of {FLOATS[dtype]}" for dtype, count in counts.items()]
    parts[0] = parts[0].replace(" of ", f" tensor{'' if parts[0][:2] == '1 ' else 's'} of ", 1)
    return ", ".join(parts) + ("" if set(counts) == {"F32"} else "; converted to float32")


def _num_non_finite(value: Tensor) -> int:
    return int((~torch.isfinite(value.float())).sum())


def _limit_memory(num_bytes: int) -> None:
    """Of what this process may allocate; a platform without the limit does without."""
    with contextlib.suppress(ImportError, ValueError, OSError):
        import resource

        most = PROGRAM_BYTES + COPIES * num_bytes
        resource.setrlimit(resource.RLIMIT_DATA, (most, most))


def main() -> int:
    """The process itself."""
    task = json.loads(sys.stdin.buffer.read())
    path = Path(task["path"])
    try:
        _limit_memory(path.stat().st_size)
        convert(path, Path(task["folder"]), Card.from_json(task["card"]))
    except FlatdiffError as error:
        sys.stdout.write(json.dumps({"error": str(error)}))
        return 1
    except MemoryError:
        sys.stdout.write(json.dumps({"error": "the weights do not fit into memory"}))
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
