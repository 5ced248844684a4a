"""Arrays on their way to disk: NPZ without pickle, so that reading one can never run code."""

import io
import struct
import zipfile
import zlib
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from flatdiff.errors import StoreError

Arrays = dict[str, NDArray[Any]]

# What NumPy and zipfile raise, by the byte that is wrong.
UNREADABLE = (
    ValueError,
    TypeError,
    AttributeError,
    KeyError,
    OSError,
    EOFError,
    RuntimeError,
    MemoryError,
    SyntaxError,
    struct.error,
    zlib.error,
    zipfile.BadZipFile,
)


def encode_arrays(results: Sequence[Arrays]) -> bytes:
    """NPZ bytes of several items' arrays, named `<item>/<array>`."""
    named = {
        f"{index}/{name}": value
        for index, arrays in enumerate(results)
        for name, value in arrays.items()
    }
    buffer = io.BytesIO()
    np.savez(buffer, **named)  # pyright: ignore[reportArgumentType]
    return buffer.getvalue()


def decode_arrays(blob: bytes) -> list[Arrays]:
    """Back from `encode_arrays`.

    Raises:
        StoreError: the bytes are no such arrays; nothing in them is ever executed.
    """
    items: dict[int, Arrays] = {}
    try:
        with np.load(io.BytesIO(blob), allow_pickle=False) as archive:
            for label in archive.files:
                index, _, name = label.partition("/")
                items.setdefault(int(index), {})[name] = archive[label]
    except UNREADABLE as error:
        raise StoreError(f"a stored tile cannot be read: {error}") from None
    return [items[index] for index in sorted(items)]
