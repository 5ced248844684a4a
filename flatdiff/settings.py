"""A setting is a frozen value that says what it may be, and has one digest wherever it is read.

The records themselves stand beside what they set: `diffusion/flags.py`,
`checkpoints/recipe.py`, `measures/`. Nothing here imports torch.
"""

import dataclasses
import difflib
import hashlib
import itertools
import json
import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TypeVar

from flatdiff.errors import SettingsError

T = TypeVar("T")
FEW = 4  # choices, that are told apart by "or"
LONGEST_WORD = 80  # that is compared with others


def digest(value: object) -> str:
    """SHA-256 of the canonical JSON of a frozen record or of plain data, as 64 hex digits.

    >>> digest({"b": 1, "a": [1.5, None]}) == digest({"a": (1.5, None), "b": 1})
    True
    """
    return hashlib.sha256(canonical_json(value).encode()).hexdigest()


def canonical_json(value: object) -> str:
    """One text per value: sorted keys, no blanks, shortest round-trip floats, no NaN."""
    return json.dumps(
        value, sort_keys=True, separators=(",", ":"), allow_nan=False, default=_plain
    )


def _plain(value: Any) -> object:
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return dataclasses.asdict(value)
    raise TypeError(f"{type(value).__name__} has no canonical JSON")


def require(condition: bool, name: str, expected: str, value: object) -> None:
    """Raise `SettingsError` that names the setting, the bound and the value."""
    if not condition:
        raise SettingsError(f"{name} must be {expected}; got {value!r}")


def require_one_of(name: str, value: object, choices: Sequence[str]) -> None:
    """One of some words; the one that may be meant is named."""
    if value not in choices:
        words = " or ".join(choices) if len(choices) <= FEW else f"one of {', '.join(choices)}"
        hint = did_you_mean(str(value), choices)
        raise SettingsError(f"{name} must be {words}; got {value!r}{hint}")


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """The end of a sentence that names what was most likely meant; "" where nothing is like it.

    >>> did_you_mean("ciphar10", ["digits", "cifar10"])
    '; did you mean cifar10?'
    """
    near = difflib.get_close_matches(word[:LONGEST_WORD], list(known), 1)
    return f"; did you mean {near[0]}?" if near else ""


def require_finite(name: str, value: float, *, above: float | None = None) -> None:
    """A finite real number, at least zero, or strictly above a bound."""
    if above is None:
        require(math.isfinite(value) and value >= 0, name, "a finite number of at least 0", value)
    else:
        require(math.isfinite(value) and value > above, name, f"finite and above {above}", value)


def require_ascending(
    name: str, values: Sequence[float], *, most: int, largest: float
) -> tuple[float, ...]:
    """Some numbers above 0, each larger than the one before; returns them as floats."""
    fits = 1 <= len(values) <= most and all(0 < value <= largest for value in values)
    require(fits, name, f"1 to {most} numbers above 0 and at most {largest:g}", values)
    ascending = all(a < b for a, b in itertools.pairwise(values))
    require(ascending, name, "ascending, each once", values)
    return tuple(map(float, values))


def require_seed(name: str, value: object) -> None:
    """An integer that every generator takes."""
    fits = isinstance(value, int) and 0 <= value < 2**32
    require(fits, name, "an integer in [0, 4294967295]", value)


def require_text(name: str, value: object) -> None:
    """A text, where what was written by somebody else may have anything."""
    require(isinstance(value, str), name, "text", value)


def from_mapping(cls: type[T], values: Any, what: str) -> T:
    """Build a frozen record from JSON; unknown names are refused, never ignored.

    Raises:
        SettingsError: it is no table, a name is unknown or missing, or a value is out of range.
    """
    require(isinstance(values, Mapping), what, "a table", values)
    fields = dataclasses.fields(cls)  # pyright: ignore[reportArgumentType]
    unknown = sorted(set(values) - {field.name for field in fields})
    if unknown:
        raise SettingsError(f"{what} has unknown entries: {', '.join(unknown)}")
    try:
        return cls(**values)
    except TypeError as error:
        raise SettingsError(f"{what} is incomplete: {error}") from None
    except SettingsError:
        raise
    except (ValueError, AttributeError, LookupError, ArithmeticError) as error:
        raise SettingsError(f"{what} has a value of a wrong kind: {error}") from None
