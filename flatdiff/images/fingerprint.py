"""A fingerprint of a folder or zip: SHA-256 over the names, sizes and times of its files.

It is another one as soon as an image could be another one, and the same where the folder was
moved, or copied with its times. Nothing here imports torch or opens an image.
"""

import hashlib
import os
import time
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path

from flatdiff.errors import DataError

FRESH_S = 2.0  # a change of files is seen after so many seconds, at the latest
ANY_NAME = "surrogatepass"  # how to encode a file's name that is not UTF-8, as Python has it
READING = "centre square, bicubic"  # changes when the same files become other pixels


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
        lines = sorted(_listed(root) if root.is_dir() else [_line("", root.stat())])
    except OSError as error:  # not allowed, or gone while it was looked at
        raise DataError(f"the files of {root} cannot be listed: {error}") from None
    text = "\n".join([READING, *lines])
    return hashlib.sha256(text.encode("utf-8", ANY_NAME)).hexdigest()


def _listed(folder: Path, prefix: str = "") -> Iterator[str]:
    """A line for each file below a folder; a link to a folder may lead back, and is no part."""
    with os.scandir(folder) as entries:
        for entry in entries:
            name = f"{prefix}{entry.name}"
            if entry.is_dir(follow_symlinks=False):
                yield from _listed(Path(entry.path), f"{name}/")
            elif entry.is_file():
                yield _line(name, entry.stat())


def _line(name: str, status: os.stat_result) -> str:
    return f"{name} {status.st_size} {status.st_mtime_ns}"
