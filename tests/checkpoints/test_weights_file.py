"""Weights on disk: what comes back is what went in, or an error that names the checkpoint."""

import dataclasses
import hashlib
from pathlib import Path

import pytest
import torch
from safetensors.torch import load, save

from flatdiff.checkpoints.weights_file import load_model, serialize_weights, write_checkpoint
from flatdiff.diffusion.flags import AdmFlags
from flatdiff.errors import CheckpointError
from tests.checkpoints.test_card import card_of
from tests.tiny import CPU, TINY, random_network


def place(root: Path, content: bytes, flags: AdmFlags = TINY) -> None:
    """A checkpoint of these bytes, whose card has their digest."""
    card = card_of(content, flags=flags)
    write_checkpoint(root / card.id, card, content)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16, torch.float64])
def test_weights_are_kept_as_float32(dtype: torch.dtype) -> None:
    """Halves fit into float32 exactly; the digest is hashlib's over the same bytes."""
    state = {"a": torch.randn(4, 3).to(dtype).T, "b": torch.ones(2, dtype=dtype)}
    content, digest = serialize_weights(state)
    assert digest == hashlib.sha256(content).hexdigest()
    back = load(content)
    assert {name: value.dtype for name, value in back.items()} == dict.fromkeys(
        "ab", torch.float32
    )
    assert all(torch.equal(back[name], state[name].float()) for name in state)


def test_bytes_are_those_of_the_formats_own_writer() -> None:
    """Names in its order, no dimension, none at all, and a header that ends between words."""
    state = {"b": torch.ones(2), "a.ß": torch.eye(3).T, "A": torch.tensor(5.0)}
    for length in range(9):
        state[f"n{'n' * length}"] = torch.zeros(0, length)
        content, _ = serialize_weights(state)
        assert content == save({name: value.contiguous() for name, value in state.items()})


def test_loaded_network_is_frozen_in_eval_mode_with_equal_bits(tmp_path: Path) -> None:
    """State dicts are compared bit by bit with the network that was saved."""
    model = random_network(TINY)
    content, _ = serialize_weights(model.state_dict())
    place(tmp_path, content)
    loaded = load_model(tmp_path, card_of(content), CPU)
    assert not loaded.training
    assert not any(parameter.requires_grad for parameter in loaded.parameters())
    theirs = model.state_dict()
    assert all(torch.equal(value, theirs[name]) for name, value in loaded.state_dict().items())


@pytest.mark.parametrize(
    ("flags", "word"),
    [
        (dataclasses.replace(TINY, num_res_blocks=2), "22 missing .*in_layers"),
        (dataclasses.replace(TINY, num_channels=64), "of another shape .time_embed.0.weight is"),
        (dataclasses.replace(TINY, num_classes=3), "label_emb"),
    ],
)
def test_weights_of_another_network_are_refused(
    flags: AdmFlags, word: str, tmp_path: Path
) -> None:
    """The digest is right, so only the shapes and names can tell."""
    content, _ = serialize_weights(random_network(TINY).state_dict())
    place(tmp_path, content, flags)
    with pytest.raises(CheckpointError, match=word):
        load_model(tmp_path, card_of(content, flags=flags), CPU)


@pytest.mark.parametrize("content", [b"", b"<html>", save({"a": torch.zeros(3)})[:-4]])
def test_what_is_no_weights_file_is_refused_in_a_sentence(content: bytes, tmp_path: Path) -> None:
    """Digests vouch for bytes, not for meaning."""
    place(tmp_path, content)
    with pytest.raises(CheckpointError, match="family/sam-swa cannot be read"):
        load_model(tmp_path, card_of(content), CPU)
