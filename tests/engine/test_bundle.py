"""Bundles: results that travel as one file and arrive as the same bytes, or not at all."""

import os
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from flatdiff.engine import bundle as module
from flatdiff.engine.bundle import copy_results, export_bundle, import_bundle
from flatdiff.engine.store import CANCELLED, DONE, FAILED, QUEUED, RUNNING, Store
from flatdiff.errors import StoreError
from flatdiff.measures.request import Request
from tests.subjects import arrays_of, same_arrays, surface_request

FIRST, SECOND, THIRD = (surface_request(seed=seed) for seed in range(3))


def finished(store: Store, request: Request, shift: int = 0, tile: int = 5) -> None:
    """Submit and fill; `shift` makes arrays that can be told from others."""
    store.submit(request)
    for first in range(0, 14, tile):
        items = range(first, min(first + tile, 14))
        store.put_tile(request.key, first, [arrays_of(i + shift) for i in items], 1.0, "{}")
    store.finish(request.key, DONE)


@pytest.fixture
def target(tmp_path: Path) -> Iterator[Store]:
    """A visitor's store."""
    opened = Store(tmp_path / "visitor" / "results.sqlite")
    yield opened
    opened.close()


@pytest.fixture
def bundle(store: Store, tmp_path: Path) -> Path:
    """A bundle of FIRST and SECOND, out of a store that also holds THIRD."""
    for request in (FIRST, SECOND, THIRD):
        finished(store, request)
    path = tmp_path / "bundle" / "results.sqlite"
    assert export_bundle(store, [FIRST.key, SECOND.key], path) == 2
    return path


def test_arrives_as_the_same_bytes(bundle: Path, store: Store, target: Store) -> None:
    """Compared with the store it came from, bit by bit; what was not chosen stays at home."""
    assert import_bundle(target, bundle) == 2
    for request in (FIRST, SECOND):
        job = target.job(request.key)
        assert job is not None
        assert (job.state, job.num_done) == (DONE, 14)
        assert job.request == request
        sent, got = (s.items_done(request.key) for s in (store, target))
        assert sent.keys() == got.keys()
        assert all(same_arrays(sent[item], got[item]) for item in sent)
    assert target.job(THIRD.key) is None


def test_importing_twice_adds_nothing(bundle: Path, target: Store) -> None:
    """Every start of the program does it."""
    import_bundle(target, bundle)
    before = target.jobs()
    assert import_bundle(target, bundle) == 0
    assert target.jobs() == before


def test_without_a_bundle_nothing_happens(target: Store, tmp_path: Path) -> None:
    """The first start of a fresh clone."""
    assert import_bundle(target, tmp_path / "absent.sqlite") == 0
    assert target.jobs() == []


@pytest.mark.parametrize("state", [QUEUED, RUNNING, DONE])
def test_the_visitors_own_work_is_left_alone(state: str, bundle: Path, target: Store) -> None:
    """Its tiles are told apart from the bundle's by their numbers."""
    if state == DONE:
        finished(target, FIRST, shift=100)
    else:
        target.submit(FIRST)
        target.put_tile(FIRST.key, 0, [arrays_of(100)], 1.0, "")
    if state == RUNNING:
        target.claim(FIRST.key)
    before = target.job(FIRST.key)
    assert import_bundle(target, bundle) == 1
    assert target.job(FIRST.key) == before
    assert same_arrays(target.items_done(FIRST.key)[0], arrays_of(100))


@pytest.mark.parametrize("state", [FAILED, CANCELLED])
def test_what_the_visitor_gave_up_is_replaced_whole(
    state: str, bundle: Path, target: Store
) -> None:
    """Its tile at 0 has two items, the bundle's five: mixed, three would be lost."""
    target.submit(FIRST)
    target.put_tile(FIRST.key, 0, [arrays_of(100), arrays_of(101)], 1.0, "")
    target.finish(FIRST.key, state)
    assert import_bundle(target, bundle) == 2
    done = target.items_done(FIRST.key)
    assert sorted(done) == list(range(14))
    assert all(same_arrays(done[item], arrays_of(item)) for item in done)


