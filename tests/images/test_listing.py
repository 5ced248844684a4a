"""What lies in a place that people name: counted by hand, with classes and what is no image."""

import io
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from flatdiff.errors import DataError
from flatdiff.images.classes import class_of_each
from flatdiff.images.image_set import ImageSet, load_images
from flatdiff.images.listing import FORMATS_BY_SUFFIX, listing
from flatdiff.images.named import dataset_name
from tests.images.test_image_files import paint, values_of

CLASSES = ("cat", "dog", "owl")


def grey(value: int) -> bytes:
    """A PNG of 8 x 8 equal pixels."""
    buffer = io.BytesIO()
    Image.new("L", (8, 8), value).save(buffer, "PNG")
    return buffer.getvalue()


def zipped(path: Path, files: dict[str, bytes]) -> Path:
    """Names as they are given, slashes of Windows included."""
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in files.items():
            info = zipfile.ZipInfo("x")
            info.filename = name
            archive.writestr(info, content)
    return path


def in_folders(root: Path) -> Path:
    """Sixty images in a folder a class; image i is of class i % 3 and has grey value i."""
    for i in range(60):
        path = root / CLASSES[i % 3] / f"{i:03}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(grey(i))
    return root


def by_name(root: Path) -> Path:
    """The same by guided-diffusion's rule."""
    root.mkdir()
    for i in range(60):
        (root / f"{CLASSES[i % 3]}_{i:03}.png").write_bytes(grey(i))
    return root


def on_a_mac(root: Path) -> Path:
    """The same in a zip of macOS: one folder around it, and a shadow of every file."""
    names = [f"faces/{CLASSES[i % 3]}/{i:03}.png" for i in range(60)]
    files = {name: grey(i) for i, name in enumerate(names)}
    shadows = {f"__MACOSX/{name.replace('/0', '/._0')}": b"x" for name in names}
    return zipped(root.with_suffix(".zip"), {**files, **shadows, "faces/.DS_Store": b"x"})


def on_windows(root: Path) -> Path:
    """The same in a zip of Windows, with its slashes."""
    names = [f"faces\\{CLASSES[i % 3]}\\{i:03}.png" for i in range(60)]
    return zipped(root.with_suffix(".zip"), {name: grey(i) for i, name in enumerate(names)})


def in_an_array(root: Path) -> Path:
    """The same as DDPM-IP packs a dataset, with labels."""
    images = np.arange(60, dtype=np.uint8)[:, None, None, None] * np.ones((8, 8, 1), np.uint8)
    path = root.with_suffix(".npz")
    np.savez(path, images, np.arange(60) % 3)
    return path


PLACES: dict[str, Callable[[Path], Path]] = {
    "folders": in_folders,
    "names": by_name,
    "a zip of macOS": on_a_mac,
    "a zip of Windows": on_windows,
    "an npz": in_an_array,
}


def both(place: Path) -> list[ImageSet]:
    """Both splits."""
    return [load_images(f"folder:{place}", split, 8, 1) for split in ("train", "held_out")]


@pytest.mark.parametrize("name", PLACES)
def test_every_image_has_its_class(name: str, tmp_path: Path) -> None:
    """Pixels tell which image it is; the second use finds the same labels."""
    place = PLACES[name](tmp_path / "place")
    for _ in range(2):
        sets = both(place)
        assert sum(map(len, sets)) == 60
        for images in sets:
            assert images.labels is not None
            assert torch.equal(images.values[:, 0, 0, 0].long() % 3, images.labels)
            assert len(images.classes) == 3
    assert listing(place).classes == (CLASSES if name != "an npz" else ("0", "1", "2"))


def test_labels_stay_with_images_that_can_be_read(tmp_path: Path) -> None:
    """One in the middle cannot; those behind it keep theirs."""
    place = by_name(tmp_path / "place")
    (place / "dog_001.png").write_bytes(b"no image")
    for images in both(place):
        assert images.labels is not None
        assert torch.equal(images.values[:, 0, 0, 0].long() % 3, images.labels)


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (["IMG_1.png", "IMG_2.png"], ()),
        (["1_a.png", "2_a.png", "3_a.png", "4_a.png", "5_a.png"], ()),
        (["a/1.png", "a/2.png", "3.png"], ()),
        (["x/a_1.png", "x/b_2.png", "x/a_3.png", "x/b_4.png"], ("a", "b")),
        ([], ()),
    ],
)
def test_what_is_no_class(names: list[str], expected: tuple[str, ...]) -> None:
    """One class, a class an image, and a folder beside files."""
    assert tuple(sorted(set(class_of_each(names)))) == expected


def test_a_network_of_other_classes_is_told_which_were_found(tmp_path: Path) -> None:
    """Three of them; it wants ten."""
    images = both(by_name(tmp_path / "place"))[0]
    with pytest.raises(DataError, match=r"knows 10 classes, the images have 3 \(cat, dog, owl\)"):
        images.labels_for(10, torch.tensor([0]))


@pytest.mark.parametrize("suffix", [s for found in FORMATS_BY_SUFFIX.values() for s in found])
def test_every_still_format_is_read(suffix: str, tmp_path: Path) -> None:
    """By Pillow's own writer; lossy ones within five grey levels."""
    written = {".jfif": "JPEG", ".jpe": "JPEG", ".apng": "PNG", ".j2k": "JPEG2000"}
    format_ = written.get(suffix) or Image.registered_extensions().get(suffix)
    if format_ not in Image.SAVE:
        pytest.skip(f"this Pillow writes no {suffix}")
    for i in range(40):
        Image.new(
            "L" if suffix != ".qoi" else "RGB", (16, 16), i if suffix != ".qoi" else (i,) * 3
        ).save(tmp_path / f"{i:03}{suffix}", format=format_)
    found = np.sort(np.concatenate([s.values[:, 0, 0, 0].numpy() for s in both(tmp_path)]))
    assert np.abs(found.astype(int) - np.arange(40)).max() <= 5


