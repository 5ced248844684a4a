"""A result store's file: SQLite in WAL mode with full sync, shared by threads and processes.

A file that turns out to be damaged is marked, and set aside under another name by the next program
that opens it; nothing is ever deleted.
"""

import contextlib
import logging
import sqlite3
import threading
import time
import weakref
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from flatdiff.engine.recent import Changes
from flatdiff.engine.refusals import why_refused
from flatdiff.errors import StoreError, StoreUnavailableError

STORE_VERSION = 1
BUSY_TIMEOUT_S = 30
# By the disk, the system or another program: what is asked for is right, and may succeed later.
REFUSED = (
    *(sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_CANTOPEN),
    *(sqlite3.SQLITE_READONLY, sqlite3.SQLITE_PERM, sqlite3.SQLITE_AUTH),
    *(sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_PROTOCOL),
    *(sqlite3.SQLITE_NOMEM, sqlite3.SQLITE_NOLFS),
)
DAMAGED = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)
ABSENT = ("no such table", "no such column")
# The second where SQLite's own sentence about the damage quotes bytes that are no text.
UNREADABLE = (sqlite3.DatabaseError, UnicodeDecodeError)

log = logging.getLogger("flatdiff.engine")
_CHANGES: dict[Path, Changes] = {}

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

# Came later, beside `rates`, which programs before it look for: a file of theirs gets it as well.
_LATER = """
CREATE TABLE IF NOT EXISTS speeds (
    architecture TEXT NOT NULL, measure TEXT NOT NULL, part TEXT NOT NULL, size INTEGER NOT NULL,
    load INTEGER NOT NULL, log_mean REAL NOT NULL, log_var REAL NOT NULL, count REAL NOT NULL,
    PRIMARY KEY (architecture, measure, part, size, load)
) STRICT
"""


class _Connection:
    """Closes with the thread it belongs to: every rerun of a page is a new thread."""

    def __init__(self, db: sqlite3.Connection) -> None:
        self.db = db
        # Not `__del__`: where a circle is collected, SQLite's own end may come before it.
        weakref.finalize(self, db.close).atexit = False


