"""A dataset is known by its name; where its files are, and whether they changed, is said here.

`digits` comes with scikit-learn; `cifar10`, `lsun_tower` and `ffhq64` are in the state directory;
`folder:<path>` is any folder, or zip, of images. Nothing here imports torch or reads an image.
"""

import hashlib
import os
import time
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import Literal

from flatdiff.errors import DataError
from flatdiff.system.access import serves_others
from flatdiff.system.files import state_home

Split = Literal["train", "held_out"]

FOLDER = "folder:"
FRESH_S = 2.0  # a change of files is seen after so many seconds, at the latest
ANY_NAME = "surrogatepass"  # how to encode a file's name that is not UTF-8, as Python has it
READING = "centre square, bicubic"  # changes when the same files become other pixels


def datasets_home() -> Path:
    """Where datasets with a name of their own are kept."""
    return state_home() / "datasets"


def collection_of(dataset: str) -> Path | None:
    """The folder or zip of images that a dataset is; None where it is something else.

    It need not exist.

    Raises:
        DataError: no path, or a folder that may not be read here.
    """
    if dataset.startswith(FOLDER):
        root = _path(dataset.removeprefix(FOLDER))
        _refuse_elsewhere(root)
        return root
    if dataset == "ffhq64":
        folder = datasets_home() / "ffhq64"
        return folder if folder.is_dir() else folder.with_suffix(".zip")
    return None


def _path(text: str) -> Path:
    """Of what somebody wrote, or a stranger's card says."""
    try:
        usable = b"\0" not in os.fsencode(text)
    except UnicodeEncodeError:
        usable = False
    if not usable:
        raise DataError(f"{text!r} cannot be the path of a folder or a zip")
    return Path(text)


def _refuse_elsewhere(root: Path) -> None:
    """A card may come from a stranger, and what it names is shown to whoever visits.

    Who is alone with the dashboard may name any folder; where visitors come, by a password or to
    look only, it must be one that the owner has named.
    """
    chosen = os.environ.get("FLATDIFF_FOLDERS")
    visited = serves_others()
    if chosen is None and not visited:
        return
    allowed = [datasets_home(), *(Path(part) for part in (chosen or "").split(os.pathsep) if part)]
    try:
        allows = any(root.resolve().is_relative_to(place.resolve()) for place in allowed)
    except (OSError, RuntimeError):  # links that lead in a circle, or through what is not open
        allows = False
    if not allows:
        raise DataError(
            f"{root} may not be read here: FLATDIFF_FOLDERS names the folders whose images are "
            f"shown, now {chosen or 'none'}"
        )


def dataset_fingerprint(dataset: str, *, fresh: bool = False) -> str:
    """Changes when the images do: a collection's by names, sizes and times; published sets never.

    Args:
        dataset: its name.
        fresh: look now; else an answer may be `FRESH_S` old, since a page asks for dozens at once
            and a large folder takes a fifth of a second to go through.

    Raises:
        DataError: the folder is not there, cannot be listed, or may not be read here.
    """
    root = collection_of(dataset)
    if root is None or (not dataset.startswith(FOLDER) and not root.exists()):
        return dataset
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
