"""A collection of images decoded once: pixels in one file, labels and remarks in others.

The first use of a collection at some size reads every image; what came of it is kept beside the
collection's fingerprint, so that later uses, and the other processes of a run, only map a file
into memory. A file that cannot be read is found here, never in the middle of a run.
"""

import contextlib
import dataclasses
import hashlib
import json
import os
import tempfile
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from flatdiff.errors import DataError, FlatdiffError
from flatdiff.images.image_files import (
    REMARKS,
    UNREADABLE_ERRORS,
    read_pixels,
)
from flatdiff.images.listing import HELD_OUT_EVERY, IMAGE_SUFFIXES, ImageFile
from flatdiff.settings import digest, from_mapping
from flatdiff.system.files import atomic_write, state_home
from flatdiff.system.foreign_json import as_text
from flatdiff.system.locks import take

VERSION = 2  # raised when the same file would become other pixels
MAX_UNREADABLE_SHARE = 0.1
EXAMPLES = 3
LOOK_EVERY_S = 0.1
PIXELS, LABELS = ".u8", ".labels"  # endings of what is kept beside a census


@dataclass(frozen=True, kw_only=True)
class Source:
    """Which images, for whom."""

    name: str  # as a person calls it
    fingerprint: str  # another one where the files are others
    split: str
    image_size: int
    channels: int

    def is_watched(self) -> bool:
        """Whether other files have another fingerprint; a published set's is its name."""
        return self.fingerprint != self.name

    def folder(self) -> Path:
        """Where they are kept; the same for every state of one collection."""
        place = digest({**dataclasses.asdict(self), "fingerprint": ""})[:16]
        return state_home() / "datasets" / "prepared" / place

    def stem(self) -> Path:
        """Of the two files, without a suffix."""
        return self.folder() / digest({"version": VERSION, "files": self.fingerprint})[:16]


@dataclass(frozen=True, kw_only=True)
class Census:
    """What was found."""

    num_seen: int
    num_kept: int
    counts: dict[str, int] = field(default_factory=dict)  # of images by remark
    examples: dict[str, list[str]] = field(default_factory=dict)  # the first names of each
    sha256: str = ""  # of pixels and labels: equal for equal images in equal order
    classes: tuple[str, ...] = ()  # that the images are sorted into, in the order of labels
    disk_failed: bool = False  # for one of them at least, which may be well next time

    def sentences(self) -> Iterator[str]:
        """One for each remark."""
        for remark, words in REMARKS.items():
            if count := self.counts.get(remark):
                names = self.examples.get(remark, [])
                more = ", ..." if count > len(names) else ""
                yield f"{count:,} of {self.num_seen:,} images {words}: {', '.join(names)}{more}"


@dataclass(frozen=True)
class Prepared:
    """Images ready for use."""

    values: NDArray[np.uint8]  # (N, C, H, W), mapped from a file; writing changes a copy
    labels: NDArray[np.int32] | None  # (N,), of `census.classes`; None where there are none
    census: Census
    fresh: bool  # looked through just now


def prepare(source: Source, files: Iterable[ImageFile]) -> Prepared:
    """Look a collection through, or find what came of it before.

    Args:
        source: which.
        files: its images, only read where that was never done.

    Raises:
        DataError: there are none, or more than a tenth of them cannot be read.
        FlatdiffError: the state directory cannot be written.
    """
    lock_file = source.folder() / "prepare.lock"
    while (found := _found(source)) is None:
        if (lock := take(lock_file)) is None:
            time.sleep(LOOK_EVERY_S)  # another process is at it
            continue
        with lock:
            if _found(source) is None:
                return _made(source, files)
    return found


def _found(source: Source) -> Prepared | None:
    try:
        text = source.stem().with_suffix(".json").read_text("utf-8")
        census = from_mapping(Census, json.loads(text), "census")
        _refuse(source, census)
        return _mapped(source, census, fresh=False)
    except (OSError, ValueError, TypeError, LookupError, AttributeError):
        return None  # never made, or damaged: made again


def _mapped(source: Source, census: Census, *, fresh: bool) -> Prepared:
    shape = (census.num_kept, source.channels, source.image_size, source.image_size)
    path = source.stem().with_suffix(PIXELS)
    if path.stat().st_size != np.prod(shape):
        raise ValueError("of another size")
    # "c": what somebody writes is theirs alone, which torch asks for.
    values, labels = np.memmap(path, np.uint8, "c", shape=shape), None
    if census.classes:
        labels = np.fromfile(source.stem().with_suffix(LABELS), np.int32)
        if len(labels) != census.num_kept or not np.isin(labels, range(len(census.classes))).all():
            raise ValueError("other labels")
    return Prepared(values, labels, census, fresh)


