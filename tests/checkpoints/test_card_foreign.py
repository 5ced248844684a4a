"""Cards that anybody may have written: the listing goes on, and all it gives can be shown."""

import copy
import dataclasses
import json
import math
import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flatdiff.checkpoints.card import BrokenCard, Card, card_ids, list_cards, write_card
from flatdiff.errors import CheckpointError
from flatdiff.system.foreign_json import MAX_SENTENCE, MAX_TEXT, MAX_WHOLE
from tests.checkpoints.test_card import card_of, place

WHOLE: dict[str, Any] = json.loads(json.dumps(card_of().to_json()))
DELETED = object()
WEIRD = st.one_of(
    st.sampled_from([10**400, -(10**400), 2**53, 2**63, -1, 0, 1e308, -0.0, True, None, DELETED]),
    st.sampled_from([math.nan, math.inf, -math.inf, "", "\ud800", "a\udcff", "\0", "x" * 30_000]),
    st.sampled_from(["999999999999999999,1", "1e308,1e308", "0", "-1", "folder:\0", "../..", "/"]),
    st.recursive(
        st.none() | st.floats() | st.integers() | st.text(max_size=5),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
        max_leaves=6,
    ),
)
PLACES = [
    *((name,) for name in WHOLE),
    *(("flags", name) for name in WHOLE["flags"]),
    *(("recipe", name) for name in WHOLE["recipe"]),
    ("recipe", "flags", "channel_mult"),
    ("loss_history", 0),
    ("loss_history", 1, 0),
    ("loss_history", 1, 1),
    ("environment", "torch"),
    ("origin", "diagnosis"),
]


def changed(place: tuple[Any, ...], value: Any) -> dict[str, Any]:
    """A whole card but for one place."""
    card = copy.deepcopy(WHOLE)
    within: Any = card
    for step in place[:-1]:
        within = within[step]
    if value is DELETED:
        if place[-1] in (within if isinstance(within, dict) else ()):
            del within[place[-1]]
    else:
        within[place[-1]] = value
    return card


def listed(content: bytes) -> Card | BrokenCard:
    """What a folder with such a card is listed as."""
    with tempfile.TemporaryDirectory() as folder:
        place(Path(folder))
        (Path(folder) / card_of().id / "card.json").write_bytes(content)
        (found,) = list_cards(Path(folder))
    return found


def showable(value: Any) -> bool:
    """Written out once more, by other means than the code's: JSON as a browser takes it."""
    text = json.dumps(value, ensure_ascii=False)
    back = json.loads(text.encode("utf-8"), parse_constant=_refuse)
    return back == value and _numbers_fit(back)


def _refuse(name: str) -> None:
    raise AssertionError(f"{name} is no JSON")


def _numbers_fit(value: Any) -> bool:
    if isinstance(value, dict | list):
        return all(map(_numbers_fit, value.values() if isinstance(value, dict) else value))
    return not isinstance(value, int) or abs(value) <= MAX_WHOLE


def check(found: Card | BrokenCard) -> None:
    """All of it can be shown; a reason is a sentence."""
    assert showable(json.loads(json.dumps(dataclasses.asdict(found))))
    if isinstance(found, BrokenCard):
        assert 10 < len(found.reason) <= MAX_SENTENCE + 100
    else:
        assert all(map(showable, (found.id, found.title, found.label)))


@settings(max_examples=80, deadline=None)
@given(place=st.sampled_from(PLACES), value=WEIRD)
def test_one_value_changed(place: tuple[Any, ...], value: Any) -> None:
    """Any value in any place of a card."""
    check(listed(json.dumps(changed(place, value)).encode()))


@settings(max_examples=30, deadline=None)
@given(content=st.binary(max_size=40) | WEIRD.filter(lambda v: v is not DELETED))
def test_no_card_at_all(content: Any) -> None:
    """Any bytes, and any JSON that is not a card."""
    raw = content if isinstance(content, bytes) else json.dumps(content).encode()
    found = listed(raw)
    check(found)
    assert isinstance(found, BrokenCard)


NOT_SHOWABLE = [
    (("step",), 10**400, "beyond 2^53"),
    (("num_parameters",), MAX_WHOLE + 1, "beyond 2^53"),
    (("recipe", "seed"), 10**30, "beyond 2^53"),
    (("loss_history", 0, 0), 10**400, "beyond 2^53"),
    (("loss_history", 0, 1), math.nan, "not finite"),
    (("loss_history", 0, 1), math.inf, "not finite"),
    (("method",), "\ud800", "half a character"),
    (("environment",), {"\udcff": ""}, "half a character"),
    (("command",), "x" * (MAX_TEXT + 1), "characters"),
]


@pytest.mark.parametrize(("place", "value", "why"), NOT_SHOWABLE)
def test_why_it_is_left_out(place: tuple[Any, ...], value: Any, why: str) -> None:
    """By name; the greatest integer that browsers hold is no reason."""
    found = listed(json.dumps(changed(place, value)).encode())
    assert isinstance(found, BrokenCard)
    assert why in found.reason
    assert isinstance(listed(json.dumps(changed(("step",), MAX_WHOLE)).encode()), Card)


def test_deep_nesting_is_a_reason() -> None:
    """Not the end of the program."""
    found = listed(b"[" * 100_000)
    assert isinstance(found, BrokenCard)
    assert "nested" in found.reason


def test_what_could_not_be_read_is_not_written(tmp_path: Path) -> None:
    """Rather than a checkpoint that no page lists."""
    with pytest.raises(CheckpointError, match="not finite"):
        write_card(tmp_path, card_of(loss_history=[[1, math.nan]]))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["fam\udcff/sam", "family/caf\udce9"])
def test_a_name_that_is_not_utf8_is_named_and_left_out(tmp_path: Path, name: str) -> None:
    """The others are listed; the sentence says what to do. So Python writes such bytes."""
    place(tmp_path)
    try:
        (tmp_path / name).mkdir(parents=True)
    except (OSError, UnicodeError):
        pytest.skip("this disk takes UTF-8 alone")
    (tmp_path / name / "card.json").write_text("{}")
    good, lost = list_cards(tmp_path)
    assert isinstance(good, Card)
    assert isinstance(lost, BrokenCard)
    assert lost.id == name.encode("ascii", "backslashreplace").decode()
    assert "not UTF-8" in lost.reason
    assert card_ids(tmp_path) == [good.id]
