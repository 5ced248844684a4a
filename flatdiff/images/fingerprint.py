"""A fingerprint of a folder, zip or array: SHA-256 over the names and the bytes of its files.

It is another one as soon as an image is another one, and the same where the folder was moved or
copied. The bytes are read once: what came of them is kept beside the names, sizes and times that
the files had, and those are what is looked at afterwards. Of a collection that is too large to be
read in passing, they are all that is looked at. Nothing here imports torch or opens an image.
"""

import contextlib
import hashlib
import os
import re
import time
import zipfile
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path

from flatdiff.errors import DataError, FlatdiffError
from flatdiff.system.files import atomic_write, sha256_of, state_home

FRESH_S = 2.0  # a change of files is seen after so many seconds, at the latest
ANY_NAME = "surrogatepass"  # how to encode a file's name that is not UTF-8, as Python has it
READING = "centre square, bicubic; all of Pillow's"  # changes when the same files become others
MAX_READ_BYTES = 1 << 30  # of a collection whose bytes are read; that takes a second or two


def files_fingerprint(root: Path, *, fresh: bool) -> str:
    """64 hex digits of the files below a folder, or of one zip.

    Args:
        root: the folder or zip.
        fresh: look now; else an answer may be `FRESH_S` old, since a page asks for dozens at once
            and a large folder takes a fifth of a second to go through.

    Raises:
        DataError: it is not there, or cannot be listed.
    """
    return _fingerprint(root, time.monotonic() if fresh else time.monotonic() // FRESH_S)


@lru_cache(maxsize=32)
def _fingerprint(root: Path, _moment: float) -> str:
    try:
        if not root.is_dir() and not root.is_file():
            raise DataError(f"{root} is neither a folder nor a zip of images")
        files = dict(_listed(root) if root.is_dir() else [("", root.stat())])
        seen = _digest([_line(name, files[name]) for name in sorted(files)])
        if sum(status.st_size for status in files.values()) > MAX_READ_BYTES:
            return seen
        return _kept(seen) or _keep(seen, _of_bytes(root, sorted(files)))
    except OSError as error:  # not allowed, or gone while it was looked at
        raise DataError(f"the files of {root} cannot be listed: {error}") from None


def _kept(seen: str) -> str | None:
    """What came of the bytes when the files had these names, sizes and times."""
    with contextlib.suppress(OSError, ValueError):
        text = (_home() / seen).read_text("ascii")
        return text if re.fullmatch("[0-9a-f]{64}", text) else None
    return None


def _keep(seen: str, found: str) -> str:
    with contextlib.suppress(FlatdiffError, OSError):  # it is read again where it cannot be kept
        atomic_write(_home() / seen, found.encode())
    return found


def _home() -> Path:
    return state_home() / "datasets" / "fingerprints"


def _of_bytes(root: Path, names: list[str]) -> str:
    """Over names and contents; a zip's own directory has both, the contents by their CRC."""
    if root.is_file() and zipfile.is_zipfile(root):
        with contextlib.suppress(zipfile.BadZipFile, ValueError), zipfile.ZipFile(root) as archive:
            members = [f"{i.filename} {i.file_size} {i.CRC}" for i in archive.infolist()]
            return _digest(sorted(members))
    return _digest([f"{name} {_sha256(root / name if name else root)}" for name in names])


def _sha256(path: Path) -> str:
    """Of a file's bytes; one that may not be read is known as such, and no image of a set."""
    try:
        return sha256_of(path)
    except PermissionError:
        return "unreadable"


def _digest(lines: list[str]) -> str:
    text = "\n".join([READING, *lines])
    return hashlib.sha256(text.encode("utf-8", ANY_NAME)).hexdigest()


def _listed(folder: Path, prefix: str = "") -> Iterator[tuple[str, os.stat_result]]:
    """Each file below a folder; a link to a folder may lead back, and is no part."""
    with os.scandir(folder) as entries:
        for entry in entries:
            name = f"{prefix}{entry.name}"
            if entry.is_dir(follow_symlinks=False):
                yield from _listed(Path(entry.path), f"{name}/")
            elif entry.is_file():
                yield name, entry.stat()


def _line(name: str, status: os.stat_result) -> str:
    return f"{name} {status.st_size} {status.st_mtime_ns}"
