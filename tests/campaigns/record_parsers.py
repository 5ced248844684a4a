"""Parsers of our own records and arrays, which a folder that came from elsewhere may hold."""

import io
import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from flatdiff.checkpoints.card import CARD_FILE, read_card
from flatdiff.checkpoints.pasted_command import read_command
from flatdiff.diffusion.flags import AdmFlags
from flatdiff.measures import MEASURES
from flatdiff.measures.request import Request, make_request
from flatdiff.settings import from_mapping
from flatdiff.system.arrays import decode_arrays, encode_arrays
from flatdiff.training.run_history import PHASES, HistoryRow, read_history
from flatdiff.training.run_options import RunOptions
from tests.campaigns.parser import Desk, Parser, zipped
from tests.checkpoints.test_card import card_of, place
from tests.tiny import TINY


def record_parsers(desk: Desk) -> list[Parser]:
    """All of them."""
    return [
        card_parser(desk),
        history_parser(desk),
        options_parser(desk),
        *request_parsers(),
        flags_parser(),
        *array_parsers(),
    ]


def card_parser(desk: Desk) -> Parser:
    """Of what a checkpoint says of itself."""
    card = card_of()
    place(desk.folder)

    def read(content: bytes) -> Any:
        desk.put(f"{card.id}/{CARD_FILE}", content)
        return read_card(desk.folder, card.id)

    return Parser(name="card", valid=[json.dumps(card.to_json()).encode()], read=read)


def history_parser(desk: Desk) -> Parser:
    """Of a run's lines."""
    rows = [vars(HistoryRow(step, 20, 1.0, 0.5, 2.0, 1.5)) for step in (20, 40)]
    said = [{"phase": "opened"}, {"phase": "began", "step": 0}, *rows]
    said += [{"phase": phase, "reason": "x"} for phase in PHASES[3:]]
    lines = [json.dumps(line).encode() for line in said]

    def read(content: bytes) -> Any:
        history = read_history(desk.put("history.jsonl", content))
        return history.step, history.rate

    return Parser(name="run history", valid=[b"\n".join(lines), *lines], read=read)


def options_parser(desk: Desk) -> Parser:
    """Of what was chosen for a run."""
    out = Path("out")
    chosen = [RunOptions(out=out), RunOptions(out=out, method="sam", sam_rho=0.1, seed=3)]

    def read(content: bytes) -> Any:
        return RunOptions.from_json(text_of(content), desk.folder).arguments()

    valid = [options.to_json().encode() for options in chosen]
    return Parser(name="run options", valid=valid, read=read)


def request_parsers() -> list[Parser]:
    """Of stored requests, and of their settings by the validator that pages and commands share."""
    requests = [request_of(name) for name in MEASURES]

    def read(content: bytes) -> Any:
        request = Request.from_json(text_of(content))
        return request.key, request.first_plan

    return [
        Parser(name="stored request", valid=[r.to_json().encode() for r in requests], read=read),
        Parser(
            name="settings",
            valid=[json.dumps([r.measure, asdict(r.settings)]).encode() for r in requests],
            read=read_settings,
        ),
    ]


def request_of(measure: str) -> Request:
    """Of a checkpoint alone, or beside another where the measure compares."""
    others = [card_of(b"other", name="ip", method="ip")] * (measure == "similarity")
    return make_request(measure, card_of(), settings_of(measure), partners=others)


def settings_of(measure: str) -> Any:
    """Of a measure, valid for any checkpoint."""
    if measure == "sensitivity":
        return MEASURES[measure].settings_type(layers=("out.2.weight",))
    return MEASURES[measure].settings_type()


def read_settings(content: bytes) -> Any:
    """By the validator that pages, commands and stored requests share; any JSON is a value."""
    try:
        measure, values = json.loads(content)
        settings_type, names = MEASURES[measure].settings_type, set(values)
    except (ValueError, TypeError, KeyError, RecursionError):
        return None  # not what this parser is given
    return from_mapping(settings_type, values, "settings") if names else None


def flags_parser() -> Parser:
    """Of a command's flags, as people write them down."""
    kept = {name: value for name, value in TINY.to_json().items() if value not in (None, "")}
    valid = " ".join(f"--{name} {value}" for name, value in kept.items()).encode()

    def read(content: bytes) -> Any:
        return AdmFlags.from_guided_diffusion(read_command(text_of(content)).flags, None)

    return Parser(name="flags", valid=[valid, b'MODEL_FLAGS="--image_size 64"'], read=read)


def text_of(content: bytes) -> str:
    """As the system hands over words that are no text."""
    return content.decode("utf-8", "surrogateescape")


def array_parsers() -> list[Parser]:
    """Of the numbers of a stored tile."""
    tiles = [{"losses": np.ones(8, np.float32)}, {"size": np.array(3), "names": np.array("a")}]
    return [
        Parser(name="arrays", valid=[encode_arrays(tiles)], read=decode_arrays),
        Parser(
            name="array in an archive",
            valid=[array_bytes(value) for item in tiles for value in item.values()],
            read=decode_arrays,
            dressed=lambda content: zipped({"0/losses.npy": content}),
        ),
    ]


def array_bytes(value: np.ndarray) -> bytes:
    """One as NumPy writes it."""
    buffer = io.BytesIO()
    np.save(buffer, value)
    return buffer.getvalue()
