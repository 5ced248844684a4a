"""Datasets against scikit-learn's own arrays and against images painted by the test."""

from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from sklearn.datasets import load_digits

from flatdiff.data import ImageSet, image_paths, load_images
from flatdiff.errors import DataError
from flatdiff.sampling import to_uint8

BLACK, WHITE = -1.0, 1.0


def rows_of(images: ImageSet) -> list[tuple[int, ...]]:
    """Each image and its label as one row of integers."""
    assert images.labels is not None
    flat = images.values.flatten(1).tolist()
    return [(*row, label) for row, label in zip(flat, images.labels.tolist(), strict=True)]


def test_digits_are_split_without_loss_or_overlap() -> None:
    """As multisets of (pixels, label), the two splits must make up scikit-learn's table."""
    train, held_out = (load_images("digits", split, 8, 1) for split in ("train", "held_out"))
    assert (len(train), len(held_out)) == (1500, 297)
    data, labels = load_digits(return_X_y=True)
    whole = Counter(
        (*row, label) for row, label in zip(data.astype(int).tolist(), labels, strict=True)
    )
    assert Counter(rows_of(train)) + Counter(rows_of(held_out)) == whole


def test_digits_are_eighths_from_minus_one_to_one() -> None:
    """Grey value v of 0..16 is v/8 - 1, exact in float32."""
    train = load_images("digits", "train", 8, 1)
    images = train.images(torch.arange(1500))
    assert torch.equal(images, train.values.float() / 8 - 1)
    assert (images.min().item(), images.max().item()) == (BLACK, WHITE)
    assert torch.equal(train.images(torch.tensor([7, 3])), images[[7, 3]])


def test_written_images_are_those_of_samples() -> None:
    """The samples' own rule on the digits, whose sixteenths are exact; 8-bit images unchanged.

    In floating point some of the 256 levels would come back one too low.
    """
    train = load_images("digits", "train", 8, 1)
    assert torch.equal(train.written(), to_uint8(train.images(torch.arange(len(train)))))
    levels = torch.arange(256, dtype=torch.uint8).reshape(256, 1, 1, 1)
    assert torch.equal(ImageSet(levels, 255).written(), levels)


def test_digits_of_both_splits_have_all_classes() -> None:
    """Drawn evenly, a class is 10 % of a split; 7 points are four standard errors of 297."""
    for split in ("train", "held_out"):
        labels = load_images("digits", split, 8, 1).labels
        assert labels is not None
        shares = np.bincount(labels.numpy(), minlength=10) / len(labels)
        assert shares.min() > 0.03
        assert shares.max() < 0.17


@pytest.mark.parametrize(("size", "channels"), [(16, 1), (8, 3), (7, 1)])
def test_wrong_size_is_refused_with_both_sizes(size: int, channels: int) -> None:
    """Digits are (1, 8, 8), whatever the network would like."""
    with pytest.raises(DataError, match=rf"\({channels}, {size}, {size}\).*\(1, 8, 8\)"):
        load_images("digits", "train", size, channels)


@pytest.mark.parametrize("dataset", ["", "mnist", "Digits", "folder"])
def test_unknown_dataset_is_refused_with_the_known_ones(dataset: str) -> None:
    """The list must hold everything one may write there."""
    with pytest.raises(DataError, match="digits, cifar10, folder:<path>"):
        load_images(dataset, "train", 8, 1)


def test_absent_cifar10_names_the_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An empty home holds no dataset, and nothing may be fetched unasked."""
    monkeypatch.setenv("FLATDIFF_HOME", str(tmp_path))
    with pytest.raises(DataError, match="python -m flatdiff download cifar10"):
        load_images("cifar10", "train", 32, 3)
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


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
    """Three of some 900 are below 1 %: the rest must arrive, each once."""
    for part in range(4):
        paint(tmp_path / str(part), 250)
    whole = Counter(values_of(tmp_path)[:, 0, 0, 0].tolist())
    corrupt_files(tmp_path, corrupt)
    assert Counter(values_of(tmp_path)[:, 0, 0, 0].tolist()) == whole


def test_many_corrupt_images_are_refused_and_counted(tmp_path: Path) -> None:
    """Every kind of damage, far above 1 %, huge declared sizes included."""
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
    with pytest.raises(DataError, match="pictures has no images"):
        values_of(folder)


def test_paths_come_in_one_order(tmp_path: Path) -> None:
    """A list written by hand, whatever order the file system has; suffixes in any case."""
    for name in ("b.PNG", "a.jpg", "c/a.webp", "B.png", "notes.txt"):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(b"")
    names = [path.relative_to(tmp_path).as_posix() for path in image_paths(tmp_path)]
    assert names == ["B.png", "a.jpg", "b.PNG", "c/a.webp"]
