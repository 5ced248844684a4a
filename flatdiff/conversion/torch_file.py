"""A torch file is an archive of one pickle and, a member a storage, the numbers of its tensors.

Here it is read as far as names, types, shapes and places: no number, and without torch.
"""

import struct
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from flatdiff.checkpoints.header import (
    BITS,
    MAX_TENSORS,
    Header,
    TensorEntry,
    require_name,
    shortened,
)
from flatdiff.conversion.torch_archive import PICKLE, bytes_begin, require_sound
from flatdiff.conversion.torch_pickle import Opaque, StoredTensor, read_pickle
from flatdiff.errors import CheckpointError

MAX_DEPTH = 16  # of a module's parts in its parts; {"optimizer": {"state": {0: {..}}}} has 4
KEYS = str | int | float  # such as the decay of an average
MAX_NODES = 10 * MAX_TENSORS  # steps, rates and options included
# What trainers call the number of steps beside the weights; Lightning's is the second.
STEPS = ("step", "global_step", "train_step", "steps", "iteration", "iterations", "iter")
MAX_STEP = 10**12
BYTE_ORDER = "byteorder"
STORAGE = "data/"


@dataclass(frozen=True)
class Place:
    """Where a file has the bytes of a storage."""

    begin: int
    num_bytes: int


@dataclass(frozen=True)
class TorchFile:
    """What a torch file says of its tensors."""

    header: Header  # nested names joined by dots
    tensors: Mapping[str, StoredTensor]  # by the same names
    places: Mapping[str, Place]  # of their storages, by key


def read_torch_file(path: Path) -> TorchFile:
    """Check and describe one.

    Raises:
        CheckpointError: it is none, not whole, or describes tensors that it does not have.
        MemoryError: it asks for more memory than this process may have.
    """
    require_sound(path)
    content, places = _members(path)
    found = read_pickle(content)
    tensors = dict(_tensors(found.root))
    if not tensors:
        raise CheckpointError("it holds no tensors with names; a state dict is expected")
    header = Header(
        {name: _entry(name, tensor, places) for name, tensor in tensors.items()},
        {},
        found.opaque,
        _training_step(found.root),
    )
    return TorchFile(header, tensors, places)


def _members(path: Path) -> tuple[bytes, dict[str, Place]]:
    """The pickle, and where the storages lie, of an archive that was found to be sound."""
    try:
        with path.open("rb") as file, zipfile.ZipFile(file) as archive:
            by_name = {info.filename.partition("/")[2]: info for info in archive.infolist()}
            if BYTE_ORDER in by_name and archive.read(by_name[BYTE_ORDER]).strip() != b"little":
                raise CheckpointError(
                    "it was written on a machine of the other byte order; save it on one like this"
                )
            places = {
                name.removeprefix(STORAGE): Place(bytes_begin(file, info), info.file_size)
                for name, info in by_name.items()
                if name.startswith(STORAGE)
            }
            return archive.read(by_name[PICKLE]), places
    except (zipfile.BadZipFile, KeyError, struct.error, OSError):
        raise CheckpointError("it has changed while it was read; try again") from None


def _tensors(root: Any) -> Iterator[tuple[str, StoredTensor]]:
    """Every tensor by the names that lead to it.

    Raises:
        CheckpointError: there are too many, one name leads to two of them, or is too long.
    """
    seen: set[str] = set()
    waiting: list[tuple[tuple[str, ...], Any]] = [((), root)]
    for _ in range(MAX_NODES):
        if not waiting:
            return
        path, value = waiting.pop()
        if isinstance(value, StoredTensor):
            name = ".".join(path)
            require_name(name)
            if name in seen or len(seen) == MAX_TENSORS:
                raise CheckpointError(
                    f"it names {shortened(name)} twice, or has more than {MAX_TENSORS:,} tensors"
                )
            seen.add(name)
            yield name, value
        elif len(path) < MAX_DEPTH:
            waiting.extend(reversed([((*path, k), v) for k, v in _children(value)]))
    raise CheckpointError(f"it holds more than {MAX_NODES:,} objects")


def _children(value: Any) -> Sequence[tuple[str, Any]]:
    """What it holds by name, position or number; under any other key there are no weights."""
    if isinstance(value, Opaque):
        value = value.children()
    if isinstance(value, Mapping):
        return [(_step(key), child) for key, child in value.items() if isinstance(key, KEYS)]
    if isinstance(value, list | tuple):
        return [(str(index), child) for index, child in enumerate(value)]
    return []


def _training_step(root: Any) -> int:
    """How far training was when a file was written, as trainers say it beside the weights."""
    beside = dict(_children(root))
    said = [beside.get(name) for name in STEPS]
    return next((n for n in said if type(n) is int and 0 < n <= MAX_STEP), 0)


def _step(key: str | float) -> str:
    """One part of a name; a file may share one key of megabytes among thousands of tensors."""
    if isinstance(key, str):
        require_name(key)
    return str(key)


def _entry(name: str, tensor: StoredTensor, places: Mapping[str, Place]) -> TensorEntry:
    """Raises `CheckpointError` where a tensor claims numbers that it does not have."""
    entry = TensorEntry(tensor.dtype, tensor.shape)
    if tensor.key is None or tensor.dtype not in BITS:
        return entry  # no weights are like this, and `require_fit` says so of those that should be
    if len(tensor.stride) != len(tensor.shape):
        raise CheckpointError(f"{shortened(name)} has an impossible shape")
    if entry.size == 0:
        return entry
    steps = zip(tensor.shape, tensor.stride, strict=True)
    end = tensor.offset + 1 + sum((length - 1) * stride for length, stride in steps)
    held = places[tensor.key].num_bytes if tensor.key in places else 0
    if max(end, entry.size) * BITS[tensor.dtype] > 8 * held:
        raise CheckpointError(f"{shortened(name)} claims more numbers than it has")
    return entry
