"""Hostile pickles: what they name is never imported, looked up or run, in whatever order.

The judge is Python itself: every import, call of the shell and opened file raises an audit event,
whoever causes it.
"""

import contextlib
import functools
import os
import pickletools
import resource
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch._tensor import _rebuild_from_type_v2

from flatdiff.conversion.torch_pickle import KNOWN, StoredTensor, read_pickle
from flatdiff.errors import CheckpointError
from tests.campaigns.weights_parsers import pickle_of
from tests.conversion.test_torch_archive import saved

WEIGHTS = torch.arange(6.0).reshape(2, 3)
REAL = pickle_of(saved({"model": {"w": WEIGHTS, "v": WEIGHTS.half()}, "at": Path("/x")}))

EVENTS: list[str] = []
WATCHED = (
    "import",
    "exec",
    "compile",
    "os.",
    "subprocess.",
    "socket.",
    "pickle.find_class",
    "open",
)
_watching = False
MORE_BYTES = 1 << 30


def _heard(event: str, args: tuple[Any, ...]) -> None:
    if _watching and event.startswith(WATCHED):
        EVENTS.append(f"{event} {args[:1]}")


sys.addaudithook(_heard)


@contextlib.contextmanager
def nothing_is_run() -> Iterator[None]:
    """Raises where Python imports, opens, compiles or calls anything outside meanwhile."""
    global _watching  # an audit hook cannot be taken away again
    EVENTS.clear()
    with little_memory():
        _watching = True
        try:
            yield
        finally:
            _watching = False
    assert EVENTS == []


@contextlib.contextmanager
def little_memory() -> Iterator[None]:
    """As the child has it that reads foreign files: one number in a pickle may ask for 20 GB."""
    soft, hard = resource.getrlimit(resource.RLIMIT_DATA)
    used = psutil.Process().memory_info().data
    resource.setrlimit(resource.RLIMIT_DATA, (used + MORE_BYTES, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_DATA, (soft, hard))


class Reduced:
    """Unpickled by anybody who trusts it, calls what it was made with."""

    def __init__(self, function: Any, *args: object) -> None:
        self.called = function, args

    def __reduce__(self) -> Any:
        return self.called


def hostile(marker: Path) -> dict[str, object]:
    """Ways to run something, each of which leaves a file behind where it is trusted."""
    touch = f"touch {marker}"
    code = f"open({str(marker)!r}, 'w')"
    return {
        "the shell": Reduced(os.system, touch),
        "eval": Reduced(eval, code),
        "exec": Reduced(exec, code),
        "an import": Reduced(__import__, "antigravity"),
        "an attribute of a class": Reduced(getattr, Path, "touch"),
        "a partial function": Reduced(functools.partial(os.system, touch)),
        "a function that takes a function": Reduced(map, os.system, [touch]),
        "a tensor's rebuilding": Reduced(
            _rebuild_from_type_v2, os.system, torch.Tensor, (touch,), {}
        ),
        "a file": Reduced(open, str(marker), "w"),
        "torch's own loader": Reduced(torch.load, str(marker), None, None),
    }


@pytest.mark.parametrize("name", hostile(Path("x")))
def test_code_is_named_and_never_run(name: str, tmp_path: Path) -> None:
    """The weights beside it are read all the same."""
    marker = tmp_path / "owned"
    content = pickle_of(saved({"w": WEIGHTS, "x": hostile(marker)[name]}))
    with nothing_is_run():
        found = read_pickle(content)
    assert isinstance(found.root["w"], StoredTensor)
    assert not marker.exists()


OPCODES = [code.code.encode("latin1") for code in pickletools.opcodes]
NAMES = [
    b"cos\nsystem\n",
    b"cbuiltins\nexec\n",
    b"cbuiltins\ngetattr\n",
    b"ctorch._utils\n_rebuild_tensor_v2\n",
    b"ctorch._tensor\n_rebuild_from_type_v2\n",
    b"ctorch\nFloatStorage\n",
    b"ccollections\nOrderedDict\n",
    b"ccopyreg\n__newobj__\n",
    b"\x8c\x02os\x8c\x06system\x93",
    b"ios\nsystem\n",
]
VALUES = [
    b"K\x01",
    b"X\x04\x00\x00\x00echo",
    b"X\x07\x00\x00\x00storage",
    b"X\x0c\x00\x00\x00__setstate__",
    b"X\x08\x00\x00\x00__dict__",
    b"X\x08\x00\x00\x00__code__",
    b"N",
    b")",
    b"}",
    b"]",
    b"(",
    b"\x85",
    b"\x86",
    b"\x87",
    b"t",
    b"0",
    b"q\x00",
    b"h\x00",
]
CALLS = [b"R", b"\x81", b"\x92", b"b", b"s", b"u", b"a", b"e", b"o", b"Q", b"\x90", b"\x91", b"d"]
STEPS = st.sampled_from([*OPCODES, *NAMES * 4, *VALUES * 4, *CALLS * 4]) | st.binary(max_size=6)


@settings(deadline=None)
@given(st.lists(STEPS, max_size=40))
def test_no_program_of_opcodes_runs_anything(steps: list[bytes]) -> None:
    """Random programs of a pickle's own opcodes, among names that would be worth a call."""
    content = b"\x80\x04" + b"".join(steps) + b"."
    with nothing_is_run(), contextlib.suppress(CheckpointError, MemoryError):
        read_pickle(content)


@settings(deadline=None)
@given(st.data())
def test_a_changed_pickle_runs_nothing_either(data: st.DataObject) -> None:
    """A real one with some of its bytes changed, doubled or left out."""
    content = REAL
    for _ in range(data.draw(st.integers(1, 4))):
        place = data.draw(st.integers(0, len(content) - 1))
        count = data.draw(st.integers(0, 8))
        content = content[:place] + data.draw(STEPS) + content[place + count :]
    with nothing_is_run(), contextlib.suppress(CheckpointError, MemoryError):
        read_pickle(content)


def test_stand_ins_cannot_be_changed() -> None:
    """A pickle that sets the state of what rebuilds tensors, and of a tensor that is whole."""
    rebuild = KNOWN["torch._utils._rebuild_tensor_v2"]
    before = vars(rebuild).copy()
    state = b"}X\x08\x00\x00\x00functionK\x01s"
    read_pickle(b"\x80\x02ctorch._utils\n_rebuild_tensor_v2\n" + state + b"b.")
    assert vars(rebuild) == before
    content = pickle_of(saved({"w": WEIGHTS}))
    end = content.rindex(b"R") + 1  # the call that makes the tensor
    changed = content[:end] + b"}X\x05\x00\x00\x00shapeK\x01sb" + content[end:]
    assert read_pickle(changed).root["w"] == read_pickle(content).root["w"]
