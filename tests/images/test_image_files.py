"""Folders and zips of images, painted by the test, so that every pixel is known."""

import zipfile
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from flatdiff.errors import DataError
from flatdiff.images.image_files import centre_square
from flatdiff.images.image_set import load_images
from flatdiff.images.listing import listing


def paint(folder: Path, count: int, suffix: str = ".png") -> None:
    """Grey 8 x 8 squares; image i has grey value i."""
    folder.mkdir(parents=True, exist_ok=True)
    for i in range(count):
        Image.new("L", (8, 8), i).save(folder / f"{i:04d}{suffix}")


def values_of(folder: Path, size: int = 8, channels: int = 1, split: str = "train") -> np.ndarray:
    """The folder's images, (N, C, H, W) uint8."""
    assert split in ("train", "held_out")
    return load_images(f"folder:{folder}", split, size, channels).values.numpy()


def one_image(
    image: Image.Image, folder: Path, suffix: str, channels: int, **save: Any
) -> np.ndarray:
    """What one image in a folder becomes, (C, H, W) uint8; it is in one of the splits."""
    folder.mkdir()
    image.save(folder / f"only{suffix}", **save)
    for split in ("train", "held_out"):
        try:
            return values_of(folder, channels=channels, split=split)[0]
        except DataError:
            continue
    raise AssertionError("in neither split")


def test_folder_is_split_without_loss_or_overlap(tmp_path: Path) -> None:
    """Images are known by their grey value; 25/256 of 250 names are held out, within 4 sigma."""
    paint(tmp_path / "a", 250)
    train, held = (values_of(tmp_path, split=s)[:, 0, 0, 0] for s in ("train", "held_out"))
    assert sorted([*train, *held]) == list(range(250))
    assert 6 <= len(held) <= 44


def test_adding_images_moves_none(tmp_path: Path) -> None:
    """Held out before is held out after; a split by position would reshuffle."""
    paint(tmp_path, 100)
    before = set(values_of(tmp_path, split="held_out")[:, 0, 0, 0])
    for i in range(100, 200):
        Image.new("L", (8, 8), i).save(tmp_path / f"-{i}.png")
    after = set(values_of(tmp_path, split="held_out")[:, 0, 0, 0])
    assert {value for value in after if value < 100} == before


@pytest.mark.parametrize(
    ("mode", "colour", "rgb"),
    [
        ("L", 100, (100, 100, 100)),
        ("RGB", (10, 20, 30), (10, 20, 30)),
        ("RGBA", (10, 20, 30, 0), (10, 20, 30)),
        ("LA", (50, 0), (50, 50, 50)),
        ("1", 1, (255, 255, 255)),
        ("I;16", 0x6480, (0x64, 0x64, 0x64)),
    ],
)
def test_modes_become_8_bit_rgb(
    mode: str, colour: Any, rgb: tuple[int, ...], tmp_path: Path
) -> None:
    """One colour each, so the answer is known: alpha is dropped, 16 bits keep the high byte."""
    got = one_image(Image.new(mode, (8, 8), colour), tmp_path / "x", ".png", 3)
    assert np.array_equal(got, np.broadcast_to(np.array(rgb)[:, None, None], (3, 8, 8)))


def test_cmyk_becomes_rgb(tmp_path: Path) -> None:
    """Full cyan ink leaves no red and all of green and blue; JPEG may be off by a few."""
    image = Image.new("CMYK", (8, 8), (255, 0, 0, 0))
    got = one_image(image, tmp_path / "x", ".jpg", 3, quality=100)
    assert np.abs(got.mean((1, 2)) - [0, 255, 255]).max() < 5


def test_colours_become_luma_for_a_grey_network(tmp_path: Path) -> None:
    """ITU-R 601: 0.299 of red 255 is 76."""
    got = one_image(Image.new("RGB", (8, 8), (255, 0, 0)), tmp_path / "x", ".png", 1)
    assert np.unique(got).tolist() == [76]


def test_exif_rotation_is_applied(tmp_path: Path) -> None:
    """Orientation 6 says the top row is the right side: the white left half belongs on top."""
    pixels = np.zeros((16, 16), np.uint8)
    pixels[:, :8] = 255
    exif = Image.Exif()
    exif[0x0112] = 6
    got = one_image(Image.fromarray(pixels), tmp_path / "x", ".png", 1, exif=exif)
    assert got[0, :3].min() > 250
    assert got[0, 5:].max() < 5


def test_centre_of_a_wide_image_is_kept(tmp_path: Path) -> None:
    """Grey in the middle square, white at both sides: the crop is all grey."""
    pixels = np.full((8, 24), 255, np.uint8)
    pixels[:, 8:16] = 90
    got = one_image(Image.fromarray(pixels), tmp_path / "x", ".png", 1)
    assert np.unique(got[0, :, 1:7]).tolist() == [90]


