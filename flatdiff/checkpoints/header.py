"""A header is what a safetensors file says of itself: type, shape and place of every tensor.

The file begins with the length of the header (8 bytes, little-endian) and the header itself, JSON;
the numbers follow. Reading a header reads no number, and costs little whatever the file claims.
"""

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from io import BufferedIOBase
from pathlib import Path
from typing import Any

from flatdiff.checkpoints.mistaken import FIRST_BYTES, mistaken
from flatdiff.errors import CheckpointError
from flatdiff.system.foreign_json import as_text

MAX_HEADER_BYTES = 4 << 20
MAX_TENSORS = 20_000
MAX_DIMENSIONS = 16
MAX_LENGTH = 1 << 40  # of one dimension
MAX_NAME = 512  # characters of a tensor's name; an ADM network's have some 40
MAX_SHOWN = 80  # characters of a foreign name in a sentence

# Bits a number takes, by the format's name of its type.
BITS = {
    **dict.fromkeys(("BOOL", "U8", "I8", "F8_E5M2", "F8_E4M3", "F8_E8M0"), 8),
    **dict.fromkeys(("U16", "I16", "F16", "BF16"), 16),
    **dict.fromkeys(("U32", "I32", "F32"), 32),
    **dict.fromkeys(("U64", "I64", "F64", "C64"), 64),
}


@dataclass(frozen=True)
class TensorEntry:
    """One tensor as its file describes it."""

    dtype: str  # a key of BITS, such as "F32"
    shape: tuple[int, ...]

    @property
    def size(self) -> int:
        """How many numbers it holds."""
        return math.prod(self.shape)

    @property
    def num_bytes(self) -> int:
        """What they take in the file."""
        return self.size * BITS[self.dtype] // 8


@dataclass(frozen=True)
class Header:
    """Everything a file says before its numbers."""

    tensors: Mapping[str, TensorEntry]  # in the file's order
    metadata: Mapping[str, str]
    opaque: tuple[str, ...] = ()  # classes of what lies beside the tensors and was not made
    step: int = 0  # of training, by a number beside the tensors; 0 where there is none

    @property
    def shapes(self) -> dict[str, tuple[int, ...]]:
        """By name."""
        return {name: entry.shape for name, entry in self.tensors.items()}

    def to_json(self) -> dict[str, Any]:
        """Plain data, to be sent from one process to another."""
        tensors = {name: [entry.dtype, *entry.shape] for name, entry in self.tensors.items()}
        return {
            "tensors": tensors,
            "metadata": dict(self.metadata),
            "opaque": list(self.opaque),
            "step": self.step,
        }

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> "Header":
        """Back from there."""
        tensors = {
            name: TensorEntry(dtype, tuple(shape))
            for name, (dtype, *shape) in values["tensors"].items()
        }
        return cls(tensors, values["metadata"], tuple(values["opaque"]), values["step"])


def read_header(path: Path) -> Header:
    """Of a file on disk.

    Raises:
        CheckpointError: see `parse_header`; or there is no such file.
    """
    try:
        if not path.is_file():  # a pipe would be waited for
            raise CheckpointError("it is no file" if path.exists() else "there is no such file")
        with path.open("rb") as file:
            return parse_header(file, path.stat().st_size)
    except OSError as error:
        raise CheckpointError(error.strerror or str(error)) from None


def parse_header(file: BufferedIOBase, num_bytes: int) -> Header:
    """Read from the beginning of a file.

    Args:
        file: open, in binary mode.
        num_bytes: of the whole file.

    Raises:
        CheckpointError: why it is no safetensors file, or not a whole one, as half a sentence.
    """
    file.seek(0)
    first = file.read(8)
    if what := mistaken(first + file.read(FIRST_BYTES)):
        raise CheckpointError(what)
    length = int.from_bytes(first, "little")
    if length > MAX_HEADER_BYTES:
        raise CheckpointError(f"its header claims {length:,} bytes; at most {MAX_HEADER_BYTES:,}")
    file.seek(8)
    try:
        values = json.loads(file.read(length), object_pairs_hook=_once)
        metadata = values.pop("__metadata__", {})
        if len(values) > MAX_TENSORS:
            raise ValueError(f"it claims {len(values):,} tensors; at most {MAX_TENSORS:,}")
        _require_covered(values, num_bytes - 8 - length)
        for name in values:
            require_name(name)
        tensors = {name: _entry(name, value) for name, value in values.items()}
        return Header(tensors, {str(name): str(text) for name, text in metadata.items()})
    except json.JSONDecodeError:
        raise CheckpointError("its header is cut or damaged") from None
    except (KeyError, TypeError, AttributeError, UnicodeDecodeError, RecursionError):
        raise CheckpointError("its header is not that of a safetensors file") from None
    except ValueError as error:
        raise CheckpointError(str(error)) from None


def _entry(name: str, value: Mapping[str, Any]) -> TensorEntry:
    dtype, shape = value["dtype"], value["shape"]
    if dtype not in BITS:
        raise ValueError(f"{shortened(name)} has a type that flatdiff does not read: {dtype!r}")
    whole = all(type(n) is int and 0 <= n <= MAX_LENGTH for n in shape)
    if not whole or len(shape) > MAX_DIMENSIONS:
        raise ValueError(f"{shortened(name)} has an impossible shape")
    entry = TensorEntry(dtype, tuple(shape))
    begin, end = value["data_offsets"]
    if end - begin != entry.num_bytes:
        raise ValueError(f"{shortened(name)} has a place of another size than its shape")
    return entry


def _require_covered(values: Mapping[str, Any], num_bytes: int) -> None:
    """The numbers of all tensors stand one behind the other, up to the end of the file."""
    places = sorted(tuple(value["data_offsets"]) for value in values.values())
    position = 0
    for begin, end in places:
        if begin != position or type(end) is not int or end < begin:
            raise ValueError("its header gives tensors a place twice, or none")
        position = end
    if position != num_bytes:
        raise ValueError(f"it is cut or damaged: {num_bytes:,} bytes of weights, not {position:,}")


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """A JSON object whose names are all different."""
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("its header names a tensor twice")
    return found


def require_name(name: str) -> None:
    """Raise `CheckpointError` where a tensor's name is longer than any, or no text."""
    if len(name) > MAX_NAME:
        raise CheckpointError(
            f"the name of a tensor, {shortened(name)}, has {len(name):,} characters; at most "
            f"{MAX_NAME}"
        )
    if as_text(name) != name:
        raise CheckpointError(
            f"the name of a tensor, {shortened(name)}, is no text: it has half a character"
        )


def shortened(name: str) -> str:
    """A name from a file, at a length that a sentence can hold, and as text."""
    return as_text(name if len(name) <= MAX_SHOWN else f"{name[:MAX_SHOWN]}...")
