"""Arrays through NPZ: the same bytes back, damage refused, and never any code."""

import io
import os
import random
import zipfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

from flatdiff.errors import StoreError
from flatdiff.system.arrays import Arrays, decode_arrays, encode_arrays
from tests.subjects import arrays_of, same_arrays

DTYPES = st.sampled_from(["f4", "f8", "i8", "u1", "?"])
ARRAYS = npst.arrays(DTYPES, npst.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=4))
NAMES = st.text("abcdefghijklmnopqrstuvwxyz_", min_size=1, max_size=8)
ITEMS = st.lists(st.dictionaries(NAMES, ARRAYS, min_size=1, max_size=3), max_size=12)


@settings(max_examples=60, deadline=None, derandomize=True)
@given(ITEMS)
def test_comes_back_bit_by_bit(items: list[Arrays]) -> None:
    """NaN payloads, signed zeros, empty arrays, scalars; more than ten items keep their order."""
    again = decode_arrays(encode_arrays(items))
    assert len(again) == len(items)
    assert all(same_arrays(one, other) for one, other in zip(items, again, strict=True))


@pytest.mark.parametrize("seed", range(4))
def test_damage_is_refused_or_harmless(seed: int) -> None:
    """A hundred random bytes each: a StoreError or plain arrays, never another exception."""
    blob, draw = encode_arrays([arrays_of(0), arrays_of(1)]), random.Random(seed)
    for _ in range(100):
        damaged = bytearray(blob)
        damaged[draw.randrange(len(blob))] ^= draw.randrange(1, 256)
        try:
            found = decode_arrays(bytes(damaged))
        except StoreError:
            continue
        assert all(not array.dtype.hasobject for item in found for array in item.values())


@pytest.mark.parametrize("blob", [b"", b"PK", b"\x93NUMPY", b"nonsense" * 99, b"PK\x05\x06" * 9])
def test_what_is_no_archive_is_refused(blob: bytes) -> None:
    """Files that a full disk or another program leaves."""
    with pytest.raises(StoreError, match="a stored tile cannot be read"):
        decode_arrays(blob)


@pytest.mark.parametrize("length", [1, 30, 200, 500])
def test_cut_archive_is_refused(length: int) -> None:
    """The directory of a zip is at its end, so any cut is noticed."""
    with pytest.raises(StoreError):
        decode_arrays(encode_arrays([arrays_of(0)])[:length])


class Trap:
    """Makes a folder when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple:
        return os.mkdir, (str(self.path),)


def test_nothing_is_ever_executed(tmp_path: Path) -> None:
    """A pickle in an otherwise valid archive; its code would leave a folder."""
    buffer = io.BytesIO()
    trap = np.array([Trap(tmp_path / "sprung")], dtype=object)
    np.savez(buffer, **{"0/losses": trap})  # pyright: ignore[reportArgumentType]
    with pytest.raises(StoreError):
        decode_arrays(buffer.getvalue())
    assert not (tmp_path / "sprung").exists()


HEADERS = [b"{'descr': '<f4', (((", b"{'shape': (1e999,)}", b"\x00" * 9]


def test_members_that_are_no_arrays_are_refused() -> None:
    """What NumPy gives back as bytes; whoever asked for arrays would compute with them."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("0/losses.npy", b"twelve bytes")
    with pytest.raises(StoreError, match="0/losses is no array"):
        decode_arrays(buffer.getvalue())


@pytest.mark.parametrize("header", HEADERS)
def test_headers_that_are_no_headers_are_refused(header: bytes) -> None:
    """NumPy reads them by Python's own tokenizer, whose errors are its own."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        length = len(header).to_bytes(2, "little")
        archive.writestr("0/losses.npy", b"\x93NUMPY\x01\x00" + length + header)
    with pytest.raises(StoreError, match="a stored tile cannot be read"):
        decode_arrays(buffer.getvalue())
