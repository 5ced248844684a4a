"""A listing is what lies in a folder, a zip or an array of images: names, classes, and the rest.

No image is opened. What is passed over is counted by its ending, so that one sentence can say what
was found; the images are handed out with a way to get at their bytes (`ImageFile`).
"""

import hashlib
import zipfile
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache, partial
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from flatdiff.errors import DataError
from flatdiff.images.array_file import ARRAYS, BROKEN_ARCHIVE, as_ppm, read_arrays
from flatdiff.images.classes import class_of_each
from flatdiff.images.datasets import Split, dataset_fingerprint, dataset_of, is_folder
from flatdiff.images.fingerprint import ANY_NAME
from flatdiff.system.foreign_json import as_text

# By the endings of their names, formats of still images that Pillow reads; it knows some more that
# run programs (EPS, WMF), and those are none of these.
FORMATS_BY_SUFFIX = {
    "PNG": (".png", ".apng"),
    "JPEG": (".jpg", ".jpeg", ".jpe", ".jfif", ".mpo"),  # MPO: a phone's pair of them
    "WEBP": (".webp",),
    "BMP": (".bmp",),
    "GIF": (".gif",),
    "TIFF": (".tif", ".tiff"),
    "PPM": (".ppm", ".pgm", ".pbm", ".pnm"),
    "AVIF": (".avif",),
    "JPEG2000": (".jp2", ".j2k"),
    "TGA": (".tga",),
    "QOI": (".qoi",),
}
FORMATS = tuple(FORMATS_BY_SUFFIX)
IMAGE_SUFFIXES = tuple(suffix for suffixes in FORMATS_BY_SUFFIX.values() for suffix in suffixes)
NO_PART = {"__MACOSX", "Thumbs.db", "desktop.ini"}  # of systems, that nobody put there
HELD_OUT_EVERY = 10  # of a collection without a split of its own
MAX_FILE_BYTES = 64 << 20  # of one image
SHOWN = 6  # endings or classes in a sentence

FEW = 50  # held-out images, below which it is said how many there are


class ImageFile(NamedTuple):
    """An image that was not opened."""

    name: str  # always the same for the same image
    read: Callable[[], bytes]
    label: int | None = None  # of its class; None where images are sorted into none
    classes: tuple[str, ...] = ()  # all of them, in the order of labels


@dataclass(frozen=True)
class Listing:
    """What lies in one place."""

    root: Path
    files: Sequence[ImageFile]  # in one fixed order
    passed_over: Counter[str]  # other files, by their endings

    @property
    def classes(self) -> tuple[str, ...]:
        """That the images are sorted into, in the order of labels."""
        return self.files[0].classes if self.files else ()

    def of(self, split: Split) -> list[ImageFile]:
        """The images of one split."""
        return [file for file in self.files if is_held_out(file.name) == (split == "held_out")]

    def sentence(self) -> str:
        """What was found and what was passed over, with counts."""
        held_out = len(self.of("held_out"))
        parts = [
            f"{len(self.files):,} images, {len(self.files) - held_out:,} to train and "
            f"{held_out:,} held out"
        ]
        if self.classes:
            parts.append(f"{len(self.classes):,} classes ({in_short(self.classes)})")
        if self.passed_over:
            parts.append(self.rest())
        return f"{as_text(str(self.root))}: {'; '.join(parts)}"

    def require_both_splits(self) -> None:
        """Raise `DataError` where nothing could be trained, or nothing measured afterwards."""
        where = as_text(str(self.root))
        if not self.files:
            rest = f"; {self.rest()}" if self.passed_over else ""
            expected = ", ".join(IMAGE_SUFFIXES)
            raise DataError(f"{where} has no images; expected files ending in {expected}{rest}")
        uses: dict[Split, str] = {"train": "to train on", "held_out": "held out to measure with"}
        for split, use in uses.items():
            if not self.of(split):
                raise DataError(
                    f"no image in {where} is {use}: one in {HELD_OUT_EVERY} is held out, by its "
                    f"name, and there are {len(self.files):,} in all; add some, 50 or more"
                )

    def few_held_out(self) -> str:
        """What is said where error bars rest on few images; "" where there are enough."""
        count = len(self.of("held_out"))
        if count >= FEW:
            return ""
        are, them = ("is", "it") if count == 1 else ("are", "them")
        return (
            f"only {count} of the images {are} held out; every error bar rests on {them}, and "
            "does not tell how other images would have done"
        )

    def rest(self) -> str:
        """What was passed over."""
        most_first = sorted(self.passed_over.items(), key=lambda pair: (-pair[1], pair[0]))
        counts = [f"{count:,} {ending}" for ending, count in most_first]
        return f"passed over: {in_short(counts)}"


def listing(root: Path) -> Listing:
    """List a folder, a zip, or an array of images as `numpy.savez` writes it.

    Raises:
        DataError: it is none of these, or cannot be read.
    """
    try:
        if root.is_dir():
            return _listed(root, _below(root))
        if root.is_file() and root.suffix.lower() in ARRAYS:
            return Listing(root, _in_array(root), Counter())
        if root.is_file() and zipfile.is_zipfile(root):
            return _listed(root, _zipped(root))
    except OSError as error:
        raise DataError(f"{root} cannot be read: {error}") from None
    raise _not_there(root)


