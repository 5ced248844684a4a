"""Torch files of strangers: every tensor by its name, and nothing else is ever made of them."""

from pathlib import Path
from typing import Any

import pytest
import torch

from flatdiff.conversion import torch_file
from flatdiff.conversion.foreign_weights import open_weights
from flatdiff.conversion.launch import foreign_header
from flatdiff.errors import CheckpointError
from tests.conversion.test_torch_archive import STATE, rezipped


def write(path: Path, value: object) -> Path:
    """As torch does."""
    torch.save(value, path)
    return path


def test_nested_names_are_joined(tmp_path: Path) -> None:
    """Dictionaries and lists, whatever stands between; the types are torch's own."""
    state = {
        "model": {"w": torch.ones(2, 3).half(), "step": 5},
        "rest": [torch.zeros(4, dtype=torch.int64), None],
        "opt": {"state": {0: {"exp_avg": torch.zeros(1, dtype=torch.bfloat16)}}},
        "name": "text",
    }
    weights = open_weights(write(tmp_path / "w.pt", state))
    found = {n: (entry.dtype, entry.shape) for n, entry in weights.header.tensors.items()}
    assert found == {
        "model.w": ("F16", (2, 3)),
        "rest.0": ("I64", (4,)),
        "opt.state.0.exp_avg": ("BF16", (1,)),
    }
    assert torch.equal(weights.tensor("model.w"), state["model"]["w"])


def test_a_memory_bomb_ends_its_own_process_only(tmp_path: Path) -> None:
    """A pickle that asks for 100 GB in ten bytes, through the real child with its limit."""
    greedy = b"\x80\x05\x96" + (100 << 30).to_bytes(8, "little") + b"."
    path = tmp_path / "w.pt"
    path.write_bytes(rezipped(lambda n, d: (n, greedy if n.endswith("data.pkl") else d)))
    with pytest.raises(CheckpointError, match="memory"):
        foreign_header(path)


def test_tensors_of_a_gpu_are_read_without_one(tmp_path: Path) -> None:
    """Published files are saved from GPUs; here the pickle is made to say so."""

    def moved(name: str, data: bytes) -> tuple[str, bytes]:
        return name, data.replace(b"X\x03\x00\x00\x00cpu", b"X\x06\x00\x00\x00cuda:0")

    path = tmp_path / "w.pt"
    path.write_bytes(rezipped(moved))
    with pytest.raises(RuntimeError, match="CUDA"):
        torch.load(path, weights_only=True)
    weights = open_weights(path)
    assert all(torch.equal(weights.tensor(name), value) for name, value in STATE.items())


def cyclic() -> dict[str, Any]:
    """A dictionary that holds itself."""
    value: dict[str, Any] = {}
    value["self"] = value
    return value


def wide() -> dict[str, Any]:
    """A few hundred names that stand for hundreds of millions."""
    leaf = dict.fromkeys(range(400), 1)
    return {str(n): {str(m): leaf for m in range(400)} for n in range(400)}


def under_one_key(length: int) -> dict[str, Any]:
    """A few KB that say one long name again for every tensor."""
    tensor = torch.zeros(1)
    return {"K" * length: {str(n): tensor for n in range(50)}}


BAD: dict[str, tuple[Any, str]] = {
    "no tensors": ({"step": 5}, "no tensors"),
    "a cycle": (cyclic(), "no tensors"),
    "too many objects": (wide(), "more than 20,000 objects"),
    "two of one name": ({"a": {"b": torch.ones(1)}, "a.b": torch.ones(1)}, "twice"),
    "a long name": (under_one_key(600), "600 characters; at most 512"),
    "a name long in the end": (under_one_key(511), "513 characters; at most 512"),
    "half a character": ({"a\ud800": torch.ones(1)}, r"a\\ud800, is no text"),
    "too many dimensions": ({"a": torch.ones([1] * 40)}, "40 dimensions"),
    "an expanded tensor": ({"a": torch.ones(1).expand(1000, 1000)}, "more numbers than it has"),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_contents_are_a_sentence(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever torch would load with weights_only, and is no state dict."""
    monkeypatch.setattr(torch_file, "MAX_NODES", 20_000)  # looked at one by one
    value, word = BAD[name]
    with pytest.raises(CheckpointError, match=word) as caught:
        open_weights(write(tmp_path / "w.pt", value))
    assert "weights_only=False" not in str(caught.value)


def test_old_files_are_refused_by_name(tmp_path: Path) -> None:
    """Before PyTorch 1.6, and EDM's pickles, which carry their program along."""
    path = tmp_path / "w.pt"
    torch.save({"w": torch.ones(2)}, path, _use_new_zipfile_serialization=False)
    with pytest.raises(CheckpointError, match=r"PyTorch before 1.6 wrote it"):
        open_weights(path)
    path.write_bytes(b"\x80\x04\x95ema\x8c\x17torch_utils.persistence\x94\x8c\x1b_reconstruct")
    with pytest.raises(CheckpointError, match="a pickle of EDM"):
        open_weights(path)


@pytest.mark.parametrize(
    "name", ["expanded", "transposed", "shared", "empty", "scalar", "cut out"]
)
def test_numbers_are_those_that_torch_reads(name: str, tmp_path: Path) -> None:
    """Views of every kind; torch's own loader is the judge."""
    base = torch.arange(24.0).reshape(4, 6)
    value = {
        "expanded": torch.ones(3, 1).expand(3, 1),
        "transposed": base.T,
        "shared": base[1:],
        "empty": base[:0],
        "scalar": torch.tensor(3.5, dtype=torch.float64),
        "cut out": base[::2, 1::3],
    }[name]
    path = write(tmp_path / "w.pt", {"base": base, "value": value, "half": value.half()})
    theirs, ours = torch.load(path, weights_only=True), open_weights(path)
    for key, tensor in theirs.items():
        assert torch.equal(ours.tensor(key), tensor)
        assert ours.tensor(key).dtype == tensor.dtype


def test_numbers_out_of_step_are_copied(tmp_path: Path) -> None:
    """Other writers of archives put a storage where they like; torch's aligns them to 64 bytes."""
    path = tmp_path / "w.pt"
    for pad in range(1, 9):
        path.write_bytes(rezipped(lambda n, d, pad=pad: (n.replace("archive", "a" * pad), d)))
        weights = open_weights(path)
        assert all(torch.equal(weights.tensor(name), value) for name, value in STATE.items())
