"""A checkpoint's weights on disk: float32 safetensors beside the card that names their digest."""

import hashlib
import itertools
import json
import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load
from torch import Tensor, nn

from flatdiff.checkpoints.card import WEIGHTS_FILE, Card, verify_weights, write_card
from flatdiff.checkpoints.header import shortened
from flatdiff.checkpoints.tensors import Shapes
from flatdiff.diffusion.any_flags import Flags
from flatdiff.diffusion.flags import AdmFlags
from flatdiff.diffusion.networks import build_network
from flatdiff.diffusion.own_flags import OwnFlags
from flatdiff.errors import CheckpointError
from flatdiff.system.files import atomic_write, atomic_write_parts, resolve_inside

MISFITS_SHOWN = 5


def serialize_weights(state: Mapping[str, Tensor]) -> tuple[bytes, str]:
    """Safetensors bytes of a state dict as float32, and their SHA-256."""
    content = b"".join(weight_parts(shapes_of(state), state.__getitem__))
    return content, hashlib.sha256(content).hexdigest()


def weight_parts(shapes: Shapes, tensor: Callable[[str], Tensor]) -> Iterator[bytes]:
    """The same bytes one tensor at a time, so that no more than one is held.

    Args:
        shapes: of all tensors, by name.
        tensor: reads one of them, of any float type.
    """
    names = sorted(shapes)  # as the format's own writer orders tensors of one type
    ends = list(itertools.accumulate((4 * math.prod(shapes[name]) for name in names), initial=0))
    header = {
        name: {"dtype": "F32", "shape": list(shapes[name]), "data_offsets": [begin, end]}
        for name, begin, end in zip(names, ends, ends[1:], strict=False)
    }
    text = json.dumps(header, separators=(",", ":"), ensure_ascii=False).encode()
    text += b" " * (-len(text) % 8)
    yield len(text).to_bytes(8, "little") + text
    for name in names:
        values = tensor(name).detach().float().cpu().contiguous().numpy()
        yield values.astype("<f4", copy=False).tobytes()


def write_weights(path: Path, parts: Iterable[bytes]) -> str:
    """Put parts into a file, atomically; returns the SHA-256 of all of them.

    Raises:
        FlatdiffError: it cannot be written; nothing was changed.
    """
    digest = hashlib.sha256()

    def counted() -> Iterator[bytes]:
        for part in parts:
            digest.update(part)
            yield part

    atomic_write_parts(path, counted())
    return digest.hexdigest()


def write_checkpoint(folder: Path, card: Card, content: bytes) -> None:
    """Weights first, card last, each atomically.

    Raises:
        FlatdiffError: the folder cannot be written.
    """
    atomic_write(folder / WEIGHTS_FILE, content)
    write_card(folder, card)


def load_model(root: Path, card: Card, device: torch.device) -> nn.Module:
    """The network of a card in eval mode, its weights checked against the digest.

    Raises:
        CheckpointError: the weights are damaged, or do not fit the card's flags.
    """
    folder = resolve_inside(root, card.id)
    verify_weights(folder, card)
    try:
        state = load((folder / WEIGHTS_FILE).read_bytes())
    except SafetensorError as error:
        raise CheckpointError(f"the weights of {card.id} cannot be read: {error}") from None
    model = _outline(card.flags)
    if wrong := misfits(shapes_of(model.state_dict()), shapes_of(state)):
        raise CheckpointError(f"the weights of {card.id} do not fit its card: {wrong}")
    if isinstance(card.flags, AdmFlags):
        model.to_empty(device=device)
    else:  # a foreign class may keep what no state dict has
        model = build_network(card.flags).to(device)
    model.load_state_dict(state)
    return model.eval().requires_grad_(False)


def misfits(expected: Shapes, got: Shapes) -> str:
    """What is missing, unexpected or of another shape, the first few of each; "" if nothing."""
    shapes = [
        f"{name} is {got[name]}, not {shape}"
        for name, shape in expected.items()
        if got.get(name, shape) != shape
    ]
    found = {
        "missing": [name for name in expected if name not in got],
        "unexpected": [name for name in got if name not in expected],
        "of another shape": shapes,
    }
    return "; ".join(
        f"{len(names)} {what} ({', '.join(map(shortened, names[:MISFITS_SHOWN]))}"
        + (", ...)" if len(names) > MISFITS_SHOWN else ")")
        for what, names in found.items()
        if names
    )


def network_shapes(flags: Flags) -> Shapes:
    """Names and shapes of a network's tensors, without one: flags may promise more than fits."""
    return shapes_of(_outline(flags).state_dict())


def _outline(flags: Flags) -> nn.Module:
    """A network of shapes alone; of one's own code, which may need numbers, the network itself."""
    with torch.device("cpu" if isinstance(flags, OwnFlags) else "meta"):
        return build_network(flags)


def shapes_of(state: Mapping[str, Tensor]) -> Shapes:
    """By name."""
    return {name: tuple(value.shape) for name, value in state.items()}
