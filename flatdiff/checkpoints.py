"""A checkpoint's weights on disk: float32 safetensors beside the card that names their digest."""

import hashlib
from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor

from flatdiff.cards import WEIGHTS_FILE, Card, verify_weights, write_card
from flatdiff.errors import CheckpointError
from flatdiff.files import atomic_write, resolve_inside
from flatdiff.unet import AdmUNet


def serialize_weights(state: Mapping[str, Tensor]) -> tuple[bytes, str]:
    """Safetensors bytes of a state dict as float32, and their SHA-256."""
    content = save({k: v.detach().float().cpu().contiguous() for k, v in state.items()})
    return content, hashlib.sha256(content).hexdigest()


def write_checkpoint(folder: Path, card: Card, content: bytes) -> None:
    """Weights first, card last, each atomically.

    Raises:
        FlatdiffError: the folder cannot be written.
    """
    atomic_write(folder / WEIGHTS_FILE, content)
    write_card(folder, card)


def load_model(root: Path, card: Card, device: torch.device) -> AdmUNet:
    """The network of a card in eval mode, its weights checked against the digest.

    Raises:
        CheckpointError: the weights are damaged, or do not fit the card's flags.
    """
    folder = resolve_inside(root, card.id)
    verify_weights(folder, card)
    try:
        state = load((folder / WEIGHTS_FILE).read_bytes())
        model = AdmUNet(card.flags)
        model.load_state_dict(state)
    except (SafetensorError, RuntimeError) as error:
        raise CheckpointError(f"the weights of {card.id} do not fit its card: {error}") from None
    return model.to(device).eval().requires_grad_(False)
