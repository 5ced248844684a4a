"""A damaged store loses what lay on the damaged page, and nothing else."""

from pathlib import Path

import pytest

from flatdiff.engine.bundle import open_store
from flatdiff.engine.store import DONE, Store
from flatdiff.errors import StoreError
from tests.subjects import arrays_of, same_arrays, surface_request

REQUESTS = [surface_request(seed=seed) for seed in range(40)]
PAGE = 4096  # bytes, SQLite's default


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A store file with forty finished results, closed."""
    found = tmp_path / "results.sqlite"
    store = Store(found)
    for request in REQUESTS:
        store.submit(request)
        for first in range(0, 14, 2):
            store.put_tile(request.key, first, [arrays_of(first), arrays_of(first + 1)], 1, "{}")
        store.finish(request.key, DONE)
    store.database.compact()
    store.close()
    return found


def whole(store: Store) -> list[int]:
    """Seeds of the results that are there, each compared with what was written."""
    found = []
    for seed, request in enumerate(REQUESTS):
        done = store.items_done(request.key)
        assert all(same_arrays(arrays, arrays_of(item)) for item, arrays in done.items())
        if len(done) == 14:
            found.append(seed)
    return found


def test_one_bad_page_costs_little(path: Path) -> None:
    """Pages of tiles overwritten in the middle of the file, as a bad sector does."""
    content = bytearray(path.read_bytes())
    middle = len(content) // 2 // PAGE * PAGE
    content[middle : middle + PAGE] = b"\xff" * PAGE
    path.write_bytes(content)
    again = open_store(path)  # one start does it, though nobody has asked for that page yet
    assert again.database.set_aside is not None
    assert bytes(content) == again.database.set_aside.read_bytes()
    kept = whole(again)
    assert len(REQUESTS) // 2 < len(kept) < len(REQUESTS)
    again.submit(REQUESTS[0])  # and it works
    again.close()
    third = open_store(path)
    assert third.database.set_aside is None
    assert whole(third) == kept
    third.close()


def test_damage_that_comes_while_it_is_open(path: Path) -> None:
    """Said by the first question that meets it; the next start makes it good."""
    store = Store(path)
    store.close()
    content = bytearray(path.read_bytes())
    middle = len(content) // 2 // PAGE * PAGE
    content[middle : middle + PAGE] = b"\xff" * PAGE
    path.write_bytes(content)
    with pytest.raises(StoreError, match=r"results.sqlite is damaged .*start flatdiff again"):
        whole(store)
    store.close()
    again = open_store(path)
    assert again.database.set_aside is not None
    again.close()


def test_what_is_no_store_at_all_is_set_aside(path: Path) -> None:
    """Nothing to take over; a new store begins, and the bytes are kept."""
    path.write_bytes(b"<html>" * 999)
    store = open_store(path)
    assert store.database.set_aside is not None
    assert store.database.set_aside.read_bytes() == b"<html>" * 999
    assert store.jobs() == []
    store.close()
