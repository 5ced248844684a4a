"""A scheme refuses what is none by a sentence, and says itself in words."""

from typing import Any

import pytest

from flatdiff.errors import SettingsError
from flatdiff.landscape.quantization import Scheme, SchemeOptions
from flatdiff.settings import from_mapping

REFUSED: list[tuple[str, Any]] = [
    *(("bits", value) for value in (0, 1, 9, 16, 31, 33, -8, 2.5, 8.0, "8", None, True)),
    *(("per_channel", value) for value in (0, 1, "yes", None)),
    ("symmetric", "no"),
    *(("clipping", value) for value in ("", "MSE", "minmse", None)),
]


@pytest.mark.parametrize(("name", "value"), REFUSED)
def test_out_of_range_is_refused_by_name(name: str, value: Any) -> None:
    """The table is written by hand; True is an integer to Python and no bit width to anybody."""
    with pytest.raises(SettingsError, match=f"^{name} must be .*; got "):
        Scheme(**{name: value})


@pytest.mark.parametrize("bits", [2, 3, 4, 5, 6, 7, 8, 32])
def test_every_width_has_its_options(bits: int) -> None:
    """Options and width meet in a scheme, which comes back from plain data as it was."""
    options = SchemeOptions(per_channel=True, symmetric=False, clipping="mse")
    scheme = options.at(bits)
    assert scheme == Scheme(bits=bits, per_channel=True, symmetric=False, clipping="mse")
    assert from_mapping(Scheme, vars(scheme), "scheme") == scheme


@pytest.mark.parametrize(
    ("scheme", "words"),
    [
        (Scheme(), "8 bits, per tensor, symmetric, min-max range"),
        (Scheme(symmetric=False, bits=2), "2 bits, per tensor, asymmetric, min-max range"),
        (Scheme(bits=32, per_channel=True), "32 bits"),
    ],
)
def test_scheme_in_words(scheme: Scheme, words: str) -> None:
    """Written by hand; at 32 bits options decide nothing and are not named."""
    assert str(scheme) == words
