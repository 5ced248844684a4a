"""A program of today meets the store of a newer one, which is writing to it meanwhile.

Server and command line say so in a sentence and end; the newer store keeps every byte that the
newer program wrote, and gets no file beside it.
"""

import dataclasses
import os
import sqlite3
import subprocess
import sys
import tempfile
import time
from contextlib import closing
from pathlib import Path

from flatdiff.engine.database import STORE_VERSION
from flatdiff.system.files import PROJECT_ROOT
from tests.campaigns.programs import POLL_S
from tests.conftest import write_tiny_checkpoint

PROGRAMS = (
    "streamlit run app.py --server.headless true --server.port 0",
    "flatdiff measure lpf --checkpoint tiny/adm --out never.json",
    "flatdiff report --checkpoint tiny/adm --out never.html",
)
REFUSED_WITHIN_S = 120.0
SENTENCE = f"has store version {STORE_VERSION + 1}"
Process = subprocess.Popen[str]


@dataclasses.dataclass
class Counts:
    """What came of it."""

    programs: int = 0
    untold: int = 0  # that did not end with a sentence
    touched: int = 0  # newer stores that are not what the newer program wrote
    slowest_s: float = 0.0  # until a program had ended

    @property
    def clean(self) -> bool:
        """All that is promised."""
        return self.untold + self.touched == 0


def versions(rounds: int = 3) -> int:
    """Start today's programs while a newer one writes.

    Args:
        rounds: each with a store that keeps a journal, and with one that writes ahead.
    """
    counts = Counts()
    with tempfile.TemporaryDirectory(prefix="flatdiff-versions-") as folder:
        write_tiny_checkpoint(Path(folder) / "checkpoints", "adm", 0)
        for number in range(rounds):
            for journal in ("delete", "wal"):
                home = Path(folder) / f"{journal}-{number}"
                home.mkdir()
                met(home, Path(folder) / "checkpoints", journal, counts)
    sys.stdout.write(f"versions: {counts}\n")
    return 0 if counts.clean else 1


def met(home: Path, root: Path, journal: str, counts: Counts) -> None:
    """All programs at once on one store."""
    path = home / "results.sqlite"
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        db.execute(f"PRAGMA journal_mode = {journal}")
        db.execute("CREATE TABLE jobs (key TEXT, more TEXT)")
        db.execute(f"PRAGMA user_version = {STORE_VERSION + 1}")
        began = time.monotonic()
        programs = [start(words, home, root) for words in PROGRAMS]
        num_rows = written_until_ended(db, programs)
        counts.slowest_s = max(counts.slowest_s, round(time.monotonic() - began, 1))
        counts.programs += len(programs)
        counts.untold += sum(not told(program) for program in programs)
        (mode,) = db.execute("PRAGMA journal_mode").fetchone()
        rows = db.execute("SELECT key FROM jobs ORDER BY rowid").fetchall()
        counts.touched += mode != journal or rows != [(str(n),) for n in range(num_rows)]
    counts.touched += [file.name for file in home.iterdir()] != [path.name]


def start(words: str, home: Path, root: Path) -> Process:
    """One of today's programs, on the newer one's home."""
    environment = {"FLATDIFF_HOME": str(home), "FLATDIFF_CHECKPOINTS": str(root)}
    return subprocess.Popen(
        [sys.executable, "-m", *words.split()],
        cwd=PROJECT_ROOT,
        env=os.environ | environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )


def written_until_ended(db: sqlite3.Connection, programs: list[Process]) -> int:
    """The newer program's work meanwhile; returns how many rows it wrote."""
    num_rows, deadline = 0, time.monotonic() + REFUSED_WITHIN_S
    while any(program.poll() is None for program in programs) and time.monotonic() < deadline:
        db.execute("INSERT INTO jobs VALUES (?, '')", (str(num_rows),))
        num_rows += 1
        time.sleep(POLL_S)
    return num_rows


def told(program: Process) -> bool:
    """Whether it ended, and said why in a sentence."""
    ended = program.poll() is not None
    program.kill()
    _, said = program.communicate()
    return ended and program.returncode != 0 and SENTENCE in said and "Traceback" not in said
