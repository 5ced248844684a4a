"""A file on disk is either the old one or the new one, never half of each.

Where flatdiff keeps things, how it writes them, and how a name becomes a path without leaving its
root.
"""

import errno
import hashlib
import os
import shutil
import sys
import tempfile
from collections.abc import Iterable
from pathlib import Path

from flatdiff.errors import FlatdiffError

PROJECT_ROOT = Path(__file__).resolve().parents[2]
NO_SYNC_OF_FOLDERS = (errno.EINVAL, errno.ENOTSUP)  # as of some file systems of a network


def state_home() -> Path:
    """$FLATDIFF_HOME, or the per-user data directory of the platform; made when written to.

    Raises:
        FlatdiffError: this user has no home, as in some containers, and none is said.
    """
    places = {"darwin": ("", "Library/Application Support"), "win32": ("LOCALAPPDATA", "")}
    variable, below = places.get(sys.platform, ("XDG_DATA_HOME", ".local/share"))
    try:
        if chosen := os.environ.get("FLATDIFF_HOME"):
            return Path(chosen).expanduser().resolve()
        if data := os.environ.get(variable):
            return Path(data) / "flatdiff"
        return Path.home() / below / "flatdiff"
    except RuntimeError:
        raise FlatdiffError(
            "there is no home directory to keep results in ($HOME is not set, or names nobody); "
            "set FLATDIFF_HOME to a folder that can be written"
        ) from None


def shipped() -> Path:
    """The checkpoints that come with the program, and what was measured of them; never written.

    Beside the package in a source tree; inside it where it was installed from a wheel.
    """
    beside = PROJECT_ROOT / "checkpoints"
    return beside if in_source_tree() else PROJECT_ROOT / "flatdiff" / "shipped"


def in_source_tree() -> bool:
    """Whether the package lies in its project, and not among installed ones."""
    return (PROJECT_ROOT / "pyproject.toml").is_file()


def checkpoint_root() -> Path:
    """$FLATDIFF_CHECKPOINTS, or the folder checkpoints/ of the project.

    Where the package was installed without its project: a folder below `state_home`, which begins
    as a copy of the shipped ones.

    Raises:
        FlatdiffError: the copy cannot be made.
    """
    if chosen := os.environ.get("FLATDIFF_CHECKPOINTS"):
        return Path(chosen).expanduser().resolve()
    if in_source_tree():
        return PROJECT_ROOT / "checkpoints"
    own = state_home() / "checkpoints"
    if not own.exists():
        _copy_whole(shipped(), own)
    return own


def _copy_whole(source: Path, target: Path) -> None:
    """A folder that appears at once; another process may have made it meanwhile."""
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=target.parent, prefix=f".{target.name}.") as folder:
            shutil.copytree(source, Path(folder) / target.name)
            try:
                move_folder(Path(folder) / target.name, target)
            except FlatdiffError:
                if not target.is_dir():
                    raise
    except OSError as error:
        raise FlatdiffError(f"cannot copy {source} to {target}: {error.strerror}") from None


def resolve_inside(root: Path, name: str) -> Path:
    """The path that a name from outside stands for, refused where it leaves the root.

    Raises:
        FlatdiffError: the name is absolute, climbs out, or follows a link out.
    """
    root = root.resolve()
    if _has_no_links(root, name):
        return root / name
    try:
        path = (root / name).resolve()
    except (ValueError, RuntimeError):  # a NUL or a lone surrogate; a link to itself
        path = root
    # From Python 3.13 on, a link to itself is resolved to itself without a word.
    if path == root or path.is_symlink() or not path.is_relative_to(root):
        raise FlatdiffError(f"{name!r} is not a name inside {root}")
    return path


def _has_no_links(root: Path, name: str) -> bool:
    """Whether a name goes straight down; resolving asks the disk ten times as often."""
    parts = name.split("/")
    plain = name.isprintable() and all(part.strip(".") for part in parts)
    if not plain or os.sep != "/":
        return False
    try:
        return not any(root.joinpath(*parts[: k + 1]).is_symlink() for k in range(len(parts)))
    except OSError:  # no access
        return False


def not_written(path: Path, error: OSError) -> str:
    """Half a sentence on a path that the system would not let be written, and why."""
    if isinstance(error, NotADirectoryError | FileExistsError):
        for parent in path.parents:
            if parent.is_file():
                return f"cannot write {path}: {parent} is a file, and would have to be a folder"
    return f"cannot write {path}: {error.strerror}"


def atomic_write(path: Path, content: bytes) -> None:
    """Replace a file's content so that a crash at any moment leaves the old or the new one.

    Raises:
        FlatdiffError: the disk is full or the folder cannot be written: the old file is intact; or
            the folder cannot be synced: the new file is there.
    """
    atomic_write_parts(path, [content])


def atomic_write_parts(path: Path, parts: Iterable[bytes]) -> None:
    """The same for content that is too large to be held at once; what `parts` raises passes.

    Raises:
        FlatdiffError: see `atomic_write`.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    except OSError as error:
        raise FlatdiffError(f"{not_written(path, error)}; nothing was changed") from None
    try:
        with os.fdopen(handle, "wb") as file:
            for part in parts:
                file.write(part)
            file.flush()
            os.fsync(file.fileno())
        Path(temporary).chmod(0o644)
        Path(temporary).replace(path)
    except BaseException as error:
        Path(temporary).unlink(missing_ok=True)
        if not isinstance(error, OSError):
            raise
        raise FlatdiffError(f"{not_written(path, error)}; nothing was changed") from None
    _sync_folder(path.parent)


def move_folder(source: Path, target: Path) -> None:
    """Give a folder another place on the same disk, at once and for good.

    Raises:
        FlatdiffError: it cannot be moved, and is where it was; or see `atomic_write`.
    """
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        source.rename(target)
    except OSError as error:
        raise FlatdiffError(
            f"cannot move {source} to {target}: {error.strerror}; nothing was changed"
        ) from None
    for folder in {source.parent, target.parent}:
        _sync_folder(folder)


def _sync_folder(folder: Path) -> None:
    """Make the rename itself durable, where the platform can.

    Raises:
        FlatdiffError: the disk refuses; the rename holds for as long as the machine runs.
    """
    if os.name != "posix":
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    except OSError as error:
        if error.errno not in NO_SYNC_OF_FOLDERS:
            raise FlatdiffError(
                f"{folder} cannot be made sure of: {error.strerror}; what was written there is "
                "whole, but may be the old one again after a power cut; look after the disk"
            ) from None
    finally:
        os.close(handle)


def sha256_of(path: Path) -> str:
    """64 hex digits of a file's content."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
