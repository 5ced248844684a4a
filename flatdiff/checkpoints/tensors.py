"""A checkpoint's tensors without torch: what its file's header says of them, or all of them."""

from collections.abc import Iterable
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

FEWEST_BLOCKS = 8  # that a network is seen as, where it has so many modules
# The first words of names in ADM's state dict, as the data pass them.
ADM_PARTS = ("time_embed", "label_emb", "input_blocks", "middle_block", "output_blocks", "out")


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


def block_names(root: Path, card: Card) -> tuple[str, ...]:
    """The parts of its network, from the input to the output; see `blocks_of`.

    Raises:
        CheckpointError: see `read_shapes`.
    """
    return tuple(blocks_of(read_shapes(root, card)))


def blocks_of(names: Iterable[str]) -> dict[str, tuple[str, ...]]:
    """Tensors by the part of the network that they belong to, from the input to the output.

    A part is a module, as high up as there are enough of them: of ADM a block, or a layer before,
    between and after the blocks.

    >>> blocks_of(["out.0.bias", "out.0.weight", "input_blocks.10.bias", "input_blocks.2.bias"])
    {'input_blocks.2': ('input_blocks.2.bias',), 'input_blocks.10': ('input_blocks.10.bias',), \
'out.0': ('out.0.bias', 'out.0.weight')}
    """
    modules = {name: name.split(".")[:-1] or [name] for name in names}
    deepest = max(map(len, modules.values()), default=1)
    found: dict[str, tuple[str, ...]] = {}
    for depth in range(1, deepest + 1):
        found = {}
        for name in sorted(modules, key=_by_depth):
            block = ".".join(modules[name][:depth])
            found[block] = (*found.get(block, ()), name)
        if len(found) >= FEWEST_BLOCKS:
            break
    return found


def _by_depth(name: str) -> tuple[int, list[tuple[int, str]]]:
    """ADM's parts as the data pass them, others by their names; numbers as numbers."""
    words = name.split(".")
    rank = ADM_PARTS.index(words[0]) if words[0] in ADM_PARTS else len(ADM_PARTS)
    return rank, [(int(word), "") if word.isdecimal() else (-1, word) for word in words]


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
