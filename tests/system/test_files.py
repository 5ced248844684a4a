"""Files that are never half written, and names that never leave their root."""

import errno
import hashlib
import os
import re
import stat
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from flatdiff.errors import FlatdiffError
from flatdiff.system.files import (
    PROJECT_ROOT,
    atomic_write,
    atomic_write_parts,
    checkpoint_root,
    resolve_inside,
    sha256_of,
    state_home,
)
from flatdiff.system.locks import take


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A root with a folder and a file in it, a secret beside it, and links both ways."""
    (tmp_path / "secret").mkdir()
    inside = tmp_path / "root"
    (inside / "family" / "name").mkdir(parents=True)
    (inside / "way out").symlink_to(tmp_path / "secret")
    (inside / "family" / "up").symlink_to("../..")
    (inside / "loop").symlink_to("loop")
    (inside / "alias").symlink_to("family")
    return inside


@pytest.mark.parametrize(
    "name",
    [
        "",
        ".",
        "..",
        "../x",
        "../root",
        "/",
        "/etc/passwd",
        "a/../..",
        "a/../../b",
        "a/../../root",
        "family/../../secret",
        "way out",
        "way out/file",
        "family/up",
        "family/up/secret",
        "loop",
        "family/\0name",
        "\0",
        "\ud800",
        "../root-beside",
    ],
)
def test_names_that_leave_the_root_are_refused(name: str, root: Path) -> None:
    """Each is a known way out; the test writes the list, the code must not need to know it."""
    with pytest.raises(FlatdiffError, match="is not a name inside"):
        resolve_inside(root, name)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("family/name", "family/name"),
        ("family/absent", "family/absent"),
        ("family/../family/name", "family/name"),
        ("alias/name", "family/name"),
        ("Ünïcødé/😀", "Ünïcødé/😀"),
        ("<script>", "<script>"),
        ("..name", "..name"),
    ],
)
def test_names_inside_are_paths(name: str, expected: str, root: Path) -> None:
    """Odd is not forbidden: what stays inside is a path, links and dots resolved by hand."""
    assert resolve_inside(root, name) == root.resolve() / expected


def fail(*_: object, **__: object) -> None:
    """The disk is full."""
    raise OSError(errno.ENOSPC, "No space left on device")


@pytest.mark.parametrize("call", ["fsync", "replace", "chmod", "fdopen"])
@pytest.mark.parametrize("old", [b"the old content", None])
def test_failed_write_leaves_what_was_there(
    call: str, old: bytes | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every system call on the way fails once; the folder is compared before and after."""
    target = tmp_path / "file"
    if old is not None:
        target.write_bytes(old)
    with monkeypatch.context() as patch:
        patch.setattr(os, call, fail)
        with pytest.raises(FlatdiffError, match="No space left on device; nothing was changed"):
            atomic_write(target, b"new")
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == (
        {} if old is None else {"file": old}
    )


def test_failed_write_of_the_bytes_leaves_what_was_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The temporary file is opened read-only behind its back, so the kernel itself refuses."""
    target = tmp_path / "file"
    target.write_bytes(b"old")
    fdopen = os.fdopen

    def read_only(handle: int, _mode: str) -> object:
        name = next(path for path in tmp_path.iterdir() if path.name != "file")
        os.close(handle)
        return fdopen(os.open(name, os.O_RDONLY), "wb")

    monkeypatch.setattr(os, "fdopen", read_only)
    with pytest.raises(FlatdiffError, match="cannot write"):
        atomic_write(target, b"new")
    monkeypatch.undo()
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == {"file": b"old"}


def test_parts_that_end_early_leave_what_was_there(tmp_path: Path) -> None:
    """Whatever their maker raises; when it does not, they stand one behind the other."""

    def parts() -> Iterator[bytes]:
        yield b"half"
        raise MemoryError

    target = tmp_path / "file"
    atomic_write_parts(target, [b"o", b"ld"])
    with pytest.raises(MemoryError):
        atomic_write_parts(target, parts())
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == {"file": b"old"}


@pytest.mark.parametrize("content", [b"", b"new", bytes(3 << 20)])
def test_write_replaces_the_whole_file(content: bytes, tmp_path: Path) -> None:
    """Read back by Python's own reader; longer, shorter and empty, in folders not yet there."""
    target = tmp_path / "a" / "b" / "file"
    atomic_write(target, b"something of some length")
    atomic_write(target, content)
    assert target.read_bytes() == content
    assert [path.name for path in target.parent.iterdir()] == ["file"]
    assert target.stat().st_mode & 0o777 == 0o644


