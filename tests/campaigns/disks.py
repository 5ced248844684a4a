"""The commands meet disks that are full, nearly full, or can only be read.

Each ends well or in a sentence, leaves no half-written file, loses nothing that was there, and
does its work in the same folder as soon as there is room.
"""

import contextlib
import dataclasses
import hashlib
import os
import shlex
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

from flatdiff.checkpoints.card import WEIGHTS_FILE, Card, list_cards
from flatdiff.engine.store import DONE, Store
from flatdiff.system.files import PROJECT_ROOT
from tests.campaigns.kills import content
from tests.campaigns.walk import TEMPORARY
from tests.conftest import write_tiny_checkpoint
from tests.disks import MOUNTABLE, NOT_MOUNTABLE, fill, make_read_only, make_writable, small_disk

SIZE = "80m"  # a training state takes 17, beside the one that it replaces; checkpoints take 10
FREE_KIB = (0, 8, 64, 512, 4096, 24576)
TIMEOUT_S = 300.0
# In the disk's folder; {theirs} lies elsewhere.
COMMANDS = {
    "train": "train --method sam --steps 4 --batch-size 2 --swa-start-step 2 --swa-every-steps 1"
    " --precision float32 --num-threads 1 --save-every-steps 2 --out checkpoints/family",
    "import": "import {theirs} --name theirs/net --flags '--image_size 8' --dataset digits"
    " --method adm",
    "quantize": "quantize --checkpoint tiny/adm --out small.safetensors",
    "measure": "measure lpf --checkpoint tiny/adm --num-perturbations 4 --out lpf.json",
}
Done = subprocess.CompletedProcess[str]


@dataclasses.dataclass
class Counts:
    """What came of all commands."""

    commands: int = 0  # on a disk with too little room, or that can only be read
    done: int = 0
    refused: int = 0  # in a sentence
    untold: int = 0  # ended in a traceback, by a signal or without a word
    lost: int = 0  # files that were there before and are not the same
    torn: int = 0  # files that a command left half-written
    stuck: int = 0  # commands that did not do their work when there was room

    @property
    def clean(self) -> bool:
        """All that is promised."""
        return self.untold + self.lost + self.torn + self.stuck == 0


def disks(commands: str = " ".join(COMMANDS), free_kib: tuple[int, ...] = FREE_KIB) -> int:
    """Run each command with each room, and on a disk that can only be read.

    Args:
        commands: train, import, quantize, measure.
        free_kib: what is left on the disk before the command.
    """
    if not MOUNTABLE:
        print(NOT_MOUNTABLE)
        return 1
    counts = Counts()
    with tempfile.TemporaryDirectory(prefix="flatdiff-disks-") as folder:
        theirs = Path(folder) / "theirs"
        write_tiny_checkpoint(theirs, "net", 3)
        for name in commands.split():
            words = COMMANDS[name].format(theirs=theirs / "tiny" / "net" / WEIGHTS_FILE)
            for free in (*free_kib, None):
                with prepared(Path(folder) / "disk") as disk:
                    done = tried(disk, shlex.split(words), free, counts)
                room = "read only" if free is None else f"{free} KiB free"
                print(f"{name}, {room}: {done.returncode} {last_line(done)[:200]}", flush=True)
    sys.stdout.write(f"disks: {counts}\n")
    return 0 if counts.clean else 1


@contextlib.contextmanager
def prepared(place: Path) -> Iterator[Path]:
    """A disk with a checkpoint, and a store that a command has written to."""
    place.mkdir(exist_ok=True)
    with small_disk(place, SIZE) as disk:
        write_tiny_checkpoint(disk / "checkpoints", "adm", 0)
        stored = run(disk, [*COMMANDS["measure"].split()[:-1], "before.json"])
        assert stored.returncode == 0, stored.stderr
        yield disk


def tried(disk: Path, words: list[str], free_kib: int | None, counts: Counts) -> Done:
    """One command with little room, and again with enough."""
    before = digests(disk)
    if free_kib is None:
        make_read_only(disk)
        done = run(disk, words)
        make_writable(disk)
    else:
        filler = fill(disk, free_kib * 1024)
        done = run(disk, words)
        filler.unlink()
    counts.commands += 1
    counts.done += done.returncode == 0
    counts.refused += refused(done)
    counts.untold += done.returncode != 0 and not refused(done)
    after = digests(disk)
    counts.lost += sum(after.get(name) != digest for name, digest in before.items())
    counts.torn += len(torn(disk))
    if free_kib is not None and done.returncode:
        resume = ["--resume"] if list(disk.rglob("state.safetensors")) else []
        counts.stuck += run(disk, [*words, *resume]).returncode != 0
        counts.torn += len(torn(disk))
    return done


def run(disk: Path, words: list[str]) -> Done:
    """`flatdiff ...` with all that it writes on the disk."""
    return subprocess.run(
        [sys.executable, "-m", "flatdiff", *words],
        cwd=disk,
        env={
            **os.environ,
            "PYTHONPATH": str(PROJECT_ROOT),
            "FLATDIFF_HOME": str(disk / "home"),
            "FLATDIFF_CHECKPOINTS": str(disk / "checkpoints"),
            "FLATDIFF_WORKERS": "1",
            "OMP_NUM_THREADS": "1",
            "TMPDIR": str(disk),
        },
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
        check=False,
    )


def last_line(done: Done) -> str:
    """Of what it said."""
    return ((done.stderr or done.stdout).strip().splitlines() or [""])[-1]


def refused(done: Done) -> bool:
    """Whether it ended by itself, and said why in a sentence."""
    said = "Traceback" not in done.stderr and len(last_line(done).split()) > 3
    return done.returncode in (1, 2) and said


def digests(disk: Path) -> dict[str, str]:
    """SHA-256 of what was saved: files by path, and results of the store by key."""
    saved = [disk / "before.json", *(disk / "checkpoints" / "tiny").rglob("*")]
    contents = {str(path): path.read_bytes() for path in saved if path.is_file()}
    with closing(Store(disk / "home" / "results.sqlite")) as store:
        for job in store.jobs((DONE,)):
            contents[job.key] = repr(sorted(content(store, job.request).items())).encode()
    return {name: hashlib.sha256(data).hexdigest() for name, data in contents.items()}


def torn(disk: Path) -> list[str]:
    """Files that are no whole ones: temporary, or of a checkpoint that cannot be read."""
    names = [path.name for path in disk.rglob("*") if path.is_file()]
    temporary = [name for name in names if TEMPORARY.search(name)]
    cards = list_cards(disk / "checkpoints")
    return [*temporary, *(str(card) for card in cards if not isinstance(card, Card))]
