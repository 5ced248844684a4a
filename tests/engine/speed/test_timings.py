"""Timings in a store file: noted, read back, and those that cannot be true left out."""

import sqlite3

import pytest

from flatdiff.engine.database import Database
from flatdiff.engine.speed.speeds import Place
from flatdiff.engine.store import Store

PLACE: Place = ("a", "surface", "cell", 5, 0)


def test_the_mean_of_the_logarithm_is_kept(store: Store) -> None:
    """1 s and 4 s: 2 s, by hand; another network knows nothing of it."""
    store.timings.note({PLACE: 1.0, ("", "", "(loading)", 0, 0): 9.0})
    store.timings.note({PLACE: 4.0})
    speeds = Store(store.database.path).timings.speeds()
    assert speeds.by_place[PLACE].seconds == pytest.approx(2)
    assert speeds.once(0, "(loading)") == pytest.approx(9)
    assert speeds.knows("a")
    assert not speeds.knows("b")
    assert not speeds.knows("")


@pytest.mark.parametrize("damage", ["log_mean = 9e99", "log_var = -1", "count = 0"])
def test_what_cannot_be_true_is_left_out(store: Store, damage: str) -> None:
    """A changed byte would foretell eternities; the next timing takes its place."""
    store.timings.note({PLACE: 1.0})
    store.database.connection().execute(f"UPDATE speeds SET {damage}")
    assert not store.timings.speeds().by_place
    store.timings.note({PLACE: 3.0})
    assert store.timings.speeds().by_place[PLACE].seconds == pytest.approx(3)


def test_what_a_coarse_clock_sees_as_nothing(store: Store) -> None:
    """It has no logarithm, and is noted all the same."""
    store.timings.note({PLACE: 0.0})
    assert store.timings.speeds().by_place[PLACE].seconds < 1e-6


def test_a_store_of_programs_before(store: Store) -> None:
    """It has no such table; opened, it has, and keeps what it had."""
    path = store.database.path
    store.close()
    with sqlite3.connect(path) as db:
        db.execute("DROP TABLE speeds")
        db.execute("INSERT INTO rates VALUES ('a', 'surface', 1.0)")
    db.close()
    again = Store(path)
    again.timings.note({PLACE: 1.0})
    assert again.timings.speeds().knows("a")
    assert Database(path).rows("SELECT count(*) FROM rates") == [(1,)]
