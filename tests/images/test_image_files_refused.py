"""Files that are no images, or more than an image: none costs memory, a program or the run."""

import errno
import io
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import EpsImagePlugin, Image

from flatdiff.errors import DataError
from flatdiff.images.image_files import read_pixels
from tests.images.test_image_files import paint, values_of, zipped


def encoded(image: Image.Image, name: str) -> bytes:
    """A file's content, in one of Pillow's formats."""
    image.save(content := io.BytesIO(), name)
    return content.getvalue()


def test_only_what_the_suffixes_say_is_opened(monkeypatch: pytest.MonkeyPatch) -> None:
    """PostScript under another name would run Ghostscript; the pictures by name still arrive."""
    eps = b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 8 8\n%%EndComments\nshowpage\n%%EOF\n"
    monkeypatch.setattr(
        EpsImagePlugin, "Ghostscript", lambda *_, **__: pytest.fail("a program was run")
    )
    assert read_pixels(eps, 8, 3) is None
    assert read_pixels(encoded(Image.new("RGB", (8, 8)), "PCX"), 8, 3) is None
    for name in ("PNG", "JPEG", "WEBP", "BMP", "MPO", "GIF", "TIFF", "PPM", "TGA", "JPEG2000"):
        assert read_pixels(encoded(Image.new("RGB", (8, 8)), name), 8, 3) is not None


@pytest.mark.parametrize("as_zip", [False, True])
def test_file_too_large_for_an_image_is_left_out(
    as_zip: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """One of sixty has more bytes than an image may have; it is a sound picture all the same."""
    monkeypatch.setattr("flatdiff.images.listing.MAX_FILE_BYTES", 5000)
    monkeypatch.setattr("flatdiff.images.listing.is_held_out", lambda _: False)
    paint(tmp_path / "a", 60)
    noise = np.random.default_rng(0).integers(256, size=(90, 90), dtype=np.uint8)
    Image.fromarray(noise).save(tmp_path / "a" / "0007.png")
    root = zipped(tmp_path / "a", tmp_path / "a.zip") if as_zip else tmp_path / "a"
    assert sorted(values_of(root)[:, 0, 0, 0]) == [i for i in range(60) if i != 7]
    assert "1 of 60 images could not be read and are left out: 0007.png" in caplog.text


@pytest.mark.parametrize(
    ("width", "height", "read"),
    [
        (1, 50, True),
        (51, 1, False),
        (1, 2_000_000, False),
        (8192, 8192, True),
        (8193, 8192, False),
    ],
)
def test_shape_is_judged_before_it_is_unpacked(
    width: int, height: int, read: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only what is within 64 x 2^20 pixels and 50 times as long as wide reaches the scaling."""
    reached = []
    monkeypatch.setattr(
        "flatdiff.images.image_files._eight_bits",
        lambda image: reached.append(image) or image.resize((8, 8)),
    )
    content = encoded(Image.new("1", (width, height)), "PNG")
    assert (read_pixels(content, 8, 1) is not None) == read
    assert len(reached) == read


@pytest.mark.parametrize("error", [MemoryError, OverflowError])
def test_memory_that_is_not_there_leaves_an_image_out(
    error: type[Exception], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not the end of the run."""

    def full(*_: Any) -> None:
        raise error

    monkeypatch.setattr("flatdiff.images.image_files.centre_square", full)
    assert read_pixels(encoded(Image.new("L", (8, 8)), "PNG"), 8, 1) is None


def test_zip_with_a_damaged_list_is_refused_in_a_sentence(tmp_path: Path) -> None:
    """One byte of its central directory is wrong; it still ends as a zip does."""
    paint(tmp_path / "a", 5)
    archive = zipped(tmp_path / "a", tmp_path / "a.zip")
    content = bytearray(archive.read_bytes())
    content[content.index(b"PK\1\2")] = 0
    archive.write_bytes(content)
    with pytest.raises(DataError, match=r"a\.zip is a damaged zip"):
        values_of(archive)


def test_damaged_lzma_in_a_zip_leaves_one_image_out(tmp_path: Path) -> None:
    """Of sixty; the middle of its stream is nothing that lzma knows."""
    paint(tmp_path / "a", 60)
    noise = np.random.default_rng(0).integers(256, size=(90, 90), dtype=np.uint8)
    Image.fromarray(noise).save(tmp_path / "a" / "0007.png")
    archive = zipped(tmp_path / "a", tmp_path / "a.zip", compression=zipfile.ZIP_LZMA)
    content = bytearray(archive.read_bytes())
    start = content.index(b"0007.png") + len("0007.png") + 9
    content[start : start + 1000] = b"\xff" * 1000
    archive.write_bytes(content)
    splits = [values_of(archive, split=s)[:, 0, 0, 0] for s in ("train", "held_out")]
    assert sorted(np.concatenate(splits)) == [i for i in range(60) if i != 7]


def test_folder_that_cannot_be_listed_is_to_blame_itself(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not the disk on which its images are kept."""

    def broken(_: Path) -> None:
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr("flatdiff.images.listing._below", broken)
    paint(tmp_path / "pictures", 5)
    with pytest.raises(DataError, match=r"pictures cannot be read: .*Input/output error"):
        values_of(tmp_path / "pictures")
