"""The store remembers every finished tile of every measurement, whatever happens to the programs.

One SQLite file in WAL mode with full sync: many processes may read and write it, a kill at any
moment loses nothing that was reported as saved. Arrays are NPZ without pickle, each with its
SHA-256; a damaged tile is dropped and computed again.
"""

import dataclasses
import hashlib
import json
import sqlite3
import time
from collections.abc import Iterable, Sequence
from pathlib import Path

from flatdiff.engine.database import Database
from flatdiff.engine.ends import End, Ends, write_end
from flatdiff.engine.job import ACTIVE, CANCELLED, DONE, FAILED, QUEUED, RUNNING, Job
from flatdiff.engine.recent import LOOK_S, Looks
from flatdiff.engine.seal import unsealed
from flatdiff.engine.speed.timings import Timings
from flatdiff.errors import CheckpointError, StoreError
from flatdiff.measures.request import Request
from flatdiff.system.arrays import Arrays, decode_arrays, encode_arrays
from flatdiff.system.locks import is_alive, this_process

_JOB_COLUMNS = """
    key, request, state, jobs.num_items,
    (SELECT coalesce(sum(num_items), 0) FROM tiles WHERE tiles.key = jobs.key),
    position, created_at, finished_at,
    (SELECT coalesce(sum(seconds), 0.0) FROM tiles WHERE tiles.key = jobs.key),
    error, environment, cancel_requested
"""

END_OF_TIME = 253_000_000_000  # seconds since 1970: in the year 9987; calendars end in 9999