def _made(source: Source, files: Iterable[ImageFile]) -> Prepared:
    folder, stem = source.folder(), source.stem()
    for old in folder.glob("*.*"):
        if old.suffix in (".json", PIXELS, LABELS) or old.name.startswith(".making"):
            old.unlink(missing_ok=True)  # of the collection as it was, or of a killed attempt
    census, labels = _written(source, files, stem.with_suffix(PIXELS))
    text = json.dumps(dataclasses.asdict(census))
    try:
        _refuse(source, census)
    except DataError:
        stem.with_suffix(PIXELS).unlink()
        if source.is_watched() and not census.disk_failed:
            atomic_write(stem.with_suffix(".json"), text.encode())
        raise
    if census.classes:
        atomic_write(stem.with_suffix(LABELS), np.array(labels, np.int32).tobytes())
    atomic_write(stem.with_suffix(".json"), text.encode())  # last: with it all of it is whole
    return _mapped(source, census, fresh=True)


def _written(source: Source, files: Iterable[ImageFile], path: Path) -> tuple[Census, list[int]]:
    """Pixels go to the disk one by one: a large collection does not fit into memory."""
    tally = _Tally()
    temporary = ""
    try:
        handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=".making.")
        with os.fdopen(handle, "wb") as file:
            for values in tally.taken(source, files):
                file.write(values.tobytes())
            file.flush()
            os.fsync(file.fileno())
        Path(temporary).replace(path)
    except OSError as error:
        raise FlatdiffError(
            f"cannot keep the images of {source.name} in {path.parent}: {error.strerror}"
        ) from None
    finally:
        with contextlib.suppress(OSError):
            Path(temporary).unlink()
    return tally.census(), tally.labels


class _Tally:
    """Counts what passes by."""

    def __init__(self) -> None:
        self.seen, self.kept, self.disk_failed = 0, 0, False
        self.names: dict[str, list[str]] = {}
        self.labels: list[int] = []
        self.classes: tuple[str, ...] = ()
        self.sha256 = hashlib.sha256()
        self.counts: dict[str, int] = {}

    def taken(self, source: Source, files: Iterable[ImageFile]) -> Iterator[NDArray[np.uint8]]:
        """Pixels of those that can be read."""
        for file in files:
            self.seen += 1
            try:
                pixels = read_pixels(file.read(), source.image_size, source.channels)
            except UNREADABLE_ERRORS as error:
                self.disk_failed |= isinstance(error, OSError)
                pixels = None
            for remark in ("unreadable",) if pixels is None else pixels.remarks:
                self.counts[remark] = self.counts.get(remark, 0) + 1
                examples = self.names.setdefault(remark, [])
                if len(examples) < EXAMPLES:
                    examples.append(as_text(file.name))
            if pixels is not None:
                self.kept += 1
                self.classes = file.classes
                self.sha256.update(f"{file.label}".encode() + pixels.values.tobytes())
                if file.label is not None:
                    self.labels.append(file.label)
                yield pixels.values

    def census(self) -> Census:
        """So far."""
        return Census(
            num_seen=self.seen,
            num_kept=self.kept,
            counts=self.counts,
            examples=self.names,
            sha256=self.sha256.hexdigest(),
            classes=tuple(as_text(name) for name in self.classes),
            disk_failed=self.disk_failed,
        )


def _refuse(source: Source, census: Census) -> None:
    if not census.num_seen:
        use = "held out" if source.split == "held_out" else "to train on"
        raise DataError(
            f"{source.name} has no images {use}; expected files ending in "
            f"{', '.join(IMAGE_SUFFIXES)}, of which one in {HELD_OUT_EVERY} is held out"
        )
    unreadable = census.counts.get("unreadable", 0)
    if unreadable > MAX_UNREADABLE_SHARE * census.num_seen:
        names = ", ".join(census.examples["unreadable"])
        raise DataError(
            f"{unreadable:,} of {census.num_seen:,} images in {source.name} cannot be read, more "
            f"than one in ten: {names}, ..."
        )
