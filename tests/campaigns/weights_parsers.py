"""Parsers of files of weights: foreign ones, and our own rounded ones."""

import io
import json
import zipfile
from collections.abc import Callable
from typing import Any

import torch
from safetensors.torch import save

from flatdiff.checkpoints.header import parse_header
from flatdiff.conversion.card_draft import CARD_KEY, drafts
from flatdiff.conversion.draft import Description
from flatdiff.conversion.foreign_file import foreign_file
from flatdiff.conversion.launch import foreign_header
from flatdiff.conversion.torch_archive import is_torch_file, require_sound
from flatdiff.landscape.quantization import Scheme
from flatdiff.landscape.quantized_file import quantized_file, read_quantized_file
from tests.campaigns.parser import Desk, Parser, header_of, with_length
from tests.checkpoints.test_card import card_of
from tests.tiny import TINY, random_network

CHILD_S = 60  # a process takes seconds to begin, and others may be before it
PLAIN = "--channel_mult 1 --attention_resolutions 9"


def weights_parsers(desk: Desk) -> list[Parser]:
    """All of them; those of the converter's process last."""
    return [*safetensors_parsers(), *rounded_parsers(desk), *torch_parsers(desk)]


def safetensors_parsers() -> list[Parser]:
    """As far as a file is looked at before the converter has it."""
    state = random_network(TINY).state_dict()
    portable = {CARD_KEY: json.dumps(card_of().to_json())}
    whole = [save(state), save(state, portable), save({f"ema.{k}": v for k, v in state.items()})]

    def look(content: bytes) -> Any:
        file = foreign_file("model7.safetensors", parse_header(io.BytesIO(content), len(content)))
        return drafts(file, Description(id="theirs/new", preset="digits", flags=PLAIN))

    return whole_and_header("safetensors file", "safetensors header", whole, look)


def whole_and_header(
    whole: str, header: str, valid: list[bytes], read: Callable[[bytes], Any]
) -> list[Parser]:
    """Of the same files twice: as they are, and with a right length before a wrong header."""
    headers = [header_of(content) for content in valid]
    return [
        Parser(name=whole, valid=valid, read=read),
        Parser(name=header, valid=headers, read=read, dressed=with_length),
    ]


def rounded_parsers(desk: Desk) -> list[Parser]:
    """Of files of small integers."""
    tensors = {name: value.numpy() for name, value in random_network(TINY).state_dict().items()}
    schemes = (Scheme(), Scheme(bits=4, symmetric=False))
    files = [quantized_file(card_of(flags=TINY), tensors, scheme) for scheme in schemes]

    def read(content: bytes) -> Any:
        return read_quantized_file(desk.put("rounded.safetensors", content))

    return whole_and_header("rounded weights", "header of rounded weights", files, read)


def torch_parsers(desk: Desk) -> list[Parser]:
    """What this process looks at, then all that the converter's does."""
    archives = [archive(value) for value in ({"a": torch.ones(3)}, {"a": {"b": torch.zeros(2)}})]

    def sound(content: bytes) -> None:
        path = desk.put("weights.pt", content)
        if is_torch_file(path):
            require_sound(path)

    def through_child(content: bytes) -> Any:
        return foreign_header(desk.put("child.pt", content))

    return [
        Parser(name="torch archive", valid=archives, read=sound),
        Parser(
            name="torch archive in the child",
            valid=archives,
            read=through_child,
            within_s=CHILD_S,
        ),
        Parser(
            name="pickle in the child",
            valid=[pickle_of(content) for content in archives],
            read=through_child,
            dressed=lambda pickle: with_pickle(archives[0], pickle),
            within_s=CHILD_S,
        ),
    ]


def archive(value: Any) -> bytes:
    """As torch writes it."""
    buffer = io.BytesIO()
    torch.save(value, buffer)
    return buffer.getvalue()


def pickle_of(content: bytes) -> bytes:
    """The one in a torch file."""
    with zipfile.ZipFile(io.BytesIO(content)) as opened:
        return opened.read("archive/data.pkl")


def with_pickle(content: bytes, pickle: bytes) -> bytes:
    """A torch file with another pickle, and whole otherwise."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as old, zipfile.ZipFile(buffer, "w") as new:
        for name in old.namelist():
            new.writestr(name, pickle if name.endswith("data.pkl") else old.read(name))
    return buffer.getvalue()