class Store:
    """The jobs and tiles of one store file."""

    def __init__(self, path: Path) -> None:
        """Open or create; see `Database` for the errors."""
        self.database = Database(path)
        self.ends = Ends(self.database)
        self.timings = Timings(self.database)
        self._looks = Looks(self.database.changes, self._read, LOOK_S)

    def close(self) -> None:
        """Close this thread's connection."""
        self.database.close()

    # -- jobs -------------------------------------------------------------------------------

    def submit(self, request: Request) -> Job:
        """Queue a request, once: one that is queued, running or done is returned as it is.

        A failed or cancelled one starts again where it stopped; its finished tiles count.
        """
        with self.database.transaction() as db:
            ended = self.ends.write(db)
            place = db.execute("SELECT coalesce(max(position), 0) + 1 FROM jobs").fetchone()[0]
            needed = len(request.first_plan)
            db.execute(
                "INSERT OR IGNORE INTO jobs (key, request, state, num_items, position, created_at)"
                " VALUES (?, ?, ?, ?, ?, ?)",
                (request.key, request.to_json(), QUEUED, needed, place, time.time()),
            )
            db.execute(
                "UPDATE jobs SET state = ?, error = NULL, cancel_requested = 0,"
                " finished_at = NULL, position = ? WHERE key = ? AND state IN (?, ?)",
                (QUEUED, place, request.key, FAILED, CANCELLED),
            )
            # Who waits for it, and under which name the weights are found now.
            db.execute(
                "UPDATE jobs SET request = ?, owner = ? WHERE key = ? AND state = ?",
                (request.to_json(), this_process(), request.key, QUEUED),
            )
            # Asked for again before the cancel was carried out: it goes on.
            db.execute("UPDATE jobs SET cancel_requested = 0 WHERE key = ?", (request.key,))
        self.ends.forget(ended)
        job = self.job(request.key)
        assert job is not None, "just written"
        return job

    def job(self, key: str) -> Job | None:
        """One job, or None."""
        return self.jobs_of((key,)).get(key)

    def jobs_of(self, keys: Iterable[str]) -> dict[str, Job]:
        """Those there are of some keys, in one look.

        What other programs write is seen after `LOOK_S` at the latest.
        """
        return {key: self.ends.over(job) for key, job in self._looks(keys).items()}

    def _read(self, keys: Sequence[str]) -> dict[str, Job]:
        rows = self.database.rows(
            f"SELECT {_JOB_COLUMNS} FROM jobs WHERE key IN (SELECT value FROM json_each(?))",
            (json.dumps(list(keys)),),
        )
        return {row[0]: _job(row) for row in rows}

    def jobs(self, states: Sequence[str] | None = None) -> list[Job]:
        """Jobs in the order of their arrival, all or those in some states.

        Those of other versions of flatdiff stay in the file and are left out here.
        """
        looked_at = {*states, *ACTIVE} if states else ()  # some of these may be over by now
        marks = ",".join("?" * len(looked_at))
        where = f"WHERE state IN ({marks})" if states else ""
        rows = self.database.rows(
            f"SELECT {_JOB_COLUMNS} FROM jobs {where} ORDER BY position", tuple(looked_at)
        )
        found = [self.ends.over(job) for row in rows if (job := _job(row)).readable]
        return [job for job in found if not states or job.state in states]

    def claim(self, key: str) -> bool:
        """Take an active job for this process; False where another living process has it."""
        with self.database.transaction(key) as db:
            row = db.execute("SELECT owner, state FROM jobs WHERE key = ?", (key,)).fetchone()
            if row is None or row[1] not in ACTIVE:
                return False
            if row[1] == RUNNING and row[0] and is_alive(row[0]):
                return row[0] == this_process()
            db.execute(
                "UPDATE jobs SET owner = ?, state = ? WHERE key = ?",
                (this_process(), RUNNING, key),
            )
            return True

    def extend(self, key: str, num_items: int) -> None:
        """Note that a job needs so many items; it never comes to need fewer."""
        with self.database.transaction(key) as db:
            db.execute(
                "UPDATE jobs SET num_items = max(num_items, ?) WHERE key = ?", (num_items, key)
            )

    def finish(self, key: str, state: str, error: str | None = None) -> None:
        """Close a job as done, failed or cancelled; done only where nothing is missing."""
        with self.database.transaction(key) as db:
            if state == DONE and self._num_missing(key):
                _requeue(db, key)  # a tile was damaged and dropped meanwhile
                return
            write_end(db, End(key, state, error, time.time()))

    def give_up(self, key: str, reason: str) -> None:
        """Fail a job that this process cannot compute, unless another one waits for it."""
        rows = self.database.rows("SELECT owner, state FROM jobs WHERE key = ?", (key,))
        for owner, state in rows:
            others = owner not in (None, this_process()) and is_alive(owner)
            if state in ACTIVE and not others:
                self.ends.end(key, FAILED, reason)

    def close_unreadable(self) -> None:
        """Cancel jobs in progress that this flatdiff would not ask, and that nobody computes."""
        rows = self.database.rows(
            f"SELECT {_JOB_COLUMNS}, owner FROM jobs WHERE state IN (?, ?)", ACTIVE
        )
        for *job, owner in rows:
            if not _job(tuple(job)).readable and not (owner and is_alive(owner)):
                self.finish(job[0], CANCELLED)

    def request_cancel(self, key: str) -> None:
        """Ask whoever computes a job to stop; one that nobody computes is cancelled at once."""
        with self.database.transaction(key) as db:
            row = db.execute("SELECT owner, state FROM jobs WHERE key = ?", (key,)).fetchone()
            if row is None or row[1] not in ACTIVE:
                return
            if row[1] == RUNNING and row[0] and is_alive(row[0]):
                db.execute("UPDATE jobs SET cancel_requested = 1 WHERE key = ?", (key,))
            else:
                write_end(db, End(key, CANCELLED, None, time.time()))

    def delete(self, keys: Sequence[str] | None = None) -> None:
        """Forget some results, or all there are; jobs in progress are left alone."""
        with self.database.transaction() as db:
            rows = db.execute("SELECT key FROM jobs WHERE state NOT IN (?, ?)", ACTIVE).fetchall()
            for (key,) in rows:
                if keys is None or key in keys:
                    db.execute("DELETE FROM tiles WHERE key = ?", (key,))
                    db.execute("DELETE FROM jobs WHERE key = ?", (key,))

    def require_idle(self, checkpoint_id: str) -> None:
        """Refuse to let go of weights that workers look for by name while they measure.

        Raises:
            CheckpointError: some of its measurements are queued or running.
        """
        requests = [job.request for job in self.jobs(ACTIVE)]
        used = sum(
            checkpoint_id in (request.checkpoint, *(p.checkpoint for p in request.partners))
            for request in requests
        )
        if used:
            raise CheckpointError(
                f"{checkpoint_id} is being measured: {used} of its measurements "
                f"{'is' if used == 1 else 'are'} queued or running; wait for them, or cancel them "
                "under Activity"
            )

    # -- tiles ------------------------------------------------------------------------------

    def put_tile(
        self,
        key: str,
        first_item: int,
        results: Sequence[Arrays],
        seconds: float,
        environment: str,
    ) -> None:
        """Save consecutive items' arrays; a tile that is there already stays."""
        blob = encode_arrays(results)
        sha256 = _tile_digest(f"{key} {first_item} {len(results)} {float(seconds)!r}", blob)
        row = (key, first_item, len(results), blob, sha256, seconds)
        with self.database.transaction(key) as db:
            db.execute("INSERT OR IGNORE INTO tiles VALUES (?, ?, ?, ?, ?, ?)", row)
            db.execute("UPDATE jobs SET environment = ? WHERE key = ?", (environment, key))

    def positions_done(self, key: str) -> set[int]:
        """Positions of finished items, without reading them."""
        rows = self.database.rows("SELECT first_item, num_items FROM tiles WHERE key = ?", (key,))
        return {position for first, count in rows for position in range(first, first + count)}

    def _num_missing(self, key: str) -> int:
        job = self.job(key)
        return job.num_items - len(self.positions_done(key)) if job else 0

    def items_needed(self, request: Request) -> Sequence[int]:
        """Positions of the items that are needed, as far as what is done tells."""
        if request.definition.plan is None:
            return request.first_plan  # whatever the items show
        return request.definition.needed(request.settings, self.items_done(request.key))

    def items_done(self, key: str) -> dict[int, Arrays]:
        """Every finished item's arrays by its position; damaged tiles are dropped, not read."""
        rows = self.database.rows(
            "SELECT first_item, num_items, arrays, sha256, seconds FROM tiles WHERE key = ?",
            (key,),
        )
        done: dict[int, Arrays] = {}
        damaged: list[int] = []
        for first, count, blob, sha256, seconds in rows:
            place = f"{key} {first} {count}"
            known = (f"{place} {seconds!r}", place)  # the second of programs before this one
            try:
                if sha256 not in (_tile_digest(told, blob) for told in known):
                    raise StoreError("a stored tile has changed")
                done.update(enumerate(decode_arrays(blob), start=first))
            except StoreError:
                damaged.append(first)
        if damaged:
            self._drop_damaged(key, damaged)
        return done

    def _drop_damaged(self, key: str, first_items: Sequence[int]) -> None:
        """A job that was done with a damaged tile is queued again for that tile alone."""
        with self.database.transaction() as db:
            for first in first_items:
                db.execute("DELETE FROM tiles WHERE key = ? AND first_item = ?", (key, first))
            state = db.execute("SELECT state FROM jobs WHERE key = ?", (key,)).fetchone()
            if state == (DONE,):
                _requeue(db, key)


def _requeue(db: sqlite3.Connection, key: str) -> None:
    db.execute(
        "UPDATE jobs SET state = ?, owner = NULL, finished_at = NULL WHERE key = ?", (QUEUED, key)
    )


def _tile_digest(told: str, blob: bytes) -> str:
    """Over the numbers, their place and their time, so that none can change unseen."""
    return hashlib.sha256(f"{told} ".encode() + blob).hexdigest()


def _job(row: tuple) -> Job:
    job = Job(*row[:-1], cancel_requested=bool(row[-1]))
    record = (job.request_json, job.state, job.finished_at, job.error)
    environment, fits = unsealed(job.environment, *record)
    if job.state not in ACTIVE and not fits:  # a byte has changed: nobody knows which
        return dataclasses.replace(job, finished_at=None, environment=None)
    job = dataclasses.replace(job, environment=environment)
    if job.finished_at is not None and not 0 <= job.finished_at < END_OF_TIME:
        return dataclasses.replace(job, finished_at=None)  # by a clock that was wrong
    return job
