"""A published file, fetched because a person asked for it: continued where it broke off, checked.

What has come so far is kept beside the target, as `<name>.part`; only what has the published
digest takes the target's name.
"""

import hashlib
import http.client
import os
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from flatdiff.errors import DataError
from flatdiff.system.locks import take

TIMEOUT_S = 60  # without a byte
CHUNK_BYTES = 1 << 20


@dataclass(frozen=True, kw_only=True)
class Published:
    """A file that somebody publishes."""

    what: str  # "CIFAR-10"
    url: str
    num_bytes: int
    algorithm: str  # of hashlib
    digest: str  # hex digits


def fetch(file: Published, target: Path) -> None:
    """Get it, unless it is there.

    Raises:
        DataError: it could not be had whole, and what to do; what was at the target is intact.
        FlatdiffError: the folder cannot be written.
    """
    if _is_there(file, target):
        return
    if (lock := take(target.with_name(f"{target.name}.lock"))) is None:
        raise DataError(f"{file.what} is being downloaded already, into {target.parent}")
    with lock:
        if not _is_there(file, target):
            _get(file, target)


def _is_there(file: Published, target: Path) -> bool:
    return target.is_file() and _digest(file, target) == file.digest


def _get(file: Published, target: Path) -> None:
    part = target.with_name(f"{target.name}.part")
    by_hand = f"without a network, place {target.name} in {target.parent}"
    try:
        _continue(file, part)
        size, got = part.stat().st_size, _digest(file, part)
    except (OSError, ValueError, http.client.HTTPException) as error:
        kept = " (what has come is kept; the same command goes on)" if part.exists() else ""
        why = f"{_words(error)}{kept}"
        raise DataError(f"{file.what} could not be downloaded: {why}; {by_hand}") from None
    if got != file.digest:
        part.unlink()
        raise DataError(
            f"what came from {file.url} is not {file.what}'s published file: expected "
            f"{file.num_bytes:,} bytes with {file.algorithm} {file.digest[:12]}..., got {size:,} "
            f"with {got[:12]}...; {by_hand}"
        )
    part.replace(target)


def _words(error: Exception) -> str:
    """In one line; what came from elsewhere may be anything."""
    words = "".join(letter if letter.isprintable() else " " for letter in str(error)[:200])
    return words.strip() or type(error).__name__


def _continue(file: Published, part: Path) -> None:
    """Append what is missing, or begin again where the server cannot.

    Raises:
        OSError: it broke off.
        HTTPException, ValueError: what answered does not keep to HTTP.
    """
    there = part.stat().st_size if part.exists() else 0
    if there >= file.num_bytes:
        return
    request = urllib.request.Request(file.url, headers={"Range": f"bytes={there}-"})  # noqa: S310
    with urllib.request.urlopen(request, timeout=TIMEOUT_S) as response:  # noqa: S310
        goes_on = there > 0 and getattr(response, "status", None) == 206
        missing = file.num_bytes - (there if goes_on else 0)
        promised = int(response.headers.get("Content-Length") or missing)
        with part.open("ab" if goes_on else "wb") as out:
            came = _copy(response.read, out, missing)
    if came < min(promised, missing):
        raise ConnectionError(f"the connection broke off {missing - came:,} bytes too early")


def _copy(read: Callable[[int], bytes], out: BinaryIO, missing: int) -> int:
    """Bytes that came: one more than are missing at most, by which too long a file shows."""
    came = 0
    while came <= missing and (chunk := read(min(CHUNK_BYTES, missing + 1 - came))):
        out.write(chunk)
        came += len(chunk)
    out.flush()
    os.fsync(out.fileno())
    return came


def _digest(file: Published, path: Path) -> str:
    with path.open("rb") as content:
        return hashlib.file_digest(content, file.algorithm).hexdigest()
