"""Foreign weights are tensors by name in a file that somebody else wrote, read one at a time.

Both formats are mapped, not loaded: a tensor's numbers come into memory when it is asked for. Only
the converter's process opens such a file (`convert.py`), under a limit on its memory.
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor

from flatdiff.checkpoints.header import (
    MAX_DIMENSIONS,
    MAX_TENSORS,
    Header,
    TensorEntry,
    read_header,
    require_name,
    shortened,
)
from flatdiff.conversion.torch_archive import is_torch_file, require_sound
from flatdiff.errors import CheckpointError

MAX_DEPTH = 4  # {"optimizer": {"state": {0: {"exp_avg": ...}}}}
KEYS = str | int | float  # such as the decay of an average
MAX_NODES = 10 * MAX_TENSORS  # steps, rates and options included
DTYPES = {
    torch.float64: "F64",
    torch.float32: "F32",
    torch.float16: "F16",
    torch.bfloat16: "BF16",
    torch.int64: "I64",
    torch.int32: "I32",
    torch.int16: "I16",
    torch.int8: "I8",
    torch.uint8: "U8",
    torch.bool: "BOOL",
}


@dataclass(frozen=True)
class ForeignWeights:
    """An open file."""

    header: Header  # of every tensor in it, nested names joined by dots
    tensor: Callable[[str], Tensor]  # reads one of them


def open_weights(path: Path) -> ForeignWeights:
    """Open a safetensors or torch file.

    Raises:
        CheckpointError: it is neither, not whole, or holds more than plain tensors; half a
            sentence.
        MemoryError: it asks for more memory than this process may have.
    """
    return _torch_file(path) if is_torch_file(path) else _safetensors(path)


def _safetensors(path: Path) -> ForeignWeights:
    header = read_header(path)
    try:
        file = safe_open(path, "pt")
    except SafetensorError as error:
        raise CheckpointError(str(error)) from None
    return ForeignWeights(header, file.get_tensor)


def _torch_file(path: Path) -> ForeignWeights:
    require_sound(path)
    tensors = dict(_tensors(_load(path)))
    if not tensors:
        raise CheckpointError("it holds no tensors with names; a state dict is expected")
    header = Header({name: _entry(name, value) for name, value in tensors.items()}, {})
    return ForeignWeights(header, tensors.__getitem__)


def _load(path: Path) -> Any:
    """What the pickle describes; torch's own words are not for people: they advise to trust it."""
    try:
        return torch.load(path, map_location="cpu", mmap=True, weights_only=True)
    except MemoryError:
        raise
    except Exception as error:
        if found := re.search(r"GLOBAL ([\w.]+)", str(error)):
            raise CheckpointError(
                f"it holds more than tensors ({shortened(found[1])}), which may run code; nothing "
                "of it was run; save the state dict alone: "
                'torch.save(model.state_dict(), "weights.pt")'
            ) from None
        raise CheckpointError(
            "its pickle is none of a state dict: only tensors, numbers, texts, lists and "
            "dictionaries are read"
        ) from None


def _tensors(root: Any) -> Iterator[tuple[str, Tensor]]:
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
        if isinstance(value, Tensor):
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
    if isinstance(value, Mapping):
        return [(_step(key), child) for key, child in value.items() if isinstance(key, KEYS)]
    if isinstance(value, list | tuple):
        return [(str(index), child) for index, child in enumerate(value)]
    return []


def _step(key: str | float) -> str:
    """One part of a name; a file may share one key of megabytes among thousands of tensors."""
    if isinstance(key, str):
        require_name(key)
    return str(key)


def _entry(name: str, value: Tensor) -> TensorEntry:
    """Raises `CheckpointError` where a tensor claims numbers that it does not have."""
    plain = value.layout is torch.strided and value.device.type == "cpu" and not value.is_quantized
    if not plain:
        raise CheckpointError(f"{shortened(name)} is sparse, quantized or without numbers")
    if value.dim() > MAX_DIMENSIONS:
        raise CheckpointError(f"{shortened(name)} has {value.dim():,} dimensions")
    if value.numel() * value.element_size() > value.untyped_storage().nbytes():
        raise CheckpointError(f"{shortened(name)} claims more numbers than it has")
    return TensorEntry(DTYPES.get(value.dtype, str(value.dtype)), tuple(value.shape))
