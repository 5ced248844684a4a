"""File locks that limit concurrent training runs to the number of processor cores.

Nobody hands turns out. Each is a lock on a file; a process that finds none free looks again, and
one that ends gives its own back, however it ends.
"""

import time
from collections.abc import Callable

from flatdiff.system.files import state_home
from flatdiff.system.locks import Lock, take
from flatdiff.system.processor import num_cores

LOOK_EVERY_S = 0.5


def wait_for_turn(stop: Callable[[], bool], waiting: Callable[[], None]) -> Lock | None:
    """A turn, to be closed; None where somebody said stop first.

    Args:
        stop: asked twice a second.
        waiting: told once, where there is none at once.
    """
    turn = _free_turn()
    if turn is None:
        waiting()
    while turn is None and not stop():
        time.sleep(LOOK_EVERY_S)
        turn = _free_turn()
    return turn


def _free_turn() -> Lock | None:
    folder = state_home() / "turns"
    locks = (take(folder / f"{number}.lock") for number in range(num_cores()))
    return next((lock for lock in locks if lock is not None), None)
