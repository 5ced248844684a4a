"""Parsers of images, and of archives of them."""

import io
import itertools
import tempfile
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import lmdb
import numpy as np
from PIL import Image

from flatdiff.images.cache import Source, prepare
from flatdiff.images.image_files import read_pixels
from flatdiff.images.listing import listing
from flatdiff.images.lsun import FILE, lsun_images
from tests.campaigns.parser import Desk, Parser, zipped

MODES = ("1", "L", "LA", "P", "RGB", "RGBA", "CMYK", "I;16")
IMAGE_MB = 800  # of 64 million pixels, which are taken: 256 as a file has them, and two copies


def image_parsers(desk: Desk) -> list[Parser]:
    """All of them."""
    images = {f"{mode}.{suffix}": content for mode, suffix, content in encoded()}
    archives = [zipped(images), zipped(images, zipfile.ZIP_DEFLATED)]
    numbers = itertools.count()

    def read_collection(content: bytes) -> Any:
        path = desk.put("images.zip", content)
        source = Source(
            name="theirs", fingerprint=str(next(numbers)), split="train", image_size=8, channels=3
        )
        return prepare(source, listing(path).of("train")).values.shape

    def read_array(content: bytes) -> Any:
        return [len(file.read()) for file in listing(desk.put("images.npz", content)).files]

    def read_database(content: bytes) -> Any:
        path = desk.put(f"lsun/{FILE}", content)
        return [len(file.read()) for file in lsun_images(path.parent)]

    return [
        Parser(name="LSUN database, by a child", valid=[database(images)], read=read_database),
        Parser(
            name="image",
            valid=list(images.values()),
            read=lambda content: read_pixels(content, 8, 3),
            more_mb=IMAGE_MB,
        ),
        Parser(name="archive of images", valid=archives, read=read_collection, more_mb=IMAGE_MB),
        Parser(name="array of images", valid=arrays(), read=read_array, more_mb=IMAGE_MB),
    ]


def arrays() -> list[bytes]:
    """As `numpy.savez` writes them, with labels and without."""
    images, written = np.zeros((4, 5, 6, 3), np.uint8), []
    for more in ((), (np.arange(4),)):
        for save in (np.savez, np.savez_compressed):
            buffer = io.BytesIO()
            save(buffer, images, *more)
            written.append(buffer.getvalue())
    return written


def database(images: Mapping[str, bytes]) -> bytes:
    """As LSUN's: what is long lies on pages of its own."""
    with tempfile.TemporaryDirectory() as folder:
        with lmdb.open(folder, map_size=1 << 22) as opened, opened.begin(write=True) as written:
            for name, content in images.items():
                written.put(name.encode(), content)
            written.put(b"long", bytes(10_000))
        return (Path(folder) / FILE).read_bytes()


def encoded() -> list[tuple[str, str, bytes]]:
    """One image in every mode and format that fit each other."""
    found = []
    for mode in MODES:
        image = Image.effect_noise((12, 9), 60).convert("L" if mode == "I;16" else mode)
        image = image.convert("I;16") if mode == "I;16" else image
        for suffix in ("png", "jpeg", "webp", "bmp", "gif", "tiff", "ppm", "avif", "tga", "mpo"):
            buffer = io.BytesIO()
            try:
                image.save(buffer, suffix)
            except (OSError, ValueError):
                continue
            found.append((mode.replace(";", ""), suffix, buffer.getvalue()))
    return found
