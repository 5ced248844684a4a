"""Foreign JSON is what a file says that anybody may have written: bounded before it is believed.

A page that is given half a character, a number without end or one that a browser cannot hold shows
nothing at all, whatever else it has to show. So whatever reads such a file reads it through here.
"""

import json
import math
from collections.abc import Callable, Iterator
from typing import Any, TypeVar

from flatdiff.errors import FlatdiffError, SettingsError

T = TypeVar("T")

MAX_WHOLE = 2**53 - 1  # the greatest integer that browsers hold
MAX_TEXT = 20_000  # characters of one text
MAX_QUOTED = 120  # characters of a value in a sentence
MAX_SENTENCE = 600
# What making a record of foreign values raises, by what is wrong with them.
MALFORMED = (ValueError, TypeError, AttributeError, LookupError, ArithmeticError)


def read_foreign_json(text: str | bytes) -> Any:
    """Plain data, all of which can be shown.

    Raises:
        ValueError: it is no JSON; as a SettingsError: some value of it is beyond all bounds.
    """
    try:
        values = json.loads(text)
        require_showable(values)
    except RecursionError:
        raise SettingsError("it is nested too deeply") from None
    return values


def record_from_json(text: str | bytes, make: Callable[[Any], T]) -> T:
    """A record of ours that somebody else may have written.

    Args:
        text: JSON.
        make: the record out of plain data.

    Raises:
        SettingsError: it is no JSON, or no such record; another FlatdiffError is `make`'s own.
    """
    try:
        return make(read_foreign_json(text))
    except FlatdiffError:
        raise
    except KeyError as error:
        raise SettingsError(f"an entry is missing: {quoted(error.args[0])}") from None
    except MALFORMED as error:
        raise SettingsError(as_sentence(str(error))) from None


def require_showable(values: object) -> None:
    """Raise where plain data holds what no page can show.

    Raises:
        SettingsError: a text that is not Unicode or is endless, a number that is not finite or is
            beyond 2^53 as an integer.
    """
    for value in _leaves(values):
        if isinstance(value, str):
            _require_text(value)
        elif isinstance(value, int):
            if abs(value) > MAX_WHOLE:
                raise SettingsError(f"an integer is beyond 2^53: {quoted(value)}")
        elif isinstance(value, float) and not math.isfinite(value):
            raise SettingsError(f"a number is not finite: {value}")


def _leaves(values: object) -> Iterator[object]:
    """Every text and number, those that are names with them."""
    if isinstance(values, dict):
        for name, value in values.items():
            yield name
            yield from _leaves(value)
    elif isinstance(values, list | tuple):
        for value in values:
            yield from _leaves(value)
    else:
        yield values


def _require_text(value: str) -> None:
    if len(value) > MAX_TEXT:
        raise SettingsError(f"a text has {len(value):,} characters; at most {MAX_TEXT:,}")
    if not is_text(value):
        raise SettingsError(f"a text holds half a character: {quoted(value)}")


def is_text(name: str) -> bool:
    r"""Whether a name can be written as UTF-8; one of a disk need not be.

    >>> is_text("Ünï"), is_text("caf\udce9")
    (True, False)
    """
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True


def as_text(name: str) -> str:
    r"""A name in characters that a page can show; those of files need not be UTF-8.

    >>> as_text("caf\udce9")
    'caf\\udce9'
    """
    return name.encode(errors="backslashreplace").decode()


def as_sentence(text: str) -> str:
    r"""What an error says, at a length and in characters that a page can show.

    >>> as_sentence("caf\udce9")
    'caf\\udce9'
    """
    if len(text) > MAX_SENTENCE:
        text = f"{text[:MAX_SENTENCE]}..."
    return as_text(text)


def quoted(value: object) -> str:
    """A value as an error names it; of a long one the beginning.

    >>> quoted("a" * 500)[-10:], quoted(10**5000)
    ('aaaaaaa...', 'an integer of 16610 bits')
    """
    if isinstance(value, int) and abs(value) > MAX_WHOLE:
        return f"an integer of {value.bit_length()} bits"
    text = repr(value)
    return text if len(text) <= MAX_QUOTED else f"{text[:MAX_QUOTED]}..."
