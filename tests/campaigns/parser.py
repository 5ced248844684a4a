"""A parser reads bytes that anybody may have written; here is what a campaign asks of one."""

import io
import itertools
import json
import os
import zipfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

WITHIN_S = 2.0
MORE_MB = 200


@dataclass(frozen=True, kw_only=True)
class Parser:
    """What reads foreign bytes.

    Attributes:
        name: of what it reads.
        valid: bytes that it reads without a word; what is changed.
        read: from the bytes; raises a FlatdiffError or gives a value.
        dressed: what is put around the changed bytes so that they are looked at at all.
        within_s: the longest that an answer may take.
        more_mb: of memory, the most that one input may take.
    """

    name: str
    valid: Sequence[bytes]
    read: Callable[[bytes], Any]
    dressed: Callable[[bytes], bytes] = lambda content: content
    within_s: float = WITHIN_S
    more_mb: float = MORE_MB


class Desk:
    """A folder in which one file after the other is laid down to be read."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._moments = itertools.count(1)

    def put(self, name: str, content: bytes) -> Path:
        """Write a file that is newer than any before: what is remembered of those is not of it."""
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        moment = next(self._moments) * 1_000_000_000
        os.utime(path, ns=(moment, moment))
        return path


def header_of(content: bytes) -> bytes:
    """The JSON of a safetensors file, with what the numbers take as zeros to be put behind it."""
    return content[8 : 8 + int.from_bytes(content[:8], "little")]


def with_length(header: bytes) -> bytes:
    """A file of this header, with as many numbers as it ought to have, as far as it says that."""
    try:
        entries = json.loads(header).items()
        ends = [e["data_offsets"][1] for name, e in entries if name != "__metadata__"]
        room = min(max(0, *ends, 0), 1 << 20)
    except (ValueError, TypeError, LookupError, AttributeError, RecursionError):
        room = 0
    return len(header).to_bytes(8, "little") + header + bytes(int(room))


def zipped(members: Mapping[str, bytes], compression: int = zipfile.ZIP_STORED) -> bytes:
    """An archive."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", compression) as opened:
        for name, content in members.items():
            opened.writestr(name, content)
    return buffer.getvalue()
