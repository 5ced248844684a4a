"""Tensors without torch: against torch's own reader, and headers that no honest file has."""

import json
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import save

from flatdiff.checkpoints.card import Card, read_card
from flatdiff.checkpoints.tensors import layer_names, read_shapes, read_tensors
from flatdiff.checkpoints.weights_file import load_model, write_checkpoint
from flatdiff.errors import CheckpointError
from tests.checkpoints.test_card import card_of
from tests.tiny import CPU


def place(root: Path, content: bytes) -> Card:
    """A checkpoint of these bytes, whose card has their digest."""
    card = card_of(content)
    write_checkpoint(root / card.id, card, content)
    return card


def with_header(header: Any, length: int | None = None) -> bytes:
    """A file of a header alone, which may claim another length than it has."""
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(text) if length is None else length) + text


def test_tensors_are_the_networks(tiny_root: Path) -> None:
    """The network that torch loads from the same file has these names, shapes and bits."""
    card = read_card(tiny_root, "tiny/adm")
    state = load_model(tiny_root, card, CPU).state_dict()
    shapes, tensors = read_shapes(tiny_root, card), read_tensors(tiny_root, card)
    assert shapes == {name: tuple(value.shape) for name, value in state.items()}
    assert tensors.keys() == state.keys()
    assert all(np.array_equal(tensors[name], state[name].numpy()) for name in state)
    layers = layer_names(tiny_root, card)
    assert set(layers) == {name for name, value in state.items() if value.dim() >= 2}


def test_halves_become_float32(tmp_path: Path) -> None:
    """Every float16 is a float32; NumPy's arithmetic says which."""
    values = torch.linspace(-1, 1, 7).half()
    found = read_tensors(tmp_path, place(tmp_path, save({"a": values})))
    assert found["a"].dtype == np.float32
    assert np.array_equal(found["a"], values.numpy().astype(np.float32))


ENTRY = {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}
DAMAGED = {
    "nothing at all": b"",
    "a web page": b"<!DOCTYPE html><html><body>Not found</body></html>",
    "a pointer of Git LFS": b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n",
    "a header of a gigabyte": with_header({}, 1 << 30),
    "a cut header": with_header({"a": ENTRY})[:-5],
    "a header that is a list": with_header([1, 2]),
    "a header without shapes": with_header({"a": {"dtype": "F32"}}),
    "a name twice": with_header(b'{"a":{"shape":[1]},"a":{"shape":[2]}}'),
    "a nested bomb": with_header(b"[" * 100_000),
    "too many tensors": with_header({str(n): {"shape": []} for n in range(20_001)}),
    "bytes that are no text": with_header(b"\xff\xfe" * 20),
}


@pytest.mark.parametrize("name", DAMAGED)
@pytest.mark.parametrize("read", [read_shapes, layer_names, read_tensors])
def test_damage_is_a_sentence(read: Any, name: str, tmp_path: Path) -> None:
    """Each is written here byte by byte; its digest is right, so only the reader can refuse it."""
    card = place(tmp_path, DAMAGED[name])
    with pytest.raises(CheckpointError, match="cannot be read"):
        read(tmp_path, card)


@pytest.mark.parametrize(
    "content", [with_header({"a": ENTRY}), save({"a": torch.ones(2).bfloat16()})]
)
def test_tensors_that_are_not_there_or_not_numpys(content: bytes, tmp_path: Path) -> None:
    """A header without its data, and a type that NumPy does not have."""
    card = place(tmp_path, content)
    with pytest.raises(CheckpointError, match="cannot be read"):
        read_tensors(tmp_path, card)


def test_replaced_weights_are_noticed(tmp_path: Path) -> None:
    """Whole and readable, but not what the card speaks of."""
    card = place(tmp_path, save({"a": torch.ones(2)}))
    (tmp_path / card.id / "weights.safetensors").write_bytes(save({"a": torch.zeros(2)}))
    with pytest.raises(CheckpointError, match="SHA-256"):
        read_tensors(tmp_path, card)
