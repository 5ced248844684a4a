"""Disks of a chosen size, which only root can mount."""

import contextlib
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

MOUNTABLE = sys.platform.startswith("linux") and os.geteuid() == 0
NOT_MOUNTABLE = "NOT TESTED: only root can mount, and not everywhere"


@contextlib.contextmanager
def small_disk(folder: Path, size: str) -> Iterator[Path]:
    """A file system of its own, in an empty folder.

    Args:
        folder: where it is mounted.
        size: as in `mount -o size=6m`.

    Raises:
        OSError: nothing can be mounted here.
    """
    words = ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(folder)]
    if not MOUNTABLE or subprocess.run(words, check=False, capture_output=True).returncode:
        raise OSError(NOT_MOUNTABLE)
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


def make_read_only(disk: Path) -> None:
    """Even root may write there no more."""
    subprocess.run(["mount", "-o", "remount,ro", str(disk)], check=True)


def make_writable(disk: Path) -> None:
    """The same disk, as it was."""
    subprocess.run(["mount", "-o", "remount,rw", str(disk)], check=True)


def fill(folder: Path, but_for: int = 0) -> Path:
    """To the last byte, but for so many; returns the file that takes the room."""
    filler = folder / "filler"
    with filler.open("wb", buffering=0) as file, contextlib.suppress(OSError):
        while file.write(b"x" * 4096):
            pass
    os.truncate(filler, max(0, filler.stat().st_size - but_for))
    return filler