def test_only_finished_results_travel(store: Store, target: Store, tmp_path: Path) -> None:
    """A queued and a failed job with all their tiles stay behind."""
    for request in (FIRST, SECOND, THIRD):
        finished(store, request)
    with store.database.transaction() as db:
        db.execute("UPDATE jobs SET state = 'queued' WHERE key = ?", (FIRST.key,))
        db.execute("UPDATE jobs SET state = 'failed' WHERE key = ?", (SECOND.key,))
    path = tmp_path / "bundle.sqlite"
    assert export_bundle(store, [FIRST.key, SECOND.key, THIRD.key], path) == 1
    import_bundle(target, path)
    assert [job.key for job in target.jobs()] == [THIRD.key]


def test_bundle_can_be_read_where_nothing_can_be_written(
    bundle: Path, target: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By SQLite's file format: bytes 18 and 19 are 1 without a write-ahead log, else 2.

    And nothing appears beside it when it is made or read, which a read-only folder would forbid.
    """
    before = bundle.read_bytes()
    assert before[18:20] == b"\x01\x01"
    monkeypatch.setattr(module, "BUNDLE_FILE", bundle)
    assert import_bundle(target, bundle) == 2
    assert [file.name for file in bundle.parent.iterdir()] == ["results.sqlite"]
    assert bundle.read_bytes() == before


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="root may write anywhere")
def test_read_only_folder(bundle: Path, target: Store) -> None:
    """The operating system forbids any write."""
    bundle.chmod(0o400)
    bundle.parent.chmod(0o500)
    assert import_bundle(target, bundle) == 2


def test_new_bundle_replaces_the_old_one(bundle: Path, store: Store, target: Store) -> None:
    """Not added to: a result that was left out must not linger."""
    assert export_bundle(store, [THIRD.key], bundle) == 1
    import_bundle(target, bundle)
    assert [job.key for job in target.jobs()] == [THIRD.key]


def test_relative_path_works(bundle: Path, target: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """As typed on a command line in the bundle's folder."""
    monkeypatch.chdir(bundle.parent)
    assert import_bundle(target, Path(bundle.name)) == 2


def other_version(path: Path) -> None:
    with sqlite3.connect(path) as db:
        db.execute("PRAGMA user_version = 7")
    db.close()


def html_page(path: Path) -> None:
    path.write_text("<html>" * 200)


def no_store_at_all(path: Path) -> None:
    path.unlink()
    with sqlite3.connect(path) as db:
        db.execute("CREATE TABLE notes (x)")
    db.close()


@pytest.mark.parametrize("spoil", [other_version, html_page, no_store_at_all])
def test_what_is_no_bundle_is_refused_and_the_next_one_works(
    spoil, bundle: Path, store: Store, target: Store, tmp_path: Path
) -> None:
    """The connection is used again at once: nothing of the refused file may stay attached."""
    good = tmp_path / "good.sqlite"
    export_bundle(store, [FIRST.key], good)
    spoil(bundle)
    with pytest.raises(StoreError, match=r"results.sqlite (has store version|cannot be read)"):
        import_bundle(target, bundle)
    assert target.jobs() == []
    assert import_bundle(target, good) == 1


def test_damaged_tile_of_a_bundle_is_computed_again(bundle: Path, target: Store) -> None:
    """Found when it is read: the job is queued for what is missing, the rest is kept."""
    with sqlite3.connect(bundle) as db:
        db.execute(
            "UPDATE tiles SET arrays = x'00' WHERE first_item = 5 AND key = ?", (FIRST.key,)
        )
    db.close()
    import_bundle(target, bundle)
    assert sorted(target.items_done(FIRST.key)) == [i for i in range(14) if not 5 <= i < 10]
    job = target.job(FIRST.key)
    assert job is not None
    assert job.state == QUEUED


def test_copy_from_a_store_in_use(store: Store, target: Store) -> None:
    """Its last rows are still in the write-ahead log."""
    finished(store, FIRST)
    assert copy_results(store.database.path, target) == 1
    assert same_arrays(target.items_done(FIRST.key)[13], arrays_of(13))