def test_a_phones_pair_of_pictures_is_no_animation(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """MPO, which phones call .jpg; the first picture is the photograph."""
    paint(tmp_path, 60)
    pair = [Image.new("L", (8, 8), value) for value in (99, 1)]
    pair[0].save(tmp_path / "IMG_1.jpg", format="MPO", save_all=True, append_images=pair[1:])
    values = np.concatenate([s.values[:, 0, 0, 0].numpy() for s in both(tmp_path)])
    assert 99 in values
    assert "animated" not in caplog.text


def test_the_sentence_counts_what_is_passed_over(tmp_path: Path) -> None:
    """By endings; what systems and tools hide is not worth a word."""
    paint(tmp_path, 60)
    for name in ("a.txt", "b.TXT", "c.heic", "LICENSE", ".DS_Store", "Thumbs.db", "._0001.png"):
        (tmp_path / name).write_bytes(b"x")
    (tmp_path / ".cache").mkdir()
    (tmp_path / ".cache" / "0001.png").write_bytes(grey(1))
    held_out = len(listing(tmp_path).of("held_out"))
    assert listing(tmp_path).sentence() == (
        f"{tmp_path}: 60 images, {60 - held_out} to train and {held_out} held out; passed over: "
        "2 .txt, 1 .heic, 1 without an ending"
    )


def test_few_images_are_seen_before_anything_is_spent(tmp_path: Path) -> None:
    """None held out; few held out; nothing but other files."""
    place = tmp_path / "place"
    paint(place, 1)
    with pytest.raises(DataError, match=r"no image in .* is .*one in 10 is held out.* 1 in all"):
        listing(place).require_both_splits()
    paint(place, 60)
    listing(place).require_both_splits()
    assert "are held out; every error bar rests on them" in listing(place).few_held_out()
    other = tmp_path / "other"
    other.mkdir()
    (other / "a.heic").touch()
    with pytest.raises(DataError, match=r"has no images; expected .*passed over: 1 .heic"):
        listing(other).require_both_splits()


def claiming(num_images: int) -> Callable[[Path], None]:
    """An array whose header claims more images than its file has bytes for."""

    def write(path: Path) -> None:
        header = io.BytesIO()
        shape = (num_images, 8, 8, 3)
        fields: Any = {"descr": "|u1", "fortran_order": False, "shape": shape}
        np.lib.format.write_array_header_1_0(header, fields)
        zipped(path, {"arr_0.npy": header.getvalue() + bytes(192)})

    return write


@pytest.mark.parametrize(
    ("write", "word"),
    [
        (lambda path: np.savez(path, np.zeros((3, 4))), r"float64 \(3, 4\); expected images"),
        (lambda path: np.savez(path, np.zeros((3, 4, 4, 5), np.uint8)), "expected images"),
        (lambda path: np.savez(path, np.array([{}, {}])), "damaged array"),
        (claiming(1 << 40), "claims more numbers than it has"),
        (lambda path: path.write_bytes(b"PK\x03\x04 cut"), "damaged array"),
    ],
)
def test_arrays_that_are_none(write: Callable[[Path], None], word: str, tmp_path: Path) -> None:
    """Of numbers, of objects, and bombs: a sentence, and no memory for what is claimed."""
    path = tmp_path / "a.npz"
    write(path)
    with pytest.raises(DataError, match=word):
        listing(path)


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("~/faces", "{home}/faces"),
        ("folder:~/faces/", "{home}/faces"),
        ("folder:$HOME/faces", "{home}/faces"),
        ("folder:'{home}/my faces'", "{home}/my faces"),
        ('"{home}/faces"', "{home}/faces"),
        ("file://{home}/my%20faces", "{home}/my faces"),
        ("folder:faces", "{cwd}/faces"),
        ("./faces/../other", "{cwd}/other"),
        ("  folder:{home}/a  ", "{home}/a"),
        ("folder:~nobody-at-all/a", "{cwd}/~nobody-at-all/a"),
    ],
)
def test_what_people_write_is_a_place(
    written: str, expected: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With ~, variables, quotes, as an address, relative, with or without the word folder."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    places = {"home": tmp_path, "cwd": Path.cwd()}
    assert dataset_name(written.format(**places)) == f"folder:{expected.format(**places)}"


@pytest.mark.parametrize(
    ("written", "word"),
    [
        ("folder:", "wants the path"),
        ("folder:''", "wants the path"),
        ("cifar", "must be one of digits, cifar10"),
        ("folder:C:\\data\\faces", "a path of Windows"),
    ],
)
def test_what_is_no_place(written: str, word: str) -> None:
    """An empty path was the current folder once."""
    with pytest.raises(DataError, match=word):
        dataset_name(written)


@pytest.mark.parametrize("name", ["a.tar", "a.npy.gz", "a.txt"])
def test_other_files_are_named(name: str, tmp_path: Path) -> None:
    """An archive that has to be unpacked first is told so."""
    (tmp_path / name).write_bytes(b"x" * 2000)
    with pytest.raises(DataError, match="unpack the archive" if name != "a.txt" else "nor an npz"):
        values_of(tmp_path / name)
