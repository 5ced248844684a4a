"""A result store's file: SQLite in WAL mode with full sync, shared by threads and processes."""

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from flatdiff.errors import StoreError

STORE_VERSION = 1
BUSY_TIMEOUT_S = 30

_SCHEMA = """
CREATE TABLE jobs (
    key TEXT PRIMARY KEY, request TEXT NOT NULL, state TEXT NOT NULL, num_items INTEGER NOT NULL,
    position INTEGER NOT NULL, created_at REAL NOT NULL, finished_at REAL, error TEXT,
    environment TEXT, owner TEXT, cancel_requested INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE TABLE tiles (
    key TEXT NOT NULL, first_item INTEGER NOT NULL, num_items INTEGER NOT NULL,
    arrays BLOB NOT NULL, sha256 TEXT NOT NULL, seconds REAL NOT NULL,
    PRIMARY KEY (key, first_item)
) STRICT;
CREATE TABLE rates (
    architecture TEXT NOT NULL, measure TEXT NOT NULL, seconds_per_forward REAL NOT NULL,
    PRIMARY KEY (architecture, measure)
) STRICT;
CREATE INDEX jobs_by_state ON jobs (state, position);
"""


class _Connection:
    """Closes with the thread it belongs to: every rerun of a page is a new thread."""

    def __init__(self, db: sqlite3.Connection) -> None:
        self.db = db

    def __del__(self) -> None:
        self.db.close()


class Database:
    """One SQLite file; every thread gets its own connection."""

    def __init__(self, path: Path) -> None:
        """Open or create.

        Raises:
            StoreError: the folder cannot be written, or the file is newer or no store.
        """
        self.path = path.resolve()
        self._local = threading.local()
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with self.transaction() as db:
                self._prepare(db)
        except (OSError, sqlite3.Error) as error:
            raise StoreError(
                f"the result store {path} cannot be opened: {error}; set FLATDIFF_HOME to a "
                "folder that can be written"
            ) from None

    def _prepare(self, db: sqlite3.Connection) -> None:
        version = db.execute("PRAGMA user_version").fetchone()[0]
        if version == STORE_VERSION:
            return
        if version != 0:
            raise StoreError(
                f"{self.path} has store version {version}, this flatdiff reads {STORE_VERSION}; "
                "update flatdiff, or set FLATDIFF_HOME to another folder"
            )
        for statement in _SCHEMA.split(";"):
            db.execute(statement)
        db.execute(f"PRAGMA user_version = {STORE_VERSION}")

    def connection(self) -> sqlite3.Connection:
        """This thread's connection, for reading."""
        if not hasattr(self._local, "open"):
            db = sqlite3.connect(
                self.path.as_uri(),
                uri=True,
                timeout=BUSY_TIMEOUT_S,
                isolation_level=None,
                check_same_thread=False,  # closed by whoever buries the thread
            )
            connection = _Connection(db)  # closes it, too, where the file is no database
            db.execute("PRAGMA journal_mode = WAL")
            db.execute("PRAGMA synchronous = FULL")
            self._local.open = connection
        return self._local.open.db

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """One transaction, begun as a writer so that two processes never deadlock."""
        db = self.connection()
        db.execute("BEGIN IMMEDIATE")
        try:
            yield db
        except BaseException:
            db.execute("ROLLBACK")
            raise
        db.execute("COMMIT")

    def size_bytes(self) -> int:
        """On disk, the write-ahead log included."""
        names = (self.path, self.path.with_name(self.path.name + "-wal"))
        return sum(path.stat().st_size for path in names if path.exists())

    def compact(self) -> None:
        """Give the space of deleted rows back to the disk."""
        self.connection().execute("VACUUM")
        self.connection().execute("PRAGMA wal_checkpoint(TRUNCATE)")

    def close(self) -> None:
        """Close this thread's connection."""
        if hasattr(self._local, "open"):
            del self._local.open
