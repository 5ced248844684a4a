"""An image file becomes pixels, in one way.

Upright, 8 bits, its middle square scaled as guided-diffusion
does it. What else had to be done to it, or that it could not be read, is a remark.
"""

import io
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

from flatdiff.images.array_file import BROKEN_ARCHIVE
from flatdiff.images.listing import FORMATS

MAX_PIXELS = 64 << 20  # of one image; a quarter of a gigabyte in memory
MAX_ASPECT = 50  # of its sides: a line, enlarged to a network's size, would be as long as it likes
# What Pillow raises besides, by format and by the byte that is wrong.
UNREADABLE_ERRORS = (
    *BROKEN_ARCHIVE,
    AssertionError,
    AttributeError,
    Image.DecompressionBombError,
)

UNREADABLE_SENTENCE = "could not be read and are left out"
# After "3 of 120 images "; in the order in which they are said.
REMARKS: dict[str, str] = {
    "unreadable": UNREADABLE_SENTENCE,
    "small": "are smaller than asked for and were enlarged",
    "size": "have another size and were cropped and scaled",
    "animated": "are animated; the first frame was taken",
    "alpha": "have transparency, which was dropped",
    "palette": "have a palette and became ordinary colours",
    "cmyk": "are CMYK and became RGB",
    "deep": "have 16 bits a channel; the upper 8 were kept",
    "grey": "are greyscale and became colour with equal channels",
    "colour": "are in colour and became grey",
}


@dataclass(frozen=True)
class Pixels:
    """One image as a network will see it."""

    values: NDArray[np.uint8]  # (C, H, W)
    remarks: tuple[str, ...]  # keys of REMARKS


def read_pixels(content: bytes, image_size: int, channels: int) -> Pixels | None:
    """Pixels of a file's content; None where it cannot be read.

    Args:
        content: of the file.
        image_size: pixels a side that are wanted.
        channels: 1 or 3.
    """
    try:
        with (
            warnings.catch_warnings(),
            Image.open(io.BytesIO(content), formats=_formats()) as image,
        ):
            warnings.simplefilter("ignore")  # of a file's odd entries; what matters is a remark
            _refuse_shape(*image.size)
            remarks = tuple(_remarks(image, image_size, channels))
            upright = ImageOps.exif_transpose(_eight_bits(image))
            plain = upright.convert("L" if channels == 1 else "RGB")
            values = np.asarray(centre_square(plain, image_size))
    except UNREADABLE_ERRORS:
        return None
    shaped = values.reshape(image_size, image_size, channels).transpose(2, 0, 1)
    return Pixels(shaped, remarks)


@cache
def _formats() -> tuple[str, ...]:
    """Those that this Pillow was built with."""
    Image.init()
    return tuple(name for name in FORMATS if name in Image.OPEN)


def _refuse_shape(width: int, height: int) -> None:
    """Before anything is unpacked: a file of a kilobyte may declare gigabytes."""
    if width * height > MAX_PIXELS or max(width, height) > MAX_ASPECT * min(width, height):
        raise ValueError("not of an image's shape")


def centre_square(image: Image.Image, size: int) -> Image.Image:
    """As guided-diffusion's `center_crop_arr`: halved by boxes, scaled bicubically, cut."""
    while min(image.size) >= 2 * size:
        width, height = image.size
        image = image.resize((width // 2, height // 2), Image.Resampling.BOX)
    scale = size / min(image.size)
    width, height = (round(side * scale) for side in image.size)
    image = image.resize((width, height), Image.Resampling.BICUBIC)
    left, top = (width - size) // 2, (height - size) // 2
    return image.crop((left, top, left + size, top + size))


def _remarks(image: Image.Image, image_size: int, channels: int) -> Iterator[str]:
    if min(image.size) < image_size:
        yield "small"
    elif image.size != (image_size, image_size):
        yield "size"
    mode = image.mode
    grey = mode in ("1", "L", "LA", "La") or mode.startswith(("I", "F"))
    found = {
        "animated": image.format != "MPO" and getattr(image, "n_frames", 1) > 1,
        "alpha": image.has_transparency_data,
        "palette": mode in ("P", "PA"),
        "cmyk": mode == "CMYK",
        "deep": mode.startswith("I"),
        "grey": grey and channels == 3,
        "colour": not grey and channels == 1,
    }
    yield from (name for name, holds in found.items() if holds)


def _eight_bits(image: Image.Image) -> Image.Image:
    """16-bit grey keeps its high byte; Pillow's own conversion would clip it to white."""
    if not image.mode.startswith("I"):
        return image
    return Image.fromarray((np.asarray(image) >> 8).astype(np.uint8))
