"""A checkpoint's tensors without torch: their names and shapes from a file's header, or all of it.

A safetensors file begins with the length of its header (8 bytes, little-endian) and the header
itself: JSON that gives type, shape and place of every tensor.
"""

import json
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load

from flatdiff.cards import WEIGHTS_FILE, Card, verify_weights
from flatdiff.errors import CheckpointError
from flatdiff.files import resolve_inside

MAX_HEADER_BYTES = 4 << 20
MAX_TENSORS = 20_000

Tensors = dict[str, NDArray[np.float32]]  # by the names of the state dict
Shapes = dict[str, tuple[int, ...]]


def read_shapes(root: Path, card: Card) -> Shapes:
    """Names and shapes of a checkpoint's tensors, in the file's order; no weight is read.

    Raises:
        CheckpointError: the file is no safetensors file, or its header is beyond all bounds.
    """
    path = resolve_inside(root, f"{card.id}/{WEIGHTS_FILE}")
    try:
        with path.open("rb") as file:
            length = int.from_bytes(file.read(8), "little")
            if length > MAX_HEADER_BYTES:
                raise ValueError(f"its header claims {length:,} bytes")
            header = json.loads(file.read(length), object_pairs_hook=_once)
        header.pop("__metadata__", None)
        if len(header) > MAX_TENSORS:
            raise ValueError(f"it claims {len(header):,} tensors")
        return {name: tuple(entry["shape"]) for name, entry in header.items()}
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError, OSError) as error:
        raise CheckpointError(f"the weights of {card.id} cannot be read: {error}") from None


def layer_names(root: Path, card: Card) -> tuple[str, ...]:
    """The tensors that hold a layer's weights: those of at least two dimensions.

    Raises:
        CheckpointError: see `read_shapes`.
    """
    return tuple(name for name, shape in read_shapes(root, card).items() if len(shape) >= 2)


def read_tensors(root: Path, card: Card) -> Tensors:
    """All weights of a checkpoint, checked against its card's digest.

    Raises:
        CheckpointError: they are damaged, or replaced by others.
    """
    read_shapes(root, card)
    folder = resolve_inside(root, card.id)
    verify_weights(folder, card)
    try:
        found = load((folder / WEIGHTS_FILE).read_bytes())
        return {name: values.astype(np.float32) for name, values in found.items()}
    except (SafetensorError, KeyError) as error:  # KeyError: a type that NumPy does not have
        raise CheckpointError(f"the weights of {card.id} cannot be read: {error}") from None


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """A JSON object whose names are all different."""
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("its header names a tensor twice")
    return found
