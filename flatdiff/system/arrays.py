"""Arrays on their way to disk: NPZ without pickle, so that reading one can never run code."""

import io
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from flatdiff.errors import StoreError

Arrays = dict[str, NDArray[Any]]


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


def _array(label: str, value: object) -> NDArray[Any]:
    """NumPy gives back as bytes what does not begin as an array."""
    if not isinstance(value, np.ndarray):
        raise StoreError(f"{label} is no array")
    return value


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
                items.setdefault(int(index), {})[name] = _array(label, archive[label])
    except Exception as error:  # by the byte that is wrong: of zipfile, of Python's own tokenizer
        raise StoreError(f"a stored tile cannot be read: {error}") from None
    return [items[index] for index in sorted(items)]