def test_reader_of_the_old_file_keeps_it(tmp_path: Path) -> None:
    """Replaced, not overwritten: an open file has the old bytes to its end."""
    target = tmp_path / "file"
    atomic_write(target, b"old" * 1000)
    with target.open("rb") as reader:
        start = reader.read(1)
        atomic_write(target, b"new")
        assert start + reader.read() == b"old" * 1000


def test_data_reaches_the_disk_before_the_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The order of the calls is recorded: bytes, then the rename, then the folder."""
    calls: list[str] = []
    fsync, replace = os.fsync, os.replace
    monkeypatch.setattr(os, "fsync", lambda handle: (calls.append("fsync"), fsync(handle))[1])
    monkeypatch.setattr(os, "replace", lambda *a: (calls.append("replace"), replace(*a))[1])
    atomic_write(tmp_path / "file", b"new")
    assert calls == ["fsync", "replace", "fsync"]


@pytest.mark.parametrize("writes", [lambda path: atomic_write(path, b""), take])
def test_a_file_in_the_place_of_a_folder_is_named(
    writes: Callable[[Path], object], tmp_path: Path
) -> None:
    """However far above it stands."""
    (tmp_path / "name").write_bytes(b"kept")
    expected = f"{tmp_path / 'name'} is a file, and would have to be a folder"
    with pytest.raises(FlatdiffError, match=re.escape(expected)):
        writes(tmp_path / "name" / "run" / "here.lock")
    assert (tmp_path / "name").read_bytes() == b"kept"


@pytest.mark.parametrize("code", [errno.EIO, errno.EINVAL])
def test_a_folder_that_cannot_be_synced_has_the_new_file(
    code: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Said where the disk fails, and not where its file system has no such thing."""
    fsync, told = os.fsync, []

    def fail_for_folders(handle: int) -> None:
        if stat.S_ISDIR(os.fstat(handle).st_mode):
            raise OSError(code, os.strerror(code))
        fsync(handle)

    monkeypatch.setattr(os, "fsync", fail_for_folders)
    try:
        atomic_write(tmp_path / "file", b"new")
    except FlatdiffError as error:
        told.append(str(error))
    assert (tmp_path / "file").read_bytes() == b"new"
    assert ["after a power cut" in one for one in told] == [True] * (code == errno.EIO)


def test_folder_in_the_way_is_one_sentence(tmp_path: Path) -> None:
    """The parent is a file: nothing can be made below it."""
    (tmp_path / "file").write_bytes(b"old")
    with pytest.raises(FlatdiffError, match="cannot write"):
        atomic_write(tmp_path / "file" / "below", b"new")
    assert (tmp_path / "file").read_bytes() == b"old"


def test_sha256_is_the_published_one(tmp_path: Path) -> None:
    """FIPS 180-2's test vector "abc", and a file longer than any buffer."""
    (tmp_path / "abc").write_bytes(b"abc")
    assert sha256_of(tmp_path / "abc") == (
        "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    )
    (tmp_path / "long").write_bytes(bytes(5 << 20))
    assert sha256_of(tmp_path / "long") == hashlib.sha256(bytes(5 << 20)).hexdigest()


def test_places_follow_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Set, they win; unset, checkpoints stand beside the package."""
    monkeypatch.setenv("FLATDIFF_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("FLATDIFF_CHECKPOINTS", str(tmp_path / "weights"))
    assert state_home() == (tmp_path / "home").resolve()
    assert checkpoint_root() == (tmp_path / "weights").resolve()
    monkeypatch.delenv("FLATDIFF_CHECKPOINTS")
    assert checkpoint_root() == PROJECT_ROOT / "checkpoints"


def test_a_user_without_a_home_is_told_what_to_set(monkeypatch: pytest.MonkeyPatch) -> None:
    """As in a container that runs under a number; with a place of its own nothing is missed."""
    for name in ("FLATDIFF_HOME", "XDG_DATA_HOME", "LOCALAPPDATA"):
        monkeypatch.delenv(name, raising=False)

    def nobody() -> Path:
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.setattr(Path, "home", nobody)
    with pytest.raises(FlatdiffError, match="set FLATDIFF_HOME to a folder"):
        state_home()
    monkeypatch.setenv("FLATDIFF_HOME", "/data/flatdiff")
    assert state_home() == Path("/data/flatdiff").resolve()


@pytest.mark.skipif(sys.platform != "linux", reason="the variable is Linux's")
def test_a_data_directory_needs_no_home(monkeypatch: pytest.MonkeyPatch) -> None:
    """The standard's variable is enough."""
    monkeypatch.delenv("FLATDIFF_HOME", raising=False)
    monkeypatch.setenv("XDG_DATA_HOME", "/data")
    monkeypatch.setattr(Path, "home", lambda: pytest.fail("a home was looked for"))
    assert state_home() == Path("/data/flatdiff")
