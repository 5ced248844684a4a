"""Pickles of strangers: what lies beside the weights is stood in for, in torch's own files."""

import argparse
import collections
import datetime
import enum
import functools
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path, PosixPath
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from flatdiff.conversion.foreign_weights import open_weights
from flatdiff.conversion.torch_pickle import Opaque, read_pickle
from tests.campaigns.weights_parsers import pickle_of
from tests.conversion.test_torch_archive import saved


class Trainer:
    """As people write them; with classes inside, and slots."""

    class Options:
        """A class inside a class."""

        __slots__ = ("rate",)

    def __init__(self) -> None:
        self.options = Trainer.Options()
        self.options.rate = 0.1


class EasyDict(dict[str, Any]):
    """Made after a dictionary."""


class Losses(list[float]):
    """Made after a list."""


class Phase(enum.Enum):
    """Of training."""

    WARM = "warm"


Point = collections.namedtuple("Point", "x y")
WEIGHTS = torch.arange(6.0).reshape(2, 3)


@dataclass(frozen=True)
class Later:
    """What takes a second to make, in every process that reads this file."""

    make: Callable[[], Any]


BESIDE: dict[str, object] = {
    "a numpy number": np.float64(3.2),
    "a numpy array": np.zeros((2, 3)),
    "an array of objects": np.array([{"a": 1}, None], dtype=object),
    "a namespace": argparse.Namespace(lr=1e-4, data_dir="/data/x"),
    "a simple namespace": SimpleNamespace(a=1),
    "a path": PosixPath("/data/x"),
    "a date": datetime.datetime(2026, 11, 29, tzinfo=datetime.UTC),
    "a trainer": Trainer(),
    "an enum": Phase.WARM,
    "a named tuple": Point(1, 2),
    "a default dictionary": collections.defaultdict(list, a=[1]),
    "a counter": collections.Counter("abba"),
    "a queue": collections.deque([1, 2], maxlen=3),
    "a set": {1, 2, (3, 4)},
    "a frozen set": frozenset({"a"}),
    "a dictionary of its own": EasyDict(a=1),
    "a list of its own": Losses([0.1, 0.2]),
    "a partial function": functools.partial(print, "x", end=""),
    "a function": os.path.join,
    "a bound method": {1: 2}.get,
    "bytes": b"\x00\xff",
    "a complex number": 1 + 2j,
    "an integer of 400 digits": 10**400,
    "a range": range(3),
    "a type": torch.float32,
    "a device": torch.device("cpu"),
    "a size": torch.Size([1, 2]),
    "a sparse tensor": torch.eye(2).to_sparse(),
    "a tensor without numbers": torch.ones(2, device="meta"),
    "a state of numpy's generator": np.random.RandomState(0).get_state(),
    "a parameter": nn.Parameter(torch.ones(2)),
    "a buffer in a module": nn.BatchNorm1d(2),
    "an optimizer": Later(lambda: torch.optim.Adam([torch.ones(1, requires_grad=True)])),
    "a key that is a path": {PosixPath("/a"): 1, (1, 2): 2},
    "an exception": ValueError("x"),
    "none": None,
}


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
@pytest.mark.parametrize("name", BESIDE)
def test_whatever_lies_beside_the_weights_is_passed_over(
    name: str, protocol: int, tmp_path: Path
) -> None:
    """Of any class, in every protocol that torch lets people ask for."""
    path = tmp_path / "w.pt"
    beside = BESIDE[name]
    beside = beside.make() if isinstance(beside, Later) else beside
    torch.save({"model": {"w": WEIGHTS}, "x": beside}, path, pickle_protocol=protocol)
    weights = open_weights(path)
    assert torch.equal(weights.tensor("model.w"), WEIGHTS)


def test_what_was_passed_over_is_named() -> None:
    """By the names that the pickle has for it, each once, in their order."""
    value = {"w": WEIGHTS, "a": argparse.Namespace(p=PosixPath("/x")), "b": argparse.Namespace()}
    of_path = f"{PosixPath.__module__}.PosixPath"  # pathlib._local in Python 3.13
    assert read(value).opaque == ("argparse.Namespace", of_path)
    assert read({"w": WEIGHTS}).opaque == ()


@pytest.mark.parametrize("wrap", [EasyDict, argparse.Namespace, SimpleNamespace])
def test_weights_inside_an_object_are_found(wrap: Any, tmp_path: Path) -> None:
    """A dictionary of somebody's own class, or attributes of one."""
    path = tmp_path / "w.pt"
    torch.save(wrap(model={"w": WEIGHTS}), path)
    assert list(open_weights(path).header.tensors) == ["model.w"]


def test_a_whole_module_has_the_names_of_its_state_dict(tmp_path: Path) -> None:
    """`torch.save(model)`, parameters and buffers, wrapped or not; the module is never made."""
    model = nn.Sequential(nn.Conv2d(1, 2, 3), nn.Sequential(nn.BatchNorm2d(2), nn.Linear(2, 2)))
    path = tmp_path / "w.pt"
    torch.save({"model": model, "epoch": 3}, path)
    weights, expected = open_weights(path), model.state_dict()
    assert sorted(weights.header.tensors) == sorted(f"model.{name}" for name in expected)
    assert all(torch.equal(weights.tensor(f"model.{n}"), v) for n, v in expected.items())
    assert "torch.nn.modules.linear.Linear" in weights.header.opaque


def test_an_object_with_slots_gives_its_attributes() -> None:
    """Its state is a pair: what its dictionary has, and what its slots have."""
    options = read({"w": WEIGHTS, "t": Trainer()}).root["t"].children()["options"]
    assert isinstance(options, Opaque)
    assert options.children() == {"rate": 0.1}


def read(value: object) -> Any:
    """A value as torch writes it, read here."""
    return read_pickle(pickle_of(saved(value)))
