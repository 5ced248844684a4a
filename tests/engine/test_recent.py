"""Recent results: assembled once for each state, and never more than so many bytes."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

from flatdiff.engine.recent import Recent
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


def test_one_in_the_making_serves_everybody_for_a_moment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Until it is a second old, or done."""
    made: list[str] = []
    results, (one,) = recent(made), requests(1)
    first = results(one, 1, growing=True)
    assert results(one, 5, growing=True) is first
    assert results(one, 5) is not first, "done: all of it"
    assert len(made) == 2
    monkeypatch.setattr("flatdiff.engine.recent.FRESH_S", 0.0)
    results(one, 6, growing=True)
    assert len(made) == 3


def test_an_earlier_state_is_no_later_one() -> None:
    """As after the store was cleared."""
    made: list[str] = []
    results, (one,) = recent(made), requests(1)
    results(one, 5, growing=True)
    results(one, 1, growing=True)
    assert len(made) == 2


def test_those_who_ask_at_once_wait_for_one() -> None:
    """Instead of assembling the same."""
    made: list[str] = []

    def slowly(request: Request) -> Made:
        time.sleep(0.05)
        made.append(request.key)
        return Made(request, np.zeros(125))

    results, (one,) = Recent(slowly), requests(1)
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