def _not_there(root: Path) -> DataError:
    """The error of a place where no images can be."""
    where = as_text(str(root))
    if not root.exists():
        return DataError(f"{where} is neither a folder nor a zip of images: there is no such file")
    hint = ""
    if root.suffix.lower() in (".tar", ".gz", ".tgz", ".7z", ".rar", ".bz2", ".xz"):
        hint = "; unpack the archive, and name the folder"
    return DataError(f"{where} is neither a folder nor a zip of images, nor an npz of them{hint}")


def few_held_out(dataset: str) -> str:
    """What is said beside error bars that rest on few held-out images of a dataset; "" elsewhere.

    Raises:
        DataError: it is a folder that is not there, or may not be read here.
    """
    return _in_folder(dataset)[0] if is_folder(dataset) else ""


def classes_of(dataset: str) -> tuple[str, ...]:
    """Names of labels 0, 1, ..; () where the images have none.

    Raises:
        DataError: no such dataset, or it is a folder that is not there or may not be read here.
    """
    return _in_folder(dataset)[1] if is_folder(dataset) else dataset_of(dataset).label_names


def images_missing(dataset: str) -> str:
    """Why a dataset's folder cannot be listed now; "" where it can, or it is none."""
    try:
        if is_folder(dataset):
            listing(dataset_of(dataset).root())
    except DataError as error:
        return str(error)
    return ""


def look_before_training(dataset: str) -> tuple[str, str]:
    """What lies in a folder and what is to be minded about it; "" of both for any other dataset.

    Raises:
        DataError: it is not there, or there is nothing to train on, or nothing held out.
    """
    if not is_folder(dataset):
        return "", ""
    found = listing(dataset_of(dataset).root())
    found.require_both_splits()
    return found.sentence(), found.few_held_out()


def _in_folder(dataset: str) -> tuple[str, tuple[str, ...]]:
    """What is said of few held-out images, and the classes; listed once a state of its files."""
    return _summary(dataset_of(dataset).root(), dataset_fingerprint(dataset))


@lru_cache(maxsize=32)
def _summary(root: Path, _fingerprint: str) -> tuple[str, tuple[str, ...]]:
    found = listing(root)
    return found.few_held_out(), found.classes


def is_image(name: str) -> bool:
    """By its ending, wherever no part of the name is hidden.

    >>> [is_image(name) for name in ("a/B.JPG", "a.txt", "._a.png", ".cache/a.png")]
    [True, False, False, False]
    """
    return name.lower().endswith(IMAGE_SUFFIXES) and not _is_hidden(name)


def is_held_out(name: str) -> bool:
    """By the name's own hash, so that adding an image never moves another one."""
    return hashlib.sha256(name.encode("utf-8", ANY_NAME)).digest()[0] < 256 // HELD_OUT_EVERY


def in_short(words: Sequence[str]) -> str:
    """The first few of them, in a sentence."""
    more = f" and {len(words) - SHOWN:,} more" if len(words) > SHOWN else ""
    return as_text(", ".join(words[:SHOWN])) + more


def _is_hidden(name: str) -> bool:
    return any(part.startswith(".") or part in NO_PART for part in name.split("/"))


def _listed(root: Path, files: Iterator[ImageFile]) -> Listing:
    """Images, and a count of the other files; what is hidden is none of either."""
    images, rest = list[ImageFile](), Counter[str]()
    for file in files:
        if is_image(file.name):
            images.append(file)
        elif not _is_hidden(file.name):
            rest[PurePosixPath(file.name).suffix.lower() or "without an ending"] += 1
    return Listing(root, _sorted(images), rest)


def _sorted(files: Sequence[ImageFile]) -> list[ImageFile]:
    """In the order of their names, each with its class."""
    files = sorted(files, key=lambda file: file.name)
    found = class_of_each([file.name for file in files])
    classes = tuple(sorted(set(found)))
    if not classes:
        return files
    number = {name: label for label, name in enumerate(classes)}
    pairs = zip(files, found, strict=True)
    return [file._replace(label=number[name], classes=classes) for file, name in pairs]


def _below(folder: Path) -> Iterator[ImageFile]:
    for path in folder.rglob("*"):
        if path.is_file():
            yield ImageFile(path.relative_to(folder).as_posix(), partial(_read, path))


def _read(path: Path) -> bytes:
    if path.stat().st_size > MAX_FILE_BYTES:
        raise ValueError("too large for an image")
    return path.read_bytes()


def _zipped(path: Path) -> Iterator[ImageFile]:
    try:
        archive = zipfile.ZipFile(path)
    except BROKEN_ARCHIVE as error:
        raise DataError(f"{path} is a damaged zip: {error}; get it again") from None
    for info in archive.infolist():
        if not info.filename.endswith("/"):  # Windows' own zips may have its slashes
            yield ImageFile(info.filename.replace("\\", "/"), partial(_unpacked, archive, info))


def _unpacked(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> bytes:
    if info.file_size > MAX_FILE_BYTES:
        raise ValueError("too large for an image")
    return archive.read(info)


def _in_array(path: Path) -> list[ImageFile]:
    """Images of one array; labels that lie beside it are their classes, called by their number."""
    images, labels = read_arrays(path)
    names = [f"{number:07d}.ppm" for number in range(len(images))]
    if labels is not None:
        names = [f"{label:05d}_{name}" for label, name in zip(labels, names, strict=True)]
    files = [ImageFile(name, partial(as_ppm, images, n)) for n, name in enumerate(names)]
    # The names, with their zeros, say which images are held out; nobody else should read them.
    return [
        file._replace(classes=tuple(str(int(name)) for name in file.classes))
        for file in _sorted(files)
    ]
