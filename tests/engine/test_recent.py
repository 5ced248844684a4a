"""Recent results: assembled once for each state, and never more than so many bytes."""

import threading
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

from flatdiff.engine.recent import Changes, Looks, Recent
from flatdiff.engine.store import Store
from flatdiff.measures.request import Request
from tests.subjects import surface_request


@dataclass(frozen=True)
class Made:
    """A result of a thousand bytes."""

    request: Request
    values: np.ndarray


def recent(made: list[str], most_bytes: int = 3500) -> Recent:
    """Writes down what it assembles."""

    def assemble(request: Request) -> Made:
        made.append(request.key)
        return Made(request, np.zeros(125))

    return Recent(assemble, most_bytes)


def requests(count: int) -> list[Any]:
    """That differ."""
    return [surface_request(resolution=3 + k) for k in range(count)]


def test_a_state_is_assembled_once_and_the_newest_is_kept() -> None:
    made: list[str] = []
    results, (one,) = recent(made), requests(1)
    assert results(one, 1) is results(one, 1)
    newer = results(one, 2)
    assert results(one, 2) is newer
    assert len(made) == 2
    results(one, 1)  # an older state is made again, as a cleared store has it
    assert len(made) == 3


def slow(made: list[str]) -> Recent:
    """Takes a twentieth of a second to assemble."""

    def assemble(request: Request) -> Made:
        time.sleep(0.05)
        made.append(request.key)
        return Made(request, np.zeros(125))

    return Recent(assemble)


def test_one_in_the_making_serves_everybody_for_a_moment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Until it is a second old, or done."""
    made: list[str] = []
    results, (one,) = slow(made), requests(1)
    first = results(one, 1, growing=True)
    assert results(one, 5, growing=True) is first
    assert results(one, 5) is not first, "done: all of it"
    assert len(made) == 2
    monkeypatch.setattr("flatdiff.engine.recent.FRESH_S", 0.0)
    results(one, 6, growing=True)
    assert len(made) == 3


def test_what_is_assembled_at_once_is_never_old(monkeypatch: pytest.MonkeyPatch) -> None:
    """The first picture of a surface would wait for the second of an empty one."""
    clock = (k / 100 for k in range(100))
    monkeypatch.setattr("flatdiff.engine.recent.time.monotonic", lambda: next(clock))
    made: list[str] = []
    results, (one,) = recent(made), requests(1)
    results(one, 1, growing=True)  # a hundredth of a second: serves for a fifth
    results(one, 2, growing=True)
    assert len(made) == 1
    for _ in range(20):
        next(clock)
    results(one, 3, growing=True)
    assert len(made) == 2


def test_an_earlier_state_is_no_later_one() -> None:
    """As after the store was cleared."""
    made: list[str] = []
    results, (one,) = slow(made), requests(1)
    results(one, 5, growing=True)
    results(one, 1, growing=True)
    assert len(made) == 2


def test_those_who_ask_at_once_wait_for_one() -> None:
    """Instead of assembling the same."""
    made: list[str] = []
    results, (one,) = slow(made), requests(1)
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda _: results(one, 1), range(8)))
    assert len(made) == 1
    assert all(result is found[0] for result in found)


def test_the_one_asked_for_longest_ago_goes_first() -> None:
    made: list[str] = []
    results, (a, b, c, d) = recent(made), requests(4)
    for one in (a, b, c, a, d):
        results(one, 1)
    assert len(made) == 4
    results(a, 1)
    assert len(made) == 4, "a was asked for since"
    results(b, 1)
    assert len(made) == 5


def test_a_thousand_states_take_no_more_room_than_one() -> None:
    results, (one,) = recent([]), requests(1)
    for state in range(1000):
        results(one, state)
    assert results._bytes == 1000
    results.clear()
    assert (results._bytes, len(results._kept)) == (0, 0)


def test_what_is_too_large_is_kept_alone() -> None:
    made: list[str] = []
    results, (a, b) = recent(made, most_bytes=10), requests(2)
    assert results(a, 1) is results(a, 1)
    results(b, 1)
    assert len(results._kept) == 1


def test_many_threads_agree_on_the_count() -> None:
    results, all_requests = recent([]), requests(6)
    threads = [
        threading.Thread(target=lambda: [results(r, s) for s in range(50) for r in all_requests])
        for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results._bytes == 1000 * len(results._kept) <= 3500


class File:
    """Rows that are counted as they are read."""

    def __init__(self) -> None:
        self.rows, self.reads = {"a": 1, "b": 2}, list[list[str]]()
        self.changes = Changes()
        self.looks = Looks(self.changes, self.read, 60.0)

    def read(self, keys: Sequence[str]) -> dict[str, int]:
        """Of those there are."""
        self.reads.append(list(keys))
        return {key: self.rows[key] for key in keys if key in self.rows}


def test_rows_are_read_once_until_they_change() -> None:
    """What is not there is remembered, too; a change of one key leaves the others known."""
    file = File()
    for _ in range(3):
        assert file.looks(["a", "b", "none"]) == {"a": 1, "b": 2}
    assert file.reads == [["a", "b", "none"]]
    file.rows["a"] = 5
    file.changes.note("a")
    assert file.looks(["a", "b"]) == {"a": 5, "b": 2}
    assert file.reads[1:] == [["a"]]
    file.changes.note()
    file.looks(["b", "none"])
    assert file.reads[2:] == [["b", "none"]]


def test_what_changed_while_it_was_read_is_read_again() -> None:
    """Whoever asked first may have the old row; nobody after the change."""
    file = File()
    read = file.read

    def slowly(keys: Sequence[str]) -> dict[str, int]:
        found = read(keys)
        file.rows["a"] = 9
        file.changes.note("a")
        return found

    looks = Looks(file.changes, slowly, 60.0)
    assert looks(["a"]) == {"a": 1}
    assert looks(["a"]) == {"a": 9}


def test_a_look_serves_for_a_moment_only() -> None:
    """Another program may have written meanwhile."""
    file = File()
    looks = Looks(file.changes, file.read, 0.05)
    looks(["a"])
    file.rows["a"] = 7
    time.sleep(0.06)
    assert looks(["a"]) == {"a": 7}


def test_two_stores_of_one_file_see_each_others_changes_at_once(store: Store) -> None:
    """Of one program; others are seen a moment later."""
    other = Store(store.database.path)
    request = surface_request()
    assert store.job(request.key) is None
    other.submit(request)
    assert (job := store.job(request.key)) is not None
    assert job.state == "queued"
    other.finish(request.key, "failed", "no")
    assert (job := store.job(request.key)) is not None
    assert job.state == "failed"
    other.close()
