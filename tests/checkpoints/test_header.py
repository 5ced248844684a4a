"""Headers: against torch's own writer, and files that no honest program has written."""

import bz2
import gzip
import io
import json
import lzma
import os
import struct
import tarfile
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save

from flatdiff.checkpoints.header import BITS, parse_header, read_header
from flatdiff.errors import CheckpointError


def with_header(header: Any, length: int | None = None, data: bytes = b"") -> bytes:
    """A file of these bytes, which may claim another length of its header."""
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(text) if length is None else length) + text + data


def entry(**changes: Any) -> dict[str, Any]:
    """Of one float32."""
    return {"dtype": "F32", "shape": [1], "data_offsets": [0, 4], **changes}


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16, torch.float64])
def test_a_header_is_what_torch_wrote(dtype: torch.dtype, tmp_path: Path) -> None:
    """Sizes and bytes are counted by torch."""
    state = {"a": torch.zeros(2, 3, dtype=dtype), "b": torch.zeros((), dtype=dtype)}
    state["none"] = torch.zeros(0, 5, dtype=dtype)
    path = tmp_path / "w.safetensors"
    path.write_bytes(save(state, {"who": "torch"}))
    header = read_header(path)
    assert header.metadata == {"who": "torch"}
    assert header.shapes == {name: tuple(value.shape) for name, value in state.items()}
    for name, value in state.items():
        found = header.tensors[name]
        assert (found.size, found.num_bytes) == (value.numel(), value.nbytes)
        assert BITS[found.dtype] == 8 * value.itemsize


def tarred() -> bytes:
    """An archive of one file."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        archive.addfile(tarfile.TarInfo("ADM-IP.pt"), io.BytesIO())
    return buffer.getvalue()


TWO = save({"a": torch.ones(2), "b": torch.ones(3)})
BAD: dict[str, tuple[bytes, str]] = {
    "nothing": (b"", "empty"),
    "three bytes": (b"abc", "only 3 bytes"),
    "a web page": (b"<!DOCTYPE html><html><body>Not found</body></html>", "web page"),
    "an indented web page": (b"\n\n  <html><body>Not found</body></html>", "web page"),
    "a pointer of Git LFS": (b"version https://git-lfs.github.com/spec/v1\noid", "git lfs pull"),
    "a zip": (b"PK\x03\x04" + bytes(50), "PyTorch"),
    "a pickle": (b"\x80\x02}q\x00X\x05\x00\x00\x00model", "pickle"),
    "gzip": (gzip.compress(b"weights" * 9), "gunzip FILE"),
    "bzip2": (bz2.compress(b"weights" * 9), "bunzip2 FILE"),
    "xz": (lzma.compress(b"weights" * 9), "unxz FILE"),
    "a tar archive": (tarred(), "tar -xf FILE"),
    "an array of NumPy": (b"\x93NUMPY\x01\x00" + bytes(64), "one array"),
    "an image": (b"\x89PNG\r\n\x1a\n" + bytes(64), "an image"),
    "HDF5": (b"\x89HDF\r\n\x1a\n" + bytes(64), "Keras"),
    "an index of parts": (b'{"metadata": {}, "weight_map": {}}', "index of parts"),
    "text": (b"Once upon a time there was a file", "no safetensors file"),
    "a list": (with_header([1, 2]), "no safetensors file"),
    "a header of a gigabyte": (with_header({}, 1 << 30), "claims 1,073,741,824 bytes"),
    "a header of 2^64": (with_header({}, 2**64 - 1), "at most 4,194,304"),
    "a cut header": (with_header({"a": entry()})[:-5], "cut or damaged"),
    "cut numbers": (TWO[:-4], "16 bytes of weights, not 20"),
    "numbers too many": (TWO + b"1234", "24 bytes of weights, not 20"),
    "a name twice": (with_header(b'{"a":{"shape":[1]},"a":{"shape":[2]}}'), "twice"),
    "an entry twice": (with_header(b'{"a":{"shape":[1],"shape":[2]}}'), "twice"),
    "too many tensors": (with_header({str(n): {} for n in range(20_001)}), "20,001 tensors"),
    "a nested bomb": (with_header(b'{"a":' + b"[" * 100_000), "not that of a safetensors"),
    "a number of a million digits": (with_header(b'{"a":' + b"1" * 1_000_000), "digits"),
    "no text": (with_header(b'{"a' + b"\xff\xfe" * 20), "not that of a safetensors"),
    "no shape": (with_header({"a": {"dtype": "F32", "data_offsets": [0, 0]}}), "safetensors"),
    "no table": (with_header({"a": 5}), "safetensors"),
    "metadata of another kind": (with_header({"__metadata__": [1]}), "safetensors"),
    "a type of nobody": (with_header({"a": entry(dtype="F31")}, data=b"1234"), "F31"),
    "a negative shape": (with_header({"a": entry(shape=[-1])}, data=b"1234"), "impossible"),
    "a shape of bools": (with_header({"a": entry(shape=[True])}, data=b"1234"), "impossible"),
    "a gigantic shape": (with_header({"a": entry(shape=[1 << 60])}, data=b"1234"), "impossible"),
    "a thousand dimensions": (
        with_header({"a": entry(shape=[1] * 1000)}, data=b"1234"),
        "impossible",
    ),
    "more than its place": (with_header({"a": entry(shape=[9])}, data=b"1234"), "another size"),
    "two in one place": (
        with_header({"a": entry(), "b": entry()}, data=b"1234"),
        "a place twice",
    ),
    "a hole": (with_header({"a": entry(data_offsets=[4, 8])}, data=bytes(8)), "a place twice"),
    "backwards": (with_header({"a": entry(data_offsets=[0, -4])}), "a place twice"),
    "places that are text": (with_header({"a": entry(data_offsets="04")}), "safetensors|place"),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_headers_are_a_sentence(name: str, tmp_path: Path) -> None:
    """Each is written here byte by byte; the word is what a person needs to mend it."""
    content, word = BAD[name]
    path = tmp_path / "w.safetensors"
    path.write_bytes(content)
    with pytest.raises(CheckpointError, match=word) as caught:
        read_header(path)
    assert len(str(caught.value)) < 200
    with pytest.raises(CheckpointError, match=word):
        parse_header(io.BytesIO(content), len(content))


def test_what_is_no_file_is_not_waited_for(tmp_path: Path) -> None:
    """A pipe that nobody writes to would hang a reader for ever."""
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path / "pipe", tmp_path, tmp_path / "absent"):
        with pytest.raises(CheckpointError, match=r"no (such )?file"):
            read_header(path)
