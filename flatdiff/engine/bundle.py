"""A bundle is the store file that ships with the project: results a first visitor finds ready.

`import_bundle` copies what the user's store lacks, `export_bundle` makes the file (`flatdiff
bundle`), `open_store` takes over what can be read of a damaged store, and `open_home_store` opens
the user's own, with the bundle's results in it.
"""

import logging
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing, suppress
from pathlib import Path

from flatdiff.engine.database import STORE_VERSION, UNREADABLE
from flatdiff.engine.store import ACTIVE, DONE, Store
from flatdiff.errors import StoreError
from flatdiff.system.files import shipped, state_home

log = logging.getLogger("flatdiff.engine")

BUNDLE_FILE = shipped() / "results.sqlite"
STORE_FILE = "results.sqlite"  # in the state directory


def import_bundle(store: Store, bundle: Path = BUNDLE_FILE) -> int:
    """Take over the bundle's results that the store does not have; returns how many.

    Raises:
        StoreError: the bundle is no store of this version.
    """
    if not bundle.exists():
        return 0
    return copy_results(bundle, store, immutable=True)


def export_bundle(store: Store, keys: Sequence[str], bundle: Path = BUNDLE_FILE) -> int:
    """Write a bundle of some finished results; returns how many there were."""
    bundle.unlink(missing_ok=True)
    target = Store(bundle)
    copied = copy_results(store.database.path, target, keys)
    target.database.compact()
    # One file without a write-ahead log can be read from a read-only folder.
    target.database.rows("PRAGMA journal_mode = DELETE")
    target.database.close()
    return copied


def open_store(path: Path) -> Store:
    """Open or create; where the file was damaged, with what could be read of it.

    Raises:
        StoreError: the folder cannot be written, or the file is newer.
    """
    store = Store(path)
    if (damaged := store.database.set_aside) is not None:
        with suppress(StoreError):  # nothing in it can be read
            log.warning("%d results were taken over", copy_results(damaged, store))
    store.close_unreadable()
    return store


def open_home_store() -> Store:
    """The store of the state directory; what ships with the project is found in it.

    Raises:
        StoreError: the folder cannot be written, or a file is newer.
    """
    store = open_store(state_home() / STORE_FILE)
    import_bundle(store)
    return store


def copy_results(
    source: Path, target: Store, keys: Sequence[str] | None = None, *, immutable: bool = False
) -> int:
    """Copy finished results that the target neither has nor computes; returns how many.

    A result that cannot be read whole is left out, with a warning in the log.

    Args:
        source: a store file.
        target: an open store.
        keys: which results; None for all.
        immutable: nobody writes the source, and its folder may be read-only.

    Raises:
        StoreError: the source is no store of this version.
    """
    there = set(
        target.database.rows("SELECT key FROM jobs WHERE state IN (?, ?, ?)", (DONE, *ACTIVE))
    )
    uri = f"{source.resolve().as_uri()}?{'immutable=1' if immutable else 'mode=ro'}"
    try:
        with closing(sqlite3.connect(uri, uri=True)) as db:
            wanted = [
                key
                for key in _finished(db, source)
                if (key,) not in there and key in (keys or [key])
            ]
            if not wanted:
                return 0
            with target.database.transaction() as writer:
                return sum(_copied(db, key, writer) for key in wanted)
    except UNREADABLE as error:
        raise StoreError(f"{source} cannot be read as a result store: {error}") from None


def _finished(db: sqlite3.Connection, source: Path) -> Iterator[str]:
    version = db.execute("PRAGMA user_version").fetchone()[0]
    if version != STORE_VERSION:
        raise StoreError(f"{source} has store version {version}, expected {STORE_VERSION}")
    for (key,) in db.execute("SELECT key FROM jobs WHERE state = ?", (DONE,)).fetchall():
        yield key


def _copied(db: sqlite3.Connection, key: str, writer: sqlite3.Connection) -> bool:
    """Into an open transaction; False where the result cannot be read."""
    try:
        rows = {
            table: db.execute(f"SELECT * FROM {table} WHERE key = ?", (key,)).fetchall()
            for table in ("jobs", "tiles")
        }
    except UNREADABLE as error:
        log.warning("result %s cannot be read: %s", key, error)
        return False
    writer.execute("SAVEPOINT result")
    try:
        _replace(writer, key, rows)
    except sqlite3.IntegrityError as error:  # a value of another type than its column
        writer.execute("ROLLBACK TO result")
        log.warning("result %s is damaged: %s", key, error)
        return False
    writer.execute("RELEASE result")
    return True


def _replace(writer: sqlite3.Connection, key: str, rows: dict[str, list[tuple]]) -> None:
    """Tiles of an unfinished run may be cut elsewhere: all of one kind or none."""
    for table, content in rows.items():
        writer.execute(f"DELETE FROM {table} WHERE key = ?", (key,))
        if content:
            marks = ",".join("?" * len(content[0]))
            writer.executemany(f"INSERT INTO {table} VALUES ({marks})", content)
