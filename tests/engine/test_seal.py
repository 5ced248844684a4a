"""How a job ran is told as it was written, or not at all."""

import json
import sqlite3
from contextlib import closing

import numpy as np
import pytest

from flatdiff.engine.job import CANCELLED, DONE, FAILED, Job
from flatdiff.engine.seal import sealed, unsealed
from flatdiff.engine.store import Store
from flatdiff.measures.request import Request
from tests.subjects import surface_request

ENVIRONMENT = '{"a": 1, "torch": "2.9"}'


def finished(store: Store, state: str) -> Request:
    """A job that ended so, with all of its tiles."""
    request = surface_request()
    store.submit(request)
    arrays = [{"losses": np.arange(3.0)} for _ in request.first_plan]
    store.put_tile(request.key, 0, arrays, 0.1, ENVIRONMENT)
    store.finish(request.key, state, "why" if state == FAILED else None)
    return request


def changed(store: Store, column: str, value: object, table: str = "jobs") -> None:
    """By somebody who does not go through the store."""
    store.close()
    with closing(sqlite3.connect(store.database.path)) as db, db:
        db.execute(f"UPDATE {table} SET {column} = ?", (value,))
    store.database.changes.note()  # as it is seen a moment later


def job_of(store: Store, request: Request) -> Job:
    job = store.job(request.key)
    assert job is not None
    return job


@pytest.mark.parametrize("state", [DONE, FAILED, CANCELLED])
def test_a_whole_record_is_told_without_its_seal(state: str, store: Store) -> None:
    job = job_of(store, finished(store, state))
    assert (job.state, job.environment) == (state, ENVIRONMENT)
    assert job.finished_at is not None


@pytest.mark.parametrize(
    ("column", "value"),
    [("finished_at", 1.0), ("error", "another"), ("finished_at", float("inf")), ("request", "{}")],
)
def test_a_changed_record_is_not_told(column: str, value: object, store: Store) -> None:
    request = finished(store, DONE)
    changed(store, column, value)
    job = job_of(store, request)
    assert (job.finished_at, job.environment) == (None, None)
    assert len(store.items_done(request.key)) == len(request.first_plan)  # numbers are whole


def test_a_changed_environment_is_not_told(store: Store) -> None:
    request = finished(store, DONE)
    text = sealed(ENVIRONMENT, request.to_json(), DONE, job_of(store, request).finished_at, None)
    assert text is not None
    for damaged in (text.replace("2.9", "2.8"), text.replace("sha", "rha"), text[1:]):
        changed(store, "environment", damaged)
        assert job_of(store, request).environment is None


def test_a_tile_whose_time_has_changed_is_computed_again(store: Store) -> None:
    request = finished(store, DONE)
    changed(store, "seconds", 0.2, "tiles")
    assert store.items_done(request.key) == {}


def test_records_and_tiles_of_earlier_programs_are_told_as_they_are(store: Store) -> None:
    """They have no seal, and digests without the time."""
    request = finished(store, DONE)
    changed(store, "environment", ENVIRONMENT)
    assert job_of(store, request).environment == ENVIRONMENT
    assert unsealed(ENVIRONMENT, "anything") == (ENVIRONMENT, True)


def test_a_job_that_goes_on_is_sealed_anew(store: Store) -> None:
    """It failed, is asked again, and ends with other versions."""
    request = finished(store, FAILED)
    store.submit(request)
    assert job_of(store, request).environment == ENVIRONMENT
    store.put_tile(request.key, 0, [{"losses": np.arange(3.0)}], 0.1, '{"b": 2}')
    store.finish(request.key, DONE)
    assert json.loads(job_of(store, request).environment or "") == {"b": 2}
