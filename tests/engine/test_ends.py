"""Ends that the file does not take are known here all the same, and written when it does."""

import contextlib
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from flatdiff.engine.store import ACTIVE, CANCELLED, FAILED, QUEUED, RUNNING, Store
from flatdiff.errors import StoreUnavailableError
from tests.subjects import surface_request

REQUEST = surface_request()


class Refusing:
    """A store's file that takes nothing for a while."""

    def __init__(self, store: Store) -> None:
        self.store, self.refuses = store, False
        self._transaction = store.database.transaction
        store.database.transaction = self.transaction

    @contextlib.contextmanager
    def transaction(self, key: str | None = None) -> Iterator[sqlite3.Connection]:
        """As the database's own."""
        if self.refuses:
            raise StoreUnavailableError("no space is left")
        with self._transaction(key) as db:
            yield db


@pytest.fixture
def file(store: Store) -> Refusing:
    """With a running job; it takes nothing from now on."""
    store.submit(REQUEST)
    assert store.claim(REQUEST.key)
    made = Refusing(store)
    made.refuses = True
    return made


def state(store: Store) -> tuple[str, str | None]:
    """Of the job, by each of the ways to ask."""
    job = store.job(REQUEST.key)
    assert job is not None
    assert store.jobs_of([REQUEST.key])[REQUEST.key] == job
    assert store.jobs() == [job]
    assert store.jobs((job.state,)) == [job]
    assert [found.key for found in store.jobs(ACTIVE)] == [REQUEST.key] * (job.state in ACTIVE)
    return job.state, job.error


def test_an_end_is_known_before_it_is_written(file: Refusing) -> None:
    """By this program at once; by the file, and so by others, when it takes it."""
    store = file.store
    store.ends.end(REQUEST.key, FAILED, "no space is left")
    assert state(store) == (FAILED, "no space is left")
    other = Store(store.database.path)
    assert state(other)[0] == RUNNING
    assert not store.ends.save()
    file.refuses = False
    assert store.ends.save()
    assert state(store) == state(other) == (FAILED, "no space is left")
    other.close()


def test_asked_for_again_it_begins_anew(file: Refusing) -> None:
    """The end is over with; nor does it come back later."""
    store = file.store
    store.ends.end(REQUEST.key, CANCELLED)
    with pytest.raises(StoreUnavailableError):
        store.submit(REQUEST)
    assert state(store)[0] == CANCELLED
    file.refuses = False
    store.submit(REQUEST)
    assert state(store) == (QUEUED, None)
    store.ends.save()
    assert state(store) == (QUEUED, None)


def test_another_programs_job_is_not_given_up(store: Store, tmp_path: Path) -> None:
    """Its owner lives: this test's own process under another name cannot, so it is ours."""
    store.submit(REQUEST)
    store.give_up(REQUEST.key, "why")
    assert state(store) == (FAILED, "why")