def corrupt_files(folder: Path, count: int) -> None:
    """Files with an image's suffix and nothing in them that can be read."""
    bomb = b"BM" + bytes(12) + (40).to_bytes(4, "little") + (60_000).to_bytes(4, "little") * 2
    contents = [
        b"",
        b"no image",
        b"\x89PNG\r\n\x1a\n" + b"\0" * 40,
        bomb + b"\1\0\x18\0" + bytes(24),
    ]
    for i in range(count):
        (folder / f"bad{i}{'.bmp' if i % 4 == 3 else '.png'}").write_bytes(contents[i % 4])


@pytest.mark.parametrize("corrupt", [0, 1, 3])
def test_some_corrupt_images_are_skipped(corrupt: int, tmp_path: Path) -> None:
    """Three of some 900 are few: the rest must arrive, each once."""
    for part in range(4):
        paint(tmp_path / str(part), 250)
    whole = Counter(values_of(tmp_path)[:, 0, 0, 0].tolist())
    corrupt_files(tmp_path, corrupt)
    assert Counter(values_of(tmp_path)[:, 0, 0, 0].tolist()) == whole


def test_many_corrupt_images_are_refused_and_counted(tmp_path: Path) -> None:
    """Every kind of damage, far above a tenth, huge declared sizes included."""
    paint(tmp_path, 20)
    corrupt_files(tmp_path, 40)
    with pytest.raises(DataError, match=r"\d+ of \d+ images in .* cannot be read"):
        values_of(tmp_path)


@pytest.mark.parametrize("content", ["absent", "empty", "other files", "folder.png"])
def test_folder_without_images_is_refused(content: str, tmp_path: Path) -> None:
    """Nothing to train on, for four reasons; the sentence names the folder."""
    folder = tmp_path / "pictures"
    if content != "absent":
        folder.mkdir()
    if content == "other files":
        (folder / "readme.txt").write_text("no image")
    if content == "folder.png":
        (folder / "folder.png").mkdir()
    with pytest.raises(DataError, match=r"pictures (has no images|is neither a folder nor a zip)"):
        values_of(folder)


def test_paths_come_in_one_order(tmp_path: Path) -> None:
    """A list written by hand, whatever order the file system has; suffixes in any case."""
    for name in ("b.PNG", "a.jpg", "c/a.webp", "B.png", "notes.txt"):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(b"")
    names = [file.name for file in listing(tmp_path).files]
    assert names == ["B.png", "a.jpg", "b.PNG", "c/a.webp"]


def test_twice_the_size_is_the_mean_of_two_by_two() -> None:
    """guided-diffusion halves by boxes; Pillow rounds rows, then columns."""
    pixels = np.random.default_rng(0).integers(256, size=(16, 16), dtype=np.uint8)
    got = np.asarray(centre_square(Image.fromarray(pixels), 8))
    exact = pixels.reshape(8, 2, 8, 2).mean((1, 3))
    assert np.abs(got - exact).max() <= 1


def test_right_size_is_left_alone() -> None:
    """Bit for bit."""
    pixels = np.random.default_rng(0).integers(256, size=(8, 8, 3), dtype=np.uint8)
    assert np.array_equal(np.asarray(centre_square(Image.fromarray(pixels), 8)), pixels)


def zipped(folder: Path, target: Path, *more: str, compression: int = zipfile.ZIP_STORED) -> Path:
    """A zip of a folder, and of further files that are no images."""
    with zipfile.ZipFile(target, "w", compression) as archive:
        for path in sorted(folder.rglob("*.png"), reverse=True):
            archive.write(path, path.relative_to(folder))
        for name in more:
            archive.writestr(name, b"no image")
    return target


@pytest.mark.parametrize("split", ["train", "held_out"])
def test_zip_of_a_folder_is_the_folder(split: str, tmp_path: Path) -> None:
    """Same names, same split, same order; what macOS and people add is passed over."""
    for part in ("00000", "01000"):
        paint(tmp_path / "ffhq" / part, 60)
    more = ("__MACOSX/00000/._0001.png", "readme.txt", "00000/")
    archive = zipped(tmp_path / "ffhq", tmp_path / "ffhq.zip", *more)
    whole = values_of(tmp_path / "ffhq", split=split)
    assert len(whole) > 3
    assert np.array_equal(values_of(archive, split=split), whole)


def test_bytes_of_a_zip_that_are_wrong_leave_one_image_out(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """A flipped byte in one member, by its checksum; the others arrive."""
    paint(tmp_path / "a", 60)
    archive = zipped(tmp_path / "a", tmp_path / "a.zip")
    content = bytearray(archive.read_bytes())
    content[content.index(b"0007.png") + 30] ^= 1
    archive.write_bytes(content)
    splits = [values_of(archive, split=s)[:, 0, 0, 0] for s in ("train", "held_out")]
    assert sorted(np.concatenate(splits)) == [i for i in range(60) if i != 7]
    assert "images could not be read and are left out: 0007.png" in caplog.text
