"""Why a store is refused: each cause made for real, as far as this user can make it."""

import errno
import os
import resource
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from flatdiff.engine import database, refusals
from flatdiff.engine.database import Database
from flatdiff.engine.store import Store
from flatdiff.errors import StoreError, StoreUnavailableError
from tests.disks import fill, make_read_only, small_disk
from tests.subjects import arrays_of, surface_request

REQUEST = surface_request()


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 1 MiB, which only root can make."""
    try:
        with small_disk(tmp_path, "1m") as mounted:
            yield mounted
    except OSError as error:
        pytest.skip(str(error))


def write_many(store: Store) -> None:
    """More than a megabyte."""
    for item in range(1, 99):
        store.put_tile(REQUEST.key, item, [arrays_of(item)] * 40, 1.0, "")


def test_a_full_disk_is_called_full(disk: Path) -> None:
    """It can be written to, so "a folder that can be written" is no help."""
    fill(disk)
    with pytest.raises(StoreUnavailableError, match=r"opened: no space is left .* another disk"):
        Database(disk / "results.sqlite")


def test_a_disk_that_fills_up_takes_nothing_more(disk: Path) -> None:
    """What was saved before is there, and the next one is saved when there is room again."""
    store = Store(disk / "results.sqlite")
    store.submit(REQUEST)
    store.put_tile(REQUEST.key, 0, [arrays_of(0)], 1.0, "")
    fill(disk)
    with pytest.raises(StoreUnavailableError, match=r"written: no space is left"):
        write_many(store)
    kept = store.items_done(REQUEST.key)
    assert 0 in kept
    (disk / "filler").unlink()
    store.put_tile(REQUEST.key, 500, [arrays_of(0)], 1.0, "")
    assert {*kept, 500} == set(store.items_done(REQUEST.key))
    store.close()


def test_a_read_only_disk_is_called_so(disk: Path) -> None:
    """Root may write anywhere but here."""
    make_read_only(disk)
    with pytest.raises(StoreError, match=r"its disk can only be read; .*can be written"):
        Database(disk / "results.sqlite")


def test_a_limit_of_file_sizes_is_called_so(tmp_path: Path) -> None:
    """SQLite says "disk I/O error" of it, as of a quota."""
    store = Store(tmp_path / "results.sqlite")
    store.submit(REQUEST)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 15, hard))
    try:
        with pytest.raises(StoreUnavailableError, match="files may not grow so large there"):
            write_many(store)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    store.close()


def test_a_lock_that_another_program_holds_is_called_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The wait is made short; the folder can be written all the time."""
    monkeypatch.setattr(database, "BUSY_TIMEOUT_S", 0.1)
    path = tmp_path / "results.sqlite"
    Database(path).close()
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(StoreUnavailableError, match="another program holds it") as caught:
            Database(path)
    assert "can be written" not in str(caught.value)


@pytest.mark.parametrize(
    ("number", "said"),
    [(errno.EDQUOT, "quota"), (errno.EIO, "its disk fails"), (errno.EROFS, "only be read")],
)
def test_the_system_tells_what_sqlite_does_not(
    number: int, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The probe is what meets the cause; SQLite's own words are the same for all of them."""

    def refuse(_file: int) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(refusals.os, "fsync", refuse)
    error = sqlite3.OperationalError("disk I/O error")
    error.sqlite_errorcode = sqlite3.SQLITE_IOERR_WRITE  # pyright: ignore[reportAttributeAccessIssue]
    assert said in refusals.why_refused(tmp_path / "results.sqlite", error)
    assert list(tmp_path.iterdir()) == []
