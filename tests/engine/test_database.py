"""The store's file: opened anywhere it can be, refused in a sentence elsewhere."""

import os
import sqlite3
import threading
from contextlib import closing
from pathlib import Path

import pytest

from flatdiff.engine.database import STORE_VERSION, Database
from flatdiff.engine.store import Store
from flatdiff.errors import StoreError
from tests.subjects import arrays_of, surface_request


def raw(path: Path) -> sqlite3.Connection:
    """Another program's connection."""
    return sqlite3.connect(path, isolation_level=None)


def ask(path: Path, question: str) -> list[tuple]:
    """One question by another program, which then goes."""
    with closing(raw(path)) as db:
        return db.execute(question).fetchall()


@pytest.mark.parametrize("version", [STORE_VERSION + 1, 99, -1])
def test_other_version_is_left_alone(version: int, tmp_path: Path) -> None:
    """Written by a newer program: refused with both versions, and not a byte of it changes."""
    path = tmp_path / "results.sqlite"
    db = raw(path)
    db.execute(f"PRAGMA user_version = {version}")
    db.execute("CREATE TABLE newer (x)")
    db.close()
    written = path.read_bytes()
    with pytest.raises(
        StoreError, match=f"version {version}, this flatdiff reads .*FLATDIFF_HOME"
    ):
        Database(path)
    assert path.read_bytes() == written
    assert list(tmp_path.iterdir()) == [path]


def test_another_programs_database_is_left_alone(tmp_path: Path) -> None:
    """Refused in a sentence; that a table of ours exists in it was a traceback."""
    path = tmp_path / "results.sqlite"
    with closing(raw(path)) as db:
        db.execute("CREATE TABLE jobs (theirs)")
    with pytest.raises(StoreError, match="another program's database; move it"):
        Database(path)
    assert ask(path, "SELECT sql FROM sqlite_master") == [("CREATE TABLE jobs (theirs)",)]


@pytest.mark.parametrize(
    "content", [b"<html>" * 99, b"SQLite format 3\0" + b"x" * 999, b"\0" * 999]
)
def test_what_is_no_database_is_set_aside(content: bytes, tmp_path: Path) -> None:
    """Kept under another name as it is; a new store begins, twice if need be."""
    path = tmp_path / "results.sqlite"
    for number in (1, 2):
        path.write_bytes(content)
        database = Database(path)
        aside = tmp_path / f"results.sqlite.damaged-{number}"
        assert database.set_aside == aside
        assert aside.read_bytes() == content
        assert database.rows("SELECT count(*) FROM jobs") == [(0,)]
        database.close()
        assert len(database.damaged_files()) == number
        for file in tmp_path.glob("results.sqlite*"):
            if "damaged" not in file.name:
                file.unlink()


def test_folder_that_cannot_be_made_is_refused(tmp_path: Path) -> None:
    """A file stands where the folder should be, which stops even the administrator."""
    (tmp_path / "home").write_text("a file")
    with pytest.raises(StoreError, match=r"cannot be opened: .*; set FLATDIFF_HOME to a folder"):
        Database(tmp_path / "home" / "results.sqlite")


def test_path_that_is_a_folder_is_refused(tmp_path: Path) -> None:
    """SQLite's own words, inside the sentence."""
    with pytest.raises(StoreError, match="unable to open database file; set FLATDIFF_HOME"):
        Database(tmp_path)


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="root may write anywhere")
def test_read_only_folder_is_refused(tmp_path: Path) -> None:
    """The operating system refuses; the sentence says what to set."""
    tmp_path.chmod(0o500)
    with pytest.raises(StoreError, match="set FLATDIFF_HOME to a folder that can be written"):
        Database(tmp_path / "results.sqlite")


@pytest.mark.parametrize("name", ["a b", "50% #1?", "Ünï 😀", "x;y'z"])
def test_any_folder_name_works(name: str, tmp_path: Path) -> None:
    """The path becomes a URI; the file must be in the folder named, seen by the file system."""
    path = tmp_path / name / "results.sqlite"
    Database(path).close()
    assert path.is_file()
    assert ask(path, "PRAGMA user_version") == [(STORE_VERSION,)]
    assert [p.name for p in tmp_path.iterdir()] == [name]


def insert_and_fail(store: Store) -> None:
    with store.database.transaction() as db:
        db.execute("INSERT INTO rates VALUES ('a', 'b', 1)")
        raise ZeroDivisionError


def test_failed_transaction_leaves_nothing(store: Store) -> None:
    """The row is looked for by another connection."""
    with pytest.raises(ZeroDivisionError):
        insert_and_fail(store)
    assert ask(store.database.path, "SELECT * FROM rates") == []
    with store.database.transaction() as db:
        db.execute("INSERT INTO rates VALUES ('a', 'b', 1)")
    assert len(ask(store.database.path, "SELECT * FROM rates")) == 1


def test_writes_survive_a_power_cut_by_contract(store: Store) -> None:
    """WAL (1 writer, many readers) and FULL (2): SQLite syncs the log at every commit."""
    db = store.database.connection()
    assert db.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    assert db.execute("PRAGMA synchronous").fetchone() == (2,)


def test_each_thread_has_its_own_connection(store: Store) -> None:
    """SQLite's module raises where a connection crosses threads."""
    seen = []

    def look() -> None:
        seen.append(store.database.connection())
        store.database.close()

    thread = threading.Thread(target=look)
    thread.start()
    thread.join()
    assert seen[0] is not store.database.connection()
    assert store.database.connection() is store.database.connection()


def test_many_first_openings_at_once(tmp_path: Path) -> None:
    """Eight threads meet at an empty path; one makes the tables, none fails."""
    errors: list[BaseException] = []
    barrier = threading.Barrier(8)

    def open_it() -> None:
        barrier.wait()
        try:
            Store(tmp_path / "results.sqlite").close()
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=open_it) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []


def test_space_of_deleted_results_is_given_back(store: Store) -> None:
    """By the file system's count: a hundred tiles in, deleted, compacted."""
    request = surface_request()
    store.submit(request)
    empty = store.database.size_bytes()
    for item in range(100):
        store.put_tile(
            request.key, item, [{**arrays_of(item), "x": arrays_of(0)["losses"]}], 1, ""
        )
    full = store.database.size_bytes()
    store.finish(request.key, "failed")
    store.delete([request.key])
    store.database.compact()
    folder = store.database.path.parent
    on_disk = sum(p.stat().st_size for p in folder.iterdir() if not p.name.endswith("-shm"))
    assert store.database.size_bytes() == on_disk
    assert on_disk < full / 2
    assert on_disk <= empty
