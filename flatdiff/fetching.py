"""A fetched file is a published one: asked for by a person, continued where it broke off, checked.

What has come so far is kept beside the target, as `<name>.part`; only what has the published
digest takes the target's name.
"""

import hashlib
import os
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from flatdiff.errors import DataError

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
    """
    if target.is_file() and _digest(file, target) == file.digest:
        return
    part = target.with_name(f"{target.name}.part")
    by_hand = f"without a network, place {target.name} in {target.parent}"
    try:
        part.parent.mkdir(parents=True, exist_ok=True)
        _continue(file, part)
        size, got = part.stat().st_size, _digest(file, part)
    except OSError as error:
        kept = " (what has come is kept; the same command goes on)" if part.exists() else ""
        raise DataError(f"{file.what} could not be downloaded: {error}{kept}; {by_hand}") from None
    if got != file.digest:
        part.unlink()
        raise DataError(
            f"what came from {file.url} is not {file.what}'s published file: expected "
            f"{file.num_bytes:,} bytes with {file.algorithm} {file.digest[:12]}..., got {size:,} "
            f"with {got[:12]}...; {by_hand}"
        )
    part.replace(target)


def _continue(file: Published, part: Path) -> None:
    """Append what is missing, or begin again where the server cannot.

    Raises:
        OSError: it broke off.
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
