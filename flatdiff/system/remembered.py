"""What a pure function has returned is remembered, for the next visitor who asks for the same.

A class opens the same pages on the same results; a chart of plotly takes longer to build than all
else on a page.
"""

import functools
import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable, Mapping
from dataclasses import fields, is_dataclass
from typing import Any, ParamSpec, TypeVar

import numpy as np

MOST = 12  # answers of one function: all nine methods side by side, and some
MOST_BYTES = 1 << 14  # of an array that is known by what is in it

P = ParamSpec("P")
R = TypeVar("R")


def remembered(function: Callable[P, R], most: int = MOST) -> Callable[P, R]:
    """Of the last different calls; all who ask are given the same object.

    Args:
        function: pure. What it returns must not be changed afterwards, nor what it was given:
            large arrays and other things without a hash are the same where they are the same
            object.
        most: answers that are kept. What is kept is memory of a server that runs for weeks.
    """
    kept = OrderedDict[Hashable, tuple[Any, R]]()
    lock = threading.RLock()  # held while one computes, or all who wait would compute the same

    @functools.wraps(function)
    def ask(*args: P.args, **kwargs: P.kwargs) -> R:
        key = identity((args, kwargs))
        with lock:
            if key in kept:
                kept.move_to_end(key)
                return kept[key][1]
            answer = function(*args, **kwargs)
            kept[key] = (args, kwargs), answer  # the arguments, so that no other object is "same"
            while len(kept) > most:
                kept.popitem(last=False)
        return answer

    return ask


def identity(value: Any) -> Hashable:
    """Equal for what is the same, however it is packed.

    >>> identity([1, {"a": 2.0}]) == identity([1, {"a": 2.0}]) != identity([1, {"a": 2}])
    True
    >>> identity(np.zeros(3)) == identity(np.zeros(3)) != identity(np.zeros(3, np.float32))
    True
    """
    kind = type(value)
    if isinstance(value, (list, tuple)):
        return kind, tuple(map(identity, value))
    if isinstance(value, Mapping):
        return kind, tuple((name, identity(part)) for name, part in value.items())
    if is_dataclass(value) and not isinstance(value, type):
        return kind, tuple(identity(getattr(value, field.name)) for field in fields(value))
    if isinstance(value, np.ndarray) and value.nbytes <= MOST_BYTES:
        return kind, value.dtype.str, value.shape, value.tobytes()
    if kind.__hash__ is None:
        return kind, id(value)
    return kind, value
