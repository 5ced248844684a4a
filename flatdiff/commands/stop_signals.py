"""How long work on a terminal is asked to save and end."""

import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType


@contextmanager
def stop_signals() -> Iterator[Callable[[], bool]]:
    """Whether somebody asked for the end; a second Ctrl+C interrupts as ever.

    Not below torchrun, which hands the first one on to processes that have heard it themselves.
    """
    asked: list[int] = []

    def ask(number: int, _frame: FrameType | None) -> None:
        asked.append(number)
        if "RANK" not in os.environ:
            signal.signal(signal.SIGINT, signal.default_int_handler)

    before = {n: signal.signal(n, ask) for n in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield lambda: bool(asked)
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
