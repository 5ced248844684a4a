"""Ends of jobs that failed or were cancelled, in the store's file or beside it.

A full disk, or one that fails, takes no end. This program knows it all the same, so that nobody
waits for what is over; other programs see the job as running until the file takes its end, or
until this program is gone.
"""

import sqlite3
import threading
import time
from dataclasses import dataclass, replace

from flatdiff.engine.database import Database
from flatdiff.engine.job import ACTIVE, Job
from flatdiff.engine.seal import sealed
from flatdiff.errors import StoreError


@dataclass(frozen=True)
class End:
    """How a job ended."""

    key: str
    state: str  # done, failed or cancelled
    error: str | None
    finished_at: float  # seconds since 1970


def write_end(db: sqlite3.Connection, end: End) -> None:
    """Close its job, into an open transaction."""
    query = "SELECT environment, request FROM jobs WHERE key = ?"
    environment, asked = db.execute(query, (end.key,)).fetchone() or (None, None)
    record = (asked, end.state, end.finished_at, end.error)
    db.execute(
        "UPDATE jobs SET state = ?, error = ?, finished_at = ?, environment = ?, owner = NULL,"
        " cancel_requested = 0 WHERE key = ?",
        (end.state, end.error, end.finished_at, sealed(environment, *record), end.key),
    )


class Ends:
    """Of one store's jobs; for any thread."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._unsaved: dict[str, End] = {}
        self._lock = threading.Lock()

    def end(self, key: str, state: str, error: str | None = None) -> None:
        """Close a job as failed or cancelled, whether or not the file takes it now."""
        with self._lock:
            self._unsaved[key] = End(key, state, error, time.time())
        self.save()

    def save(self) -> bool:
        """Write what is not in the file yet; whether nothing is left."""
        if not self._unsaved:
            return True
        try:
            with self._database.transaction() as db:
                written = self.write(db)
        except StoreError:
            return False
        self.forget(written)
        return True

    def write(self, db: sqlite3.Connection) -> list[End]:
        """Into an open transaction; what was written, to be forgotten after it."""
        with self._lock:
            ends = list(self._unsaved.values())
        for end in ends:
            write_end(db, end)
        return ends

    def forget(self, written: list[End]) -> None:
        """They are in the file now; one that came meanwhile is not."""
        with self._lock:
            for end in written:
                if self._unsaved.get(end.key) is end:
                    del self._unsaved[end.key]

    def over(self, job: Job) -> Job:
        """A job as the file has it, with its end where the file lacks it."""
        end = self._unsaved.get(job.key)
        if end is None or job.state not in ACTIVE:
            return job
        return replace(job, state=end.state, error=end.error, finished_at=end.finished_at)
