"""A checkpoint's tensors without torch: what its file's header says of them, or all of them."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load

from flatdiff.checkpoints.card import WEIGHTS_FILE, Card, verify_weights
from flatdiff.checkpoints.header import Header, read_header
from flatdiff.errors import CheckpointError
from flatdiff.system.files import resolve_inside

Tensors = dict[str, NDArray[np.float32]]  # by the names of the state dict
Shapes = dict[str, tuple[int, ...]]


def weights_header(root: Path, card: Card) -> Header:
    """Of a checkpoint's file; no weight is read.

    Raises:
        CheckpointError: the file is no safetensors file, or its header is beyond all bounds.
    """
    try:
        return read_header(resolve_inside(root, f"{card.id}/{WEIGHTS_FILE}"))
    except CheckpointError as error:
        raise CheckpointError(f"the weights of {card.id} cannot be read: {error}") from None


def read_shapes(root: Path, card: Card) -> Shapes:
    """Names and shapes of a checkpoint's tensors, in the file's order; no weight is read.

    Raises:
        CheckpointError: see `weights_header`.
    """
    return weights_header(root, card).shapes


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
