"""One byte of a file is changed: whoever reads it must notice, or read what was written."""

import dataclasses
import random
import shutil
import tempfile
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from flatdiff.checkpoints.card import CARD_FILE, WEIGHTS_FILE, read_card
from flatdiff.checkpoints.tensors import read_tensors
from flatdiff.engine.bundle import copy_results, export_bundle, open_store
from flatdiff.engine.store import DONE, Store
from flatdiff.errors import FlatdiffError
from flatdiff.landscape.panel import Panel
from flatdiff.measures.lpf import LpfSettings
from flatdiff.measures.request import Request, make_request
from flatdiff.training.loop import new_state, tensors_of
from flatdiff.training.run import Run, execute, load_state
from tests.conftest import write_tiny_checkpoint
from tests.tiny import CPU, tiny_recipe

NOTICED, SAME, WRONG = "noticed", "read as written", "wrong"


@dataclass(frozen=True)
class Specimen:
    """A whole file of ours in a folder, and how the product reads it.

    Attributes:
        name: of the kind of file.
        folder: that everything it needs lies in.
        file: the one to damage, relative to the folder.
        read: from a copy of the folder; what is read can be compared, and errors are ours.
    """

    name: str
    folder: Path
    file: str
    read: Callable[[Path], Any]


def corruptions(count: int = 500, seed: int = 0) -> int:
    """Change one byte of weights, cards, training states, stores and bundles, and read them.

    Args:
        count: corruptions in all, the kinds of file by turns.
        seed: of where and to what.
    """
    draw = random.Random(seed)
    with tempfile.TemporaryDirectory() as place:
        specimens = [make(Path(place)) for make in (weights, card, state, store, bundle)]
        outcomes = {specimen.name: Counter[str]() for specimen in specimens}
        written = [specimen.read(copied(specimen)) for specimen in specimens]
        for number in range(count):
            which = number % len(specimens)
            outcome = tried(specimens[which], written[which], draw)
            outcomes[specimens[which].name][outcome] += 1
    for name, outcome in outcomes.items():
        print(f"{name}: {', '.join(f'{n} {what}' for what, n in sorted(outcome.items()))}")
    total = sum(outcomes.values(), Counter())
    print(
        f"{count} corruptions of one byte: {total[NOTICED]} noticed, {total[SAME]} in bytes that "
        f"say nothing, {total[WRONG]} read as something else"
    )
    return int(total[WRONG] > 0)


def copied(specimen: Specimen) -> Path:
    """A fresh copy of its folder; there is one at a time."""
    copy = specimen.folder.with_name("copy")
    shutil.rmtree(copy, ignore_errors=True)
    return Path(shutil.copytree(specimen.folder, copy))


def tried(specimen: Specimen, written: Any, draw: random.Random) -> str:
    """What comes of one byte; an error that is not ours ends the campaign."""
    copy = copied(specimen)
    content = bytearray((copy / specimen.file).read_bytes())
    # One bit of it or several: a flipped bit makes of most digits another digit.
    changed = draw.choice([1 << draw.randrange(8), draw.randrange(1, 256)])
    content[draw.randrange(len(content))] ^= changed
    (copy / specimen.file).write_bytes(content)
    try:
        read = specimen.read(copy)
    except FlatdiffError:
        return NOTICED
    return SAME if same(read, written) else WRONG


def same(a: Any, b: Any) -> bool:
    """Of nested tables of arrays and values."""
    if isinstance(a, dict):
        return isinstance(b, dict) and a.keys() == b.keys() and all(same(a[k], b[k]) for k in a)
    if isinstance(a, np.ndarray):
        return np.array_equal(a, b, equal_nan=True)
    return a == b


def weights(place: Path) -> Specimen:
    """A checkpoint's tensors, by the digest on its card."""
    root = place / "weights"
    write_tiny_checkpoint(root, "adm", 0)
    return Specimen(
        "weights",
        root,
        f"tiny/adm/{WEIGHTS_FILE}",
        lambda copy: read_tensors(copy, read_card(copy, "tiny/adm")),
    )


def card(place: Path) -> Specimen:
    """The same checkpoint's card."""
    root = place / "card"
    write_tiny_checkpoint(root, "adm", 0)
    return Specimen(
        "card", root, f"tiny/adm/{CARD_FILE}", lambda copy: read_card(copy, "tiny/adm")
    )


def state(place: Path) -> Specimen:
    """What a training run goes on from."""
    folder = place / "state"
    run = Run(recipe=tiny_recipe(steps=3), out=folder / "digits", device=CPU)
    list(execute(run, resume=False))

    def read(copy: Path) -> dict[str, Any]:
        fresh = new_state(run.recipe, CPU)
        there = Run(recipe=run.recipe, out=copy / "digits", device=CPU)
        history = load_state(there, fresh)
        tensors = {name: tensor.numpy() for name, tensor in tensors_of(fresh).items()}
        return {"step": fresh.step, "history": history, **tensors}

    return Specimen(
        "training state", place / "state", str(run.state_file.relative_to(place / "state")), read
    )


def filled(root: Path, path: Path) -> Request:
    """A store of one finished measurement in three tiles; its numbers are random."""
    request = make_request(
        "lpf",
        write_tiny_checkpoint(root, "adm", 0),
        LpfSettings(num_perturbations=6),
        Panel(size=8),
    )
    kept = Store(path)
    kept.submit(request)
    numbers = np.random.default_rng(0)
    for first in range(0, len(request.first_plan), 3):
        items = request.first_plan[first : first + 3]
        arrays = [{"losses": numbers.normal(size=2000).astype(np.float32)} for _ in items]
        kept.put_tile(request.key, first, arrays, 0.5, "{}")
    kept.finish(request.key, DONE)
    kept.database.compact()
    kept.close()
    return request


def results(kept: Store, request: Request) -> dict[Any, Any]:
    """Of a store that was opened; what was dropped is to be computed again, and so was noticed."""
    try:
        job = kept.job(request.key)
        done = kept.items_done(request.key)
        if job is None or job.state != DONE or len(done) < len(request.first_plan):
            raise FlatdiffError("some of it was dropped")
        if job.environment is None or not job.readable:
            raise FlatdiffError("how it ran is not told, as its record has changed")
        return {"job": dataclasses.replace(job, position=0, created_at=0), **done}
    finally:
        kept.close()


def store(place: Path) -> Specimen:
    """The results of one person."""
    request = filled(place / "root", place / "store" / "results.sqlite")
    return Specimen(
        "store",
        place / "store",
        "results.sqlite",
        lambda copy: results(open_store(copy / "results.sqlite"), request),
    )


def bundle(place: Path) -> Specimen:
    """The results that ship, taken over into an empty store."""
    request = filled(place / "root", place / "for-bundle" / "results.sqlite")
    source = Store(place / "for-bundle" / "results.sqlite")
    (place / "bundle").mkdir()
    export_bundle(source, [request.key], place / "bundle" / "bundle.sqlite")
    source.close()

    def read(copy: Path) -> dict[Any, Any]:
        with tempfile.TemporaryDirectory() as home:
            kept = Store(Path(home) / "results.sqlite")
            try:
                copy_results(copy / "bundle.sqlite", kept, immutable=True)
            except FlatdiffError:
                kept.close()
                raise
            return results(kept, request)

    return Specimen("bundle", place / "bundle", "bundle.sqlite", read)
