"""Records of ours that anybody may have written: whatever is wrong with one is a sentence."""

from collections.abc import Callable
from typing import Any

import pytest

from flatdiff.errors import DataError, SettingsError
from flatdiff.system.foreign_json import record_from_json


def _refused(_: Any) -> None:
    raise DataError("no such images")


BAD: dict[str, tuple[str, Callable[[Any], Any], str]] = {
    "no JSON": ("{", lambda values: values, "Expecting property name"),
    "no number": ("[NaN]", lambda values: values, "not finite"),
    "an entry too few": ("{}", lambda values: values["seed"], "an entry is missing: 'seed'"),
    "no table": ("[1]", lambda values: values["seed"], "list indices"),
    "no text": ("5", lambda values: values.startswith("a"), "no attribute"),
    "no finite sum": ("1e308", lambda value: int(value * 10), "infinity"),
    "too large": ("9007199254740991", lambda value: 10.0**value, "out of range"),
}


@pytest.mark.parametrize("name", BAD)
def test_what_is_wrong_is_a_sentence(name: str) -> None:
    """Each raises another kind of exception where a record is made of it."""
    text, make, word = BAD[name]
    with pytest.raises(SettingsError, match=word):
        record_from_json(text, make)


def test_a_sentence_of_its_own_passes() -> None:
    """And so does a record."""
    with pytest.raises(DataError, match="no such images"):
        record_from_json("{}", _refused)
    assert record_from_json(b'{"a": 1}', dict) == {"a": 1}
