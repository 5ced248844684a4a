"""The short form of the campaign: some changed inputs for each parser that starts no process."""

import json
import random
from pathlib import Path

from flatdiff.errors import FlatdiffError
from tests.campaigns.fuzz import Outcome, fuzzed, parsers, tried
from tests.campaigns.mutation import mutated
from tests.campaigns.parser import Parser


def test_no_parser_breaks_its_promise(tmp_path: Path) -> None:
    """A fifth of a second each; what is broken is named with the line that did it."""
    for parser in parsers(tmp_path):
        if "child" not in parser.name:
            outcome = fuzzed(parser, 0.2, random.Random(1))
            assert outcome.broken == {}, parser.name
            assert outcome.counts.total() > 1, parser.name


def test_what_breaks_a_promise_is_seen() -> None:
    """Parsers that do, by each of the ways."""
    asleep = "import time; time.sleep(9)"
    programs = {"1 / 0": "ZeroDivisionError", "b'x' * (300 << 20)": "large", asleep: "late"}
    for program, word in programs.items():
        within_s = 1 if word == "late" else 60
        parser = Parser(name="bad", valid=[b""], read=lambda p: exec(p), within_s=within_s)
        assert tried(parser, program.encode(), Outcome()).startswith(word)
    refusing = Parser(name="good", valid=[b""], read=_refuse)
    assert tried(refusing, b"", Outcome()) == "refused"


def _refuse(content: bytes) -> None:
    raise FlatdiffError(f"{len(content)} bytes")


def test_changes_reach_every_place() -> None:
    """Of a JSON text: every value of it is changed alone, and the same seed changes the same."""
    whole = {"a": 1, "b": {"c": [2, 3]}}
    text = json.dumps(whole).encode()
    draw, again = random.Random(0), random.Random(0)
    found = [mutated(text, [text], draw) for _ in range(3000)]
    assert found == [mutated(text, [text], again) for _ in range(3000)]
    values = [value for content in found if isinstance(value := _json(content), dict)]
    assert any(value.get("a") == 1 and value.get("b") == {"c": [2, None]} for value in values)
    assert any("b" not in value and value.get("a") == 1 for value in values)


def _json(content: bytes) -> object:
    try:
        return json.loads(content)
    except (ValueError, RecursionError):
        return None
