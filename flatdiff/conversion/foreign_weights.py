"""Foreign weights are tensors by name in a file that somebody else wrote, read one at a time.

Both formats are mapped, not loaded: a tensor's numbers come into memory when it is asked for. Only
the converter's process opens such a file (`convert.py`), under a limit on its memory.
"""

import mmap
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor

from flatdiff.checkpoints.header import Header, read_header
from flatdiff.conversion import torch_pickle
from flatdiff.conversion.torch_archive import is_torch_file
from flatdiff.conversion.torch_file import Place, read_torch_file
from flatdiff.conversion.torch_pickle import StoredTensor
from flatdiff.conversion.weights_path import Parts, is_index, read_parts
from flatdiff.errors import CheckpointError

DTYPES = {code: getattr(torch, name) for name, code in torch_pickle.DTYPES.items()}


@dataclass(frozen=True)
class ForeignWeights:
    """An open file."""

    header: Header  # of every tensor in it, nested names joined by dots
    tensor: Callable[[str], Tensor]  # reads one of them


def open_weights(path: Path) -> ForeignWeights:
    """Open a safetensors or torch file, or an index of parts.

    Raises:
        CheckpointError: it is neither, not whole, or holds more than plain tensors; half a
            sentence.
        MemoryError: it asks for more memory than this process may have.
    """
    if is_index(path):
        return _parts(read_parts(path))
    return _torch_file(path) if is_torch_file(path) else _safetensors(path)


def _parts(parts: Parts) -> ForeignWeights:
    opened = {path: _safetensors(path) for path in dict.fromkeys(parts.paths.values())}
    return ForeignWeights(parts.header, lambda name: opened[parts.paths[name]].tensor(name))


def _safetensors(path: Path) -> ForeignWeights:
    header = read_header(path)
    try:
        file = safe_open(path, "pt")
    except SafetensorError as error:
        raise CheckpointError(str(error)) from None
    return ForeignWeights(header, file.get_tensor)


def _torch_file(path: Path) -> ForeignWeights:
    """Its storages are mapped privately: what is read is paged in, and nothing is written back."""
    described = read_torch_file(path)
    with path.open("rb") as file:
        content = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_COPY)

    def tensor(name: str) -> Tensor:
        return _numbers(content, described.places, described.tensors[name])

    return ForeignWeights(described.header, tensor)


def _numbers(content: mmap.mmap, places: Mapping[str, Place], stored: StoredTensor) -> Tensor:
    """A tensor's numbers, in a storage that was found to hold them."""
    if stored.key is None or stored.dtype not in DTYPES:
        raise CheckpointError(f"a tensor in it is {stored.dtype}, which has no plain numbers")
    dtype = DTYPES[stored.dtype]
    if 0 in stored.shape:
        return torch.empty(stored.shape, dtype=dtype)
    place = places[stored.key]
    count = place.num_bytes // dtype.itemsize
    if place.begin % dtype.itemsize:  # torch itself aligns them; other writers of archives may not
        rows = (
            torch.frombuffer(
                content, dtype=torch.uint8, count=count * dtype.itemsize, offset=place.begin
            )
            .clone()
            .view(dtype)
        )
    else:
        rows = torch.frombuffer(content, dtype=dtype, count=count, offset=place.begin)
    return rows.as_strided(stored.shape, stored.stride, stored.offset)
