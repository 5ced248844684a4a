"""Images in one array of NumPy: how DDPM-IP packs a dataset, and guided-diffusion its samples.

`numpy.savez` of arr_0, uint8 of (N, H, W, C), and of classes arr_1, (N,). Nothing of it is
unpickled, and no more room is made for an array than its file has bytes for.
"""

import lzma
import struct
import zipfile
import zlib
from collections.abc import Sequence
from io import BufferedIOBase
from pathlib import Path
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from flatdiff.errors import DataError

ARRAYS = (".npz", ".npy")
MAX_ARRAY_BYTES = 8 << 30  # of all images in one array
# What zipfile and NumPy raise, by the byte that is wrong.
BROKEN_ARCHIVE = (
    *(OSError, ValueError, MemoryError, OverflowError, EOFError, NotImplementedError, TypeError),
    *(RuntimeError, LookupError, SyntaxError, struct.error, zlib.error, lzma.LZMAError),
    zipfile.BadZipFile,
)


def read_arrays(path: Path) -> tuple[NDArray[np.uint8], Sequence[int] | None]:
    """Images, (N, H, W, 1 or 3) or (N, H, W), and their labels where there are any.

    Raises:
        DataError: it is no such array, or damaged.
    """
    try:
        images, labels = _arrays(path)
    except BROKEN_ARCHIVE as error:
        raise DataError(f"{path} is a damaged array of NumPy: {error}; get it again") from None
    shaped = images.dtype == np.uint8 and (images.ndim == 3 or images.shape[3:] in ((1,), (3,)))
    if images.ndim not in (3, 4) or not shaped:
        raise DataError(
            f"{path} holds an array {images.dtype} {images.shape}; expected images, uint8 of "
            "(N, H, W, 1 or 3) or (N, H, W)"
        )
    return images, labels


def _arrays(path: Path) -> tuple[NDArray[Any], Sequence[int] | None]:
    """Images, and their labels where there are any."""
    if path.suffix.lower() == ".npy":
        return np.load(path, mmap_mode="r", allow_pickle=False), None
    with zipfile.ZipFile(path) as archive:
        for info in archive.infolist():
            if info.file_size > MAX_ARRAY_BYTES:
                raise ValueError(f"{info.file_size:,} bytes, at most {MAX_ARRAY_BYTES:,}")
        _require_filled(archive)
    with np.load(path, allow_pickle=False) as arrays:
        images = arrays[arrays.files[0]]
        if len(arrays.files) < 2:
            return images, None
        labels = arrays[arrays.files[1]]
    whole = labels.ndim == 1 and labels.dtype.kind in "iu" and len(labels) == len(images)
    return images, labels.tolist() if whole and labels.min(initial=0) >= 0 else None


def _require_filled(archive: zipfile.ZipFile) -> None:
    """NumPy makes room for what an array's header claims, before it reads a number."""
    for info in archive.infolist():
        with archive.open(info) as file:
            _require_header_fits(cast("BufferedIOBase", file), info.file_size)


def _require_header_fits(file: BufferedIOBase, num_bytes: int) -> None:
    version = np.lib.format.read_magic(file)
    read = np.lib.format.read_array_header_1_0
    if version != (1, 0):
        read = np.lib.format.read_array_header_2_0
    shape, _, dtype = read(file)
    if dtype.hasobject or int(np.prod(shape, dtype=np.float64)) * dtype.itemsize > num_bytes:
        raise ValueError("it claims more numbers than it has")


def as_ppm(images: NDArray[np.uint8], number: int) -> bytes:
    """One image as a file of the plainest format that there is."""
    pixels = images[number]
    kind = "P6" if pixels.shape[2:] == (3,) else "P5"
    height, width = pixels.shape[:2]
    return f"{kind} {width} {height} 255\n".encode() + pixels.tobytes()
