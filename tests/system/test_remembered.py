"""What is remembered is what would be computed again, and nothing else is."""

import threading
from dataclasses import dataclass

import numpy as np

from flatdiff.system.remembered import MOST, remembered


@dataclass(frozen=True)
class Result:
    """As a measure gives it."""

    loss: np.ndarray
    size: int = 1


def counted():
    """A remembered function, and the calls that reached it."""
    calls = []

    @remembered
    def add(*values, **named):
        """Any."""
        calls.append((values, named))
        return [len(calls)]

    return add, calls


def test_the_same_question_is_asked_once_however_it_is_packed():
    """Records of the same arrays are the same; all who ask are given one object."""
    add, calls = counted()
    large = np.zeros(10_000)
    first = add([Result(large), "a"], {"b": 1}, log=True)
    assert add([Result(large), "a"], {"b": 1}, log=True) is first
    assert len(calls) == 1


def test_what_differs_is_computed():
    """In value, type, order, name, the object of a large array, the numbers of a small one."""
    add, calls = counted()
    large = np.zeros(10_000)
    questions = [
        (Result(large), {}), (Result(large.copy()), {}), (Result(large, 2), {}),
        (1, {}), (1.0, {}), (True, {}), ("1", {}), ((1, 2), {}), ((2, 1), {}), ([1, 2], {}),
        (1, {"log": True}), (1, {"log": False}),
        (np.zeros(3), {}), (np.array([0.0, 0.0, -1.0]), {}), (np.zeros((3, 1)), {}),
        (np.zeros(3, np.float32), {}),
    ]  # fmt: skip
    for value, named in questions:
        add(value, **named)
    assert len(calls) == len(questions)
    add(np.zeros(3))
    assert len(calls) == len(questions)


def test_an_array_that_is_gone_is_never_taken_for_a_later_one():
    """Where memory is given to another array, its identity is the same; its numbers are not."""

    @remembered
    def first_of(values):
        return float(values[0])

    for number in range(3 * MOST):
        assert first_of(np.full(10_000, float(number))) == number


def test_only_the_last_are_kept():
    """The one that was asked for longest ago is computed again."""
    add, calls = counted()
    for number in range(MOST + 1):
        add(number)
    add(MOST)
    assert len(calls) == MOST + 1
    add(0)
    assert len(calls) == MOST + 2


def test_many_threads_ask_at_once():
    """Each is given the right answer."""

    @remembered
    def double(value):
        return 2 * value

    wrong = []

    def ask():
        wrong.extend(n for n in range(2000) if double(n % 50) != 2 * (n % 50))

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong
