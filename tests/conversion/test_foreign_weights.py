"""Torch files of strangers: every tensor by its name, and nothing else is ever made of them."""

import os
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from flatdiff.conversion import foreign_weights
from flatdiff.conversion.foreign_weights import open_weights
from flatdiff.conversion.launch import foreign_header
from flatdiff.errors import CheckpointError
from tests.conversion.test_torch_archive import STATE, rezipped


class Hostile:
    """Unpickled by anybody who trusts it, it leaves a file behind."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return os.system, (f"touch {self.path}",)


class Greedy:
    """Unpickled, it asks for 100 GB of memory."""

    def __reduce__(self) -> tuple[Any, ...]:
        return bytearray, (100 << 30,)


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


def test_code_is_named_and_never_run(tmp_path: Path) -> None:
    """A command hidden in a pickle, and an honest person's whole module."""
    marker = tmp_path / "owned"
    path = write(tmp_path / "w.pt", {"w": torch.ones(2), "x": Hostile(marker)})
    with pytest.raises(CheckpointError, match=r"posix.system.*nothing of it was run"):
        open_weights(path)
    assert not marker.exists()
    path = write(tmp_path / "m.pt", nn.Linear(2, 2))
    with pytest.raises(CheckpointError, match=r"torch.nn.modules.linear.Linear.*state_dict"):
        open_weights(path)


def test_a_memory_bomb_ends_its_own_process_only(tmp_path: Path) -> None:
    """390 bytes that ask for 100 GB, through the real child with its limit."""
    path = write(tmp_path / "w.pt", {"w": torch.ones(2), "x": Greedy()})
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
    "a sparse tensor": ({"a": torch.ones(2).to_sparse()}, "none of a state dict"),
    "no numbers": ({"a": torch.ones(2, device="meta")}, "without numbers"),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_contents_are_a_sentence(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Everything that torch would load with weights_only and that is no state dict."""
    monkeypatch.setattr(foreign_weights, "MAX_NODES", 20_000)  # looked at one by one
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
