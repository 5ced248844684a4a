"""What people and attackers hand over as weights: how each is made, and what the answer says."""

import json
import os
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save

from flatdiff.conversion.card_draft import CARD_KEY
from flatdiff.landscape.quantization import Scheme
from flatdiff.landscape.quantized_file import quantized_file
from tests.checkpoints.test_card import card_of
from tests.checkpoints.test_header import BAD
from tests.conversion.test_importer import weights
from tests.conversion.test_torch_archive import BAD as BAD_ARCHIVES
from tests.conversion.test_torch_archive import rezipped, saved

STATE = weights()
OWN = "--channel_mult 1 --attention_resolutions 9"
FEW = dict(list(STATE.items())[:-6])
WRONG: dict[str, tuple[Callable[[], bytes], dict[str, Any], str]] = {
    **{name: (lambda content=content: content, {}, word) for name, (content, word) in BAD.items()},
    "keys missing": (lambda: save(FEW), {}, r"6 missing \(.*, \.\.\.\)"),
    "keys unexpected": (
        lambda: save({**STATE, **{f"x{n}": torch.ones(1) for n in range(7)}}),
        {},
        r"7 unexpected \(x0, x1, x2, x3, x4, \.\.\.\)",
    ),
    "a wrong shape": (
        lambda: save({**STATE, "out.0.bias": torch.ones(33)}),
        {},
        r"1 of another shape \(out.0.bias is \(33,\), not \(32,\)\)",
    ),
    "another network": (
        lambda: save(STATE),
        {"flags": ""},
        "channel_mult is 1 in the file and 1,2 by preset digits",
    ),
    "integers": (
        lambda: save({**STATE, "out.0.bias": torch.ones(32, dtype=torch.int32)}),
        {},
        "floats of 16, 32 or 64 bits; the file has I32",
    ),
    "a flag nobody knows": (lambda: save(STATE), {"flags": "--colour red"}, "colour"),
    "a flag out of range": (
        lambda: save(STATE),
        {"flags": f"{OWN} --num_heads_upsample 0 --num_head_channels -1"},
        "num_heads_upsample must be a divisor",
    ),
    "a flag against the tensors": (
        lambda: save(STATE),
        {"flags": f"{OWN} --num_res_blocks 3 --class_cond True"},
        "num_res_blocks is 1 in the file and 3 by your flags; class_cond is False",
    ),
    "a way to count channels that is none": (
        lambda: save(STATE),
        {"flags": "--channel_mult one"},
        "channel_mult must be numbers",
    ),
    "flags for a giant": (
        lambda: save(STATE),
        {"flags": "--num_channels 8192 --num_res_blocks 64"},
        "num_channels is 32 in the file and 8192 by your flags",
    ),
    "no network": (
        lambda: save(STATE),
        {"preset": None, "flags": ""},
        "image_size leaves no trace",
    ),
    "no dataset": (
        lambda: save(STATE),
        {"preset": "guided-diffusion", "flags": "--image_size 8"},
        "dataset",
    ),
    "a folder of this machine": (lambda: save(STATE), {"dataset": "folder:/etc"}, "dataset"),
    "images of another size": (lambda: save(STATE), {"dataset": "cifar10"}, "cifar10"),
    "a step before the first": (lambda: save(STATE), {"step": -1}, "step"),
    "a name that climbs": (lambda: save(STATE), {"id": "../x"}, "family and name"),
    "a name of one part": (lambda: save(STATE), {"id": "x"}, "family/name"),
    "an absolute name": (lambda: save(STATE), {"id": "/tmp/x"}, "family/name"),
    "a taken name": (lambda: save(STATE), {"id": "theirs/old"}, "there is a theirs/old already"),
    "a card that is none": (
        lambda: save(STATE, {CARD_KEY: "{}"}),
        {},
        "card inside the file cannot be read",
    ),
    "half a character in a name": (
        lambda: save({**STATE, "halved": torch.ones(1)}).replace(b"halved", b"\\udc00"),
        {},
        r"\\udc00, is no text",
    ),
    "half a character in a card": (
        lambda: save(STATE, {CARD_KEY: json.dumps({**card_of().to_json(), "command": "\ud800"})}),
        {},
        "half a character",
    ),
    "a card that is a bomb": (lambda: save(STATE, {CARD_KEY: "[" * 99_999}), {}, "inside"),
    "rounded weights": (
        lambda: quantized_file(
            card_of(), {name: value.numpy() for name, value in STATE.items()}, Scheme()
        ),
        {},
        "rounded",
    ),
}


class Code:
    """Makes a folder when it is unpickled by whoever trusts it."""

    def __init__(self, path: str) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, (self.path,)


def bomb() -> bytes:
    """A small archive whose numbers become 300 MB when they are inflated."""
    zeros = bytes(300 << 20)
    return rezipped(lambda n, d: (n, zeros if n.endswith("data/0") else d), zipfile.ZIP_DEFLATED)


def greedy() -> bytes:
    """A pickle that asks for a tensor of 8 GB and has three numbers of it."""
    # SIZE in place of the shape (2, 3) of the first tensor: BININT1 2, BININT1 3, TUPLE2.
    size = b"J" + struct.pack("<i", 1 << 30) + b"K\x02\x86"
    return rezipped(
        lambda n, d: (n, d.replace(b"K\x02K\x03\x86", size, 1) if n.endswith("pkl") else d)
    )


def _at(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    return path


def _pipe(path: Path) -> Path:
    os.mkfifo(path)
    return path


def _folder(path: Path) -> Path:
    path.mkdir()
    return path


def _link(path: Path, target: str) -> Path:
    path.symlink_to(target)
    return path


# By how each comes to be at a path; the word stands in the answer.
PLACES: dict[str, tuple[Callable[[Path], Path], str]] = {
    "a pipe": (_pipe, "no file"),
    "a folder": (_folder, "a folder without a file of weights"),
    "no such file": (lambda path: path, "no such file"),
    "a link to itself": (lambda path: _link(path, path.name), "no such file|symbolic links"),
    "a link to a device": (lambda path: _link(path, "/dev/zero"), "no file"),
    "code in a pickle": (
        lambda path: _at(path, saved({"a": Code(str(path.with_name("sprung")))})),
        "no tensors with names",
    ),
    "a zip bomb": (lambda path: _at(path, bomb()), "compressed"),
    "a tensor of 8 GB": (lambda path: _at(path, greedy()), "more numbers than"),
    "a pickle of nothing": (lambda path: _at(path, saved([1, "x"])), "no tensors with names"),
    "cut weights": (lambda path: _at(path, save(STATE)[:-100]), "cut or damaged"),
    **{
        f"an archive: {name}": (lambda path, make=make: _at(path, make()), word)
        for name, (make, word) in BAD_ARCHIVES.items()
    },
}
