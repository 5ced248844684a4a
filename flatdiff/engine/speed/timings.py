"""Timings of work on this machine, kept in the store: noted as it is done, read as speeds."""

import sqlite3
from collections.abc import Mapping
from math import isfinite

from flatdiff.engine.database import Database
from flatdiff.engine.recent import LOOK_S, Looks
from flatdiff.engine.speed.speeds import Place, Speeds
from flatdiff.system.speed import Speed, noted

SPEEDS = "(speeds)"  # no job has that key
SHORTEST_S = 1e-9  # of what a coarse clock has seen as nothing
LARGEST_LOG = 50.0  # beyond the age of the universe: a byte has changed

_KNOWN = "SELECT log_mean, log_var, count FROM speeds"
_PLACE = "architecture = ? AND measure = ? AND part = ? AND size = ? AND load = ?"


class Timings:
    """Of one store file."""

    def __init__(self, database: Database) -> None:
        """Nothing is read yet."""
        self._database = database
        self._looks = Looks(database.changes, self._read, LOOK_S)

    def note(self, taken: Mapping[Place, float]) -> None:
        """Remember what each kind of work took just now, in seconds."""
        with self._database.transaction(SPEEDS) as db:
            for place, seconds in taken.items():
                new = noted(_known(db, place), max(seconds, SHORTEST_S))
                row = (*place, new.log_mean, new.log_var, new.count)
                db.execute("INSERT OR REPLACE INTO speeds VALUES (?, ?, ?, ?, ?, ?, ?, ?)", row)

    def speeds(self) -> Speeds:
        """All there are."""
        return self._looks((SPEEDS,))[SPEEDS]

    def _read(self, _keys: object) -> dict[str, Speeds]:
        rows = self._database.rows("SELECT * FROM speeds")
        known = {row[:5]: Speed(*row[5:]) for row in rows if _sound(*row[5:])}
        return {SPEEDS: Speeds(known)}


def _known(db: sqlite3.Connection, place: Place) -> Speed | None:
    row = db.execute(f"{_KNOWN} WHERE {_PLACE}", place).fetchone()
    return Speed(*row) if row and _sound(*row) else None


def _sound(log_mean: float, log_var: float, count: float) -> bool:
    numbers = all(map(isfinite, (log_mean, log_var, count)))
    return numbers and abs(log_mean) < LARGEST_LOG and log_var >= 0 and count > 0
