"""The tests mirror the code; under them every annotation is checked at run time."""

from collections.abc import Callable
from typing import Any

from beartype import BeartypeConf, beartype

_typed = beartype(conf=BeartypeConf(is_pep484_tower=True))  # an int is a float, too


def checked(function: Callable[..., Any]) -> Callable[..., Any]:
    """What pytest's --jaxtyping-packages applies.

    Records are left alone where they are made: settings refuse bad values in their own words.
    """
    return function if function.__name__ == "__init__" else _typed(function)
