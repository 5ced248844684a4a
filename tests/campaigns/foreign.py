"""Every bad input of a person or an attacker is handed over: a sentence comes back, soon."""

import os
import re
import tempfile
import time
import warnings
import zipfile
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from safetensors.torch import save

from flatdiff.conversion.importer import import_file
from flatdiff.errors import FlatdiffError
from flatdiff.images.datasets import FOLDER
from flatdiff.images.image_set import load_images
from tests.checkpoints.test_card import place
from tests.conversion.foreign_inputs import PLACES, STATE, WRONG
from tests.conversion.test_importer import said

WITHIN_S = 10.0
MAX_SENTENCE = 1500
ONLY_OF_UPLOADS = "a folder of this machine"  # whoever is at the machine may name any
NO_NUMBER = {**STATE, "out.2.bias": STATE["out.2.bias"] * float("nan")}
SHOWN = 110


@dataclass(frozen=True)
class Input:
    """What somebody hands over.

    Attributes:
        make: it, at a path of this name; returns where it is.
        word: a pattern in the answer; "" where it is taken, and the banner on its page speaks.
        changes: of what is said of a file of weights.
        is_data: whether it is images rather than weights.
        is_led_out: whether a folder of checkpoints is a link to elsewhere.
    """

    make: Callable[[Path], Path]
    word: str
    changes: dict[str, Any] = field(default_factory=dict)
    is_data: bool = False
    is_led_out: bool = False


def foreign(only: str = "", within_s: float = WITHIN_S) -> int:
    """Hand over every bad input there is, and print what was answered.

    Args:
        only: inputs whose name has this in it.
        within_s: that a refusal may take; a process of its own takes seconds to begin, and longer
            where others compute.
    """
    chosen = {name: one for name, one in inputs().items() if only in name}
    broken, slowest = 0, 0.0
    for name, one in chosen.items():
        answer, faults, seconds = answered(one, within_s)
        slowest = max(slowest, seconds)
        print(f"{name:36} {answer[:SHOWN]}", *(f"\n  BROKEN: {f}" for f in faults), flush=True)
        broken += bool(faults)
    print(
        f"{len(chosen)} bad inputs: {len(chosen) - broken} answered in a sentence with nothing "
        f"left behind, the slowest within {slowest:.1f} s; {broken} not"
    )
    return int(broken > 0)


def inputs() -> dict[str, Input]:
    """Of weights and of images, by name."""
    contents = {
        name: Input(lambda path, make=make: written(path, make()), word, changes)
        for name, (make, changes, word) in WRONG.items()
        if name != ONLY_OF_UPLOADS
    }
    places = {name: Input(make, word) for name, (make, word) in PLACES.items()}
    return {
        **contents,
        **places,
        "a folder that leads out": Input(
            lambda path: written(path, save(STATE)), "not a name inside", is_led_out=True
        ),
        "weights that are NaN": Input(lambda path: written(path, save(NO_NUMBER)), ""),
        **{f"images: {name}": Input(make, word, is_data=True) for name, (make, word) in DATA},
    }


def answered(one: Input, within_s: float = WITHIN_S) -> tuple[str, list[str], float]:
    """The answer, what is wrong with it or with what it left behind, and the seconds it took."""
    with tempfile.TemporaryDirectory() as name:
        root, outside = Path(name) / "root", Path(name) / "outside"
        place(root, family="theirs", name="old")
        outside.mkdir()
        if one.is_led_out:
            (root / "led").symlink_to(outside)
        path = one.make(Path(name) / "their.pt")
        before, begin = everything(Path(name)), time.monotonic()
        try:
            answer, faults = handed_over(root, path, one), []
            if one.word:
                faults = ["it was taken"]
        except FlatdiffError as error:
            answer = str(error)
            faults = wrong_with(answer, one.word)
        except Exception as error:
            answer, faults = repr(error), ["it is no error of flatdiff's"]
        seconds = time.monotonic() - begin
        # What is taken is diagnosed as well, which has a limit of its own.
        faults += [f"it took {seconds:.0f} s"] if one.word and seconds > within_s else []
        left = [] if answer.startswith("taken") else sorted(everything(Path(name)) - before)
    return answer, [*faults, *(f"it left {there}" for there in left)], seconds


def everything(folder: Path) -> set[str]:
    """Names of all that is there, links not followed."""
    return {
        str((Path(parent) / name).relative_to(folder))
        for parent, folders, files in os.walk(folder)
        for name in (*folders, *files)
    }


def handed_over(root: Path, path: Path, one: Input) -> str:
    """As `flatdiff import` does it, or as whatever measures on images of a folder."""
    if one.is_data:
        images = load_images(f"{FOLDER}{path}", "train", 8, 1)
        return f"taken: {len(images)} images"
    changes = {"id": "led/new"} if one.is_led_out else one.changes
    (card,) = import_file(root, path, said(**changes))
    return f"taken: {card.num_non_finite} of {card.num_parameters} weights are no numbers"


def wrong_with(answer: str, word: str) -> list[str]:
    """What keeps it from being a sentence for a person."""
    checks = {
        "it does not say why": re.search(word, answer),
        "it has several lines": "\n" not in answer,
        "it is endless": len(answer) <= MAX_SENTENCE,
        "it advises to trust the file": "weights_only=False" not in answer,
    }
    return [fault for fault, holds in checks.items() if not holds]


def written(path: Path, content: bytes) -> Path:
    """A file."""
    path.write_bytes(content)
    return path


def pictures(path: Path, count: int, broken: int = 0) -> Path:
    """A folder of so many images, and so many files that are called so."""
    path.mkdir()
    noise = np.random.default_rng(0)
    for number in range(count):
        Image.fromarray(noise.integers(256, size=(8, 8), dtype=np.uint8)).save(
            path / f"{number}.png"
        )
    for number in range(broken):
        (path / f"broken{number}.png").write_bytes(b"\x89PNG no more")
    return path


def inflated(path: Path) -> Path:
    """A zip of images each of which becomes 100 MB."""
    with warnings.catch_warnings(action="ignore"), zipfile.ZipFile(path, "w") as archive:
        for number in range(3):
            archive.writestr(f"{number}.png", bytes(100 << 20), zipfile.ZIP_DEFLATED)
    return path


DATA: list[tuple[str, tuple[Callable[[Path], Path], str]]] = [
    ("nothing", (lambda path: path, "neither a folder nor a zip|not there|No such")),
    ("an empty folder", (lambda path: pictures(path, 0), "has no images")),
    ("broken ones", (lambda path: pictures(path, 20, 20), "more than one in ten")),
    ("a web page", (lambda path: written(path, b"<html>gone</html>"), "neither a folder nor")),
    ("an empty file", (lambda path: written(path, b""), "neither a folder nor")),
    ("a cut zip", (lambda path: written(path, b"PK\3\4" + bytes(99)), "neither a folder nor")),
    ("a zip bomb", (inflated, "cannot be read, more than one in ten")),
    ("a pipe", (PLACES["a pipe"][0], "neither a folder nor a zip")),
    ("a link to itself", (PLACES["a link to itself"][0], "neither|symbolic|cannot be")),
]