class Database:
    """One SQLite file; every thread gets its own connection.

    Attributes:
        set_aside: where this opening has put a damaged file; None where there was none.
        changes: what all of this process have written to the file.
    """

    def __init__(self, path: Path) -> None:
        """Open or create.

        Raises:
            StoreError: the folder cannot be written, or the file is newer.
        """
        self.path = path.resolve()
        self.changes = _CHANGES.setdefault(self.path, Changes())
        self._doing = "opened"
        self.set_aside: Path | None = None
        self._local = threading.local()
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._open()
        except OSError as error:
            raise self._refused(error) from None
        self._doing = "read or written"

    @property
    def _marker(self) -> Path:
        """Its being there says that the file is damaged."""
        return self.path.with_name(f"{self.path.name}.is-damaged")

    def _open(self) -> None:
        self._set_aside_if_damaged()
        try:
            self._prepare_checked()
        except StoreError:
            if not self._marker.exists():
                raise
            self._set_aside_if_damaged()
            self._prepare_checked()

    def _prepare_checked(self) -> None:
        """Damage is found now, and not by the first question, which would end the program."""
        with self.transaction() as db:
            self._prepare(db)
        found = self.rows("PRAGMA quick_check(1)")
        if found != [("ok",)]:
            raise self._damaged(found[0][0].strip())

    def _set_aside_if_damaged(self) -> None:
        """One program renames the damaged file; another that starts meanwhile waits for it."""
        claimed = self._marker.with_suffix(".being-set-aside")
        with contextlib.suppress(FileNotFoundError):
            self._marker.rename(claimed)  # succeeds for one of them
            try:
                self._set_aside()
            finally:
                claimed.unlink()
        deadline = time.monotonic() + BUSY_TIMEOUT_S
        while claimed.exists() and time.monotonic() < deadline:
            time.sleep(0.05)

    def _set_aside(self) -> None:
        """Rename the file and its write-ahead log, so that a new one can begin."""
        self.close()
        number = 1
        while (aside := self.path.with_name(f"{self.path.name}.damaged-{number}")).exists():
            number += 1
        for suffix in ("-wal", "-shm", ""):
            part = self.path.with_name(self.path.name + suffix)
            if part.exists():
                part.replace(aside.with_name(aside.name + suffix))
        self.set_aside = aside
        log.warning("the result store was damaged; it is kept as %s, and a new one begins", aside)

    def damaged_files(self) -> list[Path]:
        """Files that were set aside, by this opening or an earlier one."""
        found = self.path.parent.glob(f"{self.path.name}.damaged-*")
        return sorted(path for path in found if path.suffix[-1].isdecimal())

    def _damaged(self, error: object) -> StoreError:
        """Mark the file, and say so."""
        with contextlib.suppress(OSError):  # found again by the next program, at the latest
            self._marker.touch()
        return StoreError(
            f"the result store {self.path} is damaged ({error}); start flatdiff again: it keeps "
            "the file under another name, takes over what can be read and begins a new one"
        )

    def _prepare(self, db: sqlite3.Connection) -> None:
        if _version(db) != STORE_VERSION:
            _require_empty(db, self.path)
            for statement in _SCHEMA.split(";"):
                db.execute(statement)
            db.execute(f"PRAGMA user_version = {STORE_VERSION}")
        db.execute(_LATER)

    def connection(self) -> sqlite3.Connection:
        """This thread's connection."""
        if not hasattr(self._local, "open"):
            db = sqlite3.connect(
                self.path.as_uri(),
                uri=True,
                timeout=BUSY_TIMEOUT_S,
                isolation_level=None,
                check_same_thread=False,  # closed by whoever buries the thread
            )
            # A byte that is no text is a damaged value, to be found by its digest.
            db.text_factory = lambda raw: raw.decode(errors="replace")
            connection = _Connection(db)  # closes it, too, where the file is no database
            self._refuse_newer(db)
            db.execute("PRAGMA journal_mode = WAL")
            db.execute("PRAGMA synchronous = FULL")
            self._local.open = connection
        return self._local.open.db

    def _refuse_newer(self, db: sqlite3.Connection) -> None:
        """Before its journal is made ours, which would write to the file."""
        version = _version(db)
        if version not in (0, STORE_VERSION):
            raise StoreError(
                f"{self.path} has store version {version}, this flatdiff reads {STORE_VERSION}; "
                "update flatdiff, or set FLATDIFF_HOME to another folder"
            )

    def rows(self, question: str, values: Sequence[Any] = ()) -> list[tuple]:
        """The answer to a SELECT.

        Raises:
            StoreError: the file is damaged, or cannot be read now.
        """
        try:
            return self.connection().execute(question, values).fetchall()
        except UNREADABLE as error:
            raise self._explained(error) from None

    @contextlib.contextmanager
    def transaction(self, key: str | None = None) -> Iterator[sqlite3.Connection]:
        """One transaction, begun as a writer so that two processes never deadlock.

        Args:
            key: of what is written; None for more than one.

        Raises:
            StoreError: the file is damaged, or cannot be written now; nothing was written.
        """
        try:
            with _committed(self.connection()) as db:
                yield db
        except UNREADABLE as error:
            raise self._explained(error) from None
        finally:
            self.changes.note(key)

    def _explained(self, error: sqlite3.DatabaseError | UnicodeDecodeError) -> Exception:
        code = getattr(error, "sqlite_errorcode", 0) & 0xFF  # without the extended part
        # A byte in the file's own description of its tables: what we ask for is always there, and
        # its names are text.
        odd = isinstance(error, UnicodeDecodeError) or str(error).startswith(ABSENT)
        if code in DAMAGED or odd:
            return self._damaged(error)
        if isinstance(error, sqlite3.Error) and code in REFUSED:
            return self._refused(error)
        return error

    def _refused(self, error: OSError | sqlite3.Error) -> StoreError:
        reason = why_refused(self.path, error)
        return StoreUnavailableError(
            f"the result store {self.path} cannot be {self._doing}: {reason}"
        )

    def size_bytes(self) -> int:
        """On disk, the write-ahead log included."""
        names = (self.path, self.path.with_name(self.path.name + "-wal"))
        return sum(path.stat().st_size for path in names if path.exists())

    def compact(self) -> None:
        """Give the space of deleted rows back to the disk.

        Raises:
            StoreError: the file is damaged, or cannot be written now; nothing is lost.
        """
        self.rows("VACUUM")
        self.rows("PRAGMA wal_checkpoint(TRUNCATE)")

    def close(self) -> None:
        """Close this thread's connection."""
        if hasattr(self._local, "open"):
            del self._local.open


def _require_empty(db: sqlite3.Connection, path: Path) -> None:
    if db.execute("SELECT count(*) FROM sqlite_master").fetchone() != (0,):
        raise StoreError(
            f"{path} is another program's database; move it, or set FLATDIFF_HOME to another "
            "folder"
        )


def _version(db: sqlite3.Connection) -> int:
    """0 where nothing was written yet."""
    return db.execute("PRAGMA user_version").fetchone()[0]


@contextlib.contextmanager
def _committed(db: sqlite3.Connection) -> Iterator[sqlite3.Connection]:
    db.execute("BEGIN IMMEDIATE")
    try:
        yield db
    except BaseException:
        if db.in_transaction:  # some errors have ended it already
            db.execute("ROLLBACK")
        raise
    db.execute("COMMIT")
