"""Quantised files: torch reads them and arithmetic from their description gives the weights."""

import dataclasses
import hashlib
import json
import math
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file

from flatdiff.checkpoints.card import Card, read_card
from flatdiff.checkpoints.tensors import Tensors, read_shapes, read_tensors
from flatdiff.commands.quantize import QuantizeOptions, quantize
from flatdiff.errors import CheckpointError, SettingsError
from flatdiff.landscape.quantization import Scheme, fake_quantize
from flatdiff.landscape.quantized_file import file_sizes, quantized_file, read_quantized_file

SCHEMES = [
    Scheme(),
    Scheme(bits=2, per_channel=True, clipping="mse"),
    Scheme(bits=5, symmetric=False),
    Scheme(bits=4, per_channel=True, symmetric=False),
]


@pytest.fixture(scope="module")
def checkpoint(tiny_root: Path) -> tuple[Card, Tensors]:
    """A random tiny network."""
    card = read_card(tiny_root, "tiny/adm")
    return card, read_tensors(tiny_root, card)


@pytest.mark.parametrize("scheme", SCHEMES, ids=str)
def test_reader_gives_back_the_rounded_weights(
    checkpoint: tuple[Card, Tensors], scheme: Scheme, tmp_path: Path
) -> None:
    """Compared as integers with the weights that every measurement rounds; and twice is equal."""
    card, tensors = checkpoint
    path = tmp_path / "q.safetensors"
    path.write_bytes(content := quantized_file(card, tensors, scheme))
    found = read_quantized_file(path)
    assert (found.scheme, found.flags, found.source) == (scheme, card.flags, "tiny/adm")
    assert found.source_digest == card.digest
    assert found.tensors.keys() == tensors.keys()
    for name, values in tensors.items():
        expected = fake_quantize(values, scheme)
        assert np.array_equal(found.tensors[name].view(np.int32), expected.view(np.int32)), name
    assert quantized_file(card, tensors, scheme) == content


@pytest.mark.parametrize("scheme", SCHEMES, ids=str)
def test_the_description_is_enough_to_read_it(
    checkpoint: tuple[Card, Tensors], scheme: Scheme, tmp_path: Path
) -> None:
    """Torch's reader and (code - zero_point) * scale, from the module's docstring alone.

    Half a step of the coarsest grid bounds the distance to the weights where nothing is clipped.
    """
    card, tensors = checkpoint
    path = tmp_path / "q.safetensors"
    path.write_bytes(quantized_file(card, tensors, scheme))
    found = load_file(path)
    with safe_open(path, framework="pt") as file:
        facts = json.loads(file.metadata()["flatdiff"])
    assert facts["source_digest"] == card.digest
    assert facts["scheme"]["bits"] == scheme.bits
    for name, values in tensors.items():
        codes, scale = found[name], found[f"{name}.scale"]
        assert codes.dtype == (torch.int8 if scheme.symmetric else torch.uint8)
        assert codes.shape == values.shape
        grids = len(values) if scheme.per_channel and values.ndim > 1 else 1
        assert scale.shape == (grids,)
        assert (f"{name}.zero_point" in found) == (not scheme.symmetric)
        zero = found.get(f"{name}.zero_point", torch.zeros(grids)).double()
        rows = (codes.reshape(grids, -1).double() - zero[:, None]) * scale.double()[:, None]
        if scheme.clipping == "minmax":
            error = (rows.reshape(values.shape) - torch.tensor(values).double()).abs().max()
            bound = 0.5 if scheme.symmetric else 1.0  # a zero point shifts a grid by half a step
            assert error <= bound * scale.max() * (1 + 1e-5)


@pytest.mark.parametrize("scheme", SCHEMES, ids=str)
def test_sizes_without_a_weight(
    checkpoint: tuple[Card, Tensors], scheme: Scheme, tiny_root: Path
) -> None:
    """The real files' lengths; packed codes take bits / 8 of a byte each, tensors whole bytes."""
    card, tensors = checkpoint
    shapes = read_shapes(tiny_root, card)
    whole, packed = file_sizes(card, shapes, scheme)
    assert whole == len(quantized_file(card, tensors, scheme))
    sizes = [values.size for values in tensors.values()]
    assert packed == whole - sum(sizes) + sum(math.ceil(n * scheme.bits / 8) for n in sizes)
    plain = (tiny_root / "tiny/adm/weights.safetensors").stat().st_size
    assert file_sizes(card, shapes, Scheme(bits=32)) == (plain, plain)


def test_32_bits_have_no_integers(checkpoint: tuple[Card, Tensors]) -> None:
    """A file of float32 weights is there already."""
    with pytest.raises(SettingsError, match=r"bits must be in \[2, 8\] for a file; got 32"):
        quantized_file(*checkpoint, Scheme(bits=32))


def damaged(content: bytes) -> dict[str, bytes]:
    """Files that are not quantised files, or not whole ones."""
    return {
        "empty": b"",
        "cut": content[:-10],
        "a header of a gigabyte": (1 << 30).to_bytes(8, "little") + content[8:],
        "no metadata": content.replace(b"__metadata__", b"__metadatb__"),
        "another format": content.replace(b'format_version\\":1', b'format_version\\":2'),
        "impossible bits": content.replace(b'bits\\":8', b'bits\\":9'),
        "scales that are no lists": content.replace(b'"shape":[1]', b'"shape":[] '),
        "a scale gone": content.replace(b"out.0.bias.scale", b"out.0.bias.skale"),
    }


@pytest.mark.parametrize("name", damaged(b""))
def test_damage_is_a_sentence(checkpoint: tuple[Card, Tensors], name: str, tmp_path: Path) -> None:
    """Single places of a good file are changed here; the reader must not guess."""
    content = quantized_file(*checkpoint, Scheme())
    changed = damaged(content)[name]
    assert changed != content
    path = tmp_path / "q.safetensors"
    path.write_bytes(changed)
    with pytest.raises(CheckpointError, match="is no quantised file of flatdiff"):
        read_quantized_file(path)


def test_plain_weights_are_no_quantised_file(tiny_root: Path) -> None:
    """A whole and honest safetensors file of another kind."""
    with pytest.raises(CheckpointError, match="is no quantised file"):
        read_quantized_file(tiny_root / "tiny/adm/weights.safetensors")


def test_command_writes_the_file_and_says_what_it_saves(
    tiny_root: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Sizes are read from the two files on disk, the ratio is divided here."""
    monkeypatch.setenv("FLATDIFF_CHECKPOINTS", str(tiny_root))
    out = tmp_path / "new" / "q.safetensors"
    before = hashlib.sha256((tiny_root / "tiny/sam/weights.safetensors").read_bytes()).hexdigest()
    assert quantize(QuantizeOptions(checkpoint="tiny/sam", out=out), Scheme(bits=4)) == 0
    said = capsys.readouterr().out
    plain = (tiny_root / "tiny/sam/weights.safetensors").stat().st_size
    small = out.stat().st_size
    assert f"float32 {plain:,} bytes, quantised {small:,} bytes" in said
    assert f"{plain / small:.2f} times less" in said
    assert "packed to 4 bits" in said
    found = read_quantized_file(out)
    assert (found.source, found.source_digest) == ("tiny/sam", before)
    with pytest.raises(SettingsError, match="--out must be a file"):
        dataclasses.replace(QuantizeOptions(checkpoint="tiny/sam", out=out), out=tmp_path / "q.pt")
