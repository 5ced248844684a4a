"""LSUN's images lie in LMDB databases, which are mapped into memory and believed.

A pointer in such a file that leads out of it ends the process that follows it (SIGBUS), so that a
child goes first: `python -m flatdiff.images.lsun FOLDER` touches both ends of every image.
"""

import importlib
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any

from flatdiff.errors import DataError
from flatdiff.images.listing import MAX_FILE_BYTES, ImageFile
from flatdiff.system.child_process import name_of_signal
from flatdiff.system.files import PROJECT_ROOT

FILE = "data.mdb"
NODE_BYTES = 16  # that an image takes at least: pages that lead in circles have more of them


def lsun_images(folder: Path) -> Iterator[ImageFile]:
    """Every image of one of LSUN's databases, as torchvision reads them, in the order of keys.

    Raises:
        DataError: lmdb is not installed, or the database cannot be read.
    """
    _library()
    done = subprocess.run(
        [sys.executable, "-m", "flatdiff.images.lsun", str(folder.resolve())],
        cwd=PROJECT_ROOT,
        capture_output=True,
        text=True,
        errors="replace",
        check=False,
    )
    if done.returncode < 0:
        raise _unreadable(folder, f"following it ends in {name_of_signal(-done.returncode)}")
    if done.returncode:
        raise DataError(done.stderr.strip())
    for key, value in _entries(folder):
        yield ImageFile(key.decode("ascii", "replace"), partial(_image, value))


def _image(value: memoryview) -> bytes:
    if len(value) > MAX_FILE_BYTES:
        raise ValueError("too large for an image")
    return bytes(value)


def walk(folder: Path) -> None:
    """Touch all that `lsun_images` would read.

    Raises:
        DataError: as there.
    """
    for _, value in _entries(folder):
        for end in (value[:1], value[-1:]):
            bytes(end)


def _entries(folder: Path) -> Iterator[tuple[bytes, memoryview]]:
    lmdb = _library()
    try:
        with closing(lmdb.open(str(folder), readonly=True, lock=False, readahead=False)) as env:
            _refuse_cut(folder, env.stat()["psize"] * (env.info()["last_pgno"] + 1))
            most = (folder / FILE).stat().st_size // NODE_BYTES
            with env.begin(buffers=True) as transaction:
                for number, (key, value) in enumerate(transaction.cursor()):
                    if number > most:
                        raise _unreadable(folder, "its pages lead in a circle")
                    yield bytes(key), value
    except (lmdb.Error, OSError) as error:
        raise _unreadable(folder, str(error)) from None


def _library() -> Any:
    try:
        return importlib.import_module("lmdb")
    except ImportError:
        raise DataError(
            "LSUN's databases are read by the package lmdb; install it with: pip install lmdb"
        ) from None


def _refuse_cut(folder: Path, expected: int) -> None:
    """Before a page that is not there is touched: that would end the process."""
    if (there := (folder / FILE).stat().st_size) < expected:
        raise _unreadable(folder, f"{FILE} has {there:,} bytes of {expected:,}")


def _unreadable(folder: Path, why: str) -> DataError:
    return DataError(f"{folder} cannot be read as an LSUN database: {why}; get it again")


if __name__ == "__main__":
    try:
        walk(Path(sys.argv[1]))
    except DataError as error:
        sys.exit(str(error))
