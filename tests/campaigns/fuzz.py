"""Changed bytes go through every parser: out comes a value or a sentence, soon and in little room.

What is read in this process is bounded by the clock and by the memory that it takes; what a child
reads is bounded by the child's own limits, and has a longer time, as a process takes seconds.
"""

import contextlib
import hashlib
import random
import resource
import signal
import sys
import tempfile
import time
import traceback
import warnings
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from flatdiff.errors import FlatdiffError
from tests.campaigns.image_parsers import image_parsers
from tests.campaigns.mutation import mutated
from tests.campaigns.parser import Desk, Parser
from tests.campaigns.record_parsers import record_parsers
from tests.campaigns.weights_parsers import weights_parsers

PATIENCE = 3  # times the allowed seconds, after which an input is given up
VALUE, REFUSED, LATE, LARGE = "read", "refused", "late", "large"
MEMORY = Path("/proc/self/status")  # of Linux
FORGET_PEAK = Path("/proc/self/clear_refs"), "5"


class TooLate(BaseException):
    """No parser catches it."""


@dataclass
class Outcome:
    """Of one parser."""

    counts: Counter[str] = field(default_factory=Counter)
    broken: dict[str, bytes] = field(default_factory=dict)  # an input by what came of it
    slowest_s: float = 0.0
    largest_mb: float = 0.0

    def figures(self) -> str:
        """In one line."""
        counts = ", ".join(f"{n:,} {what}" for what, n in sorted(self.counts.items()))
        total = self.counts.total()
        return (
            f"{total:,} inputs: {counts}; at most {self.slowest_s:.2f} s and "
            f"{self.largest_mb:.0f} MB"
        )


def fuzz(seconds: float = 600, seed: int = 0, only: str = "", keep: Path | None = None) -> int:
    """Change valid bytes of every format, and read them.

    Args:
        seconds: for each parser.
        seed: of all changes.
        only: parsers whose name has this in it.
        keep: a folder for inputs that broke a promise, one for each kind of break.
    """
    broken = 0
    with tempfile.TemporaryDirectory() as folder:
        for parser in parsers(Path(folder)):
            if only not in parser.name:
                continue
            outcome = fuzzed(parser, seconds, random.Random(f"{seed} {parser.name}"))
            print(f"{parser.name}: {outcome.figures()}", flush=True)
            for what, content in outcome.broken.items():
                print(f"  {what}: {_shown(content, keep)}", flush=True)
            broken += len(outcome.broken)
    print(f"fuzz: {broken} kinds of input broke a promise")
    return int(broken > 0)


def parsers(folder: Path) -> list[Parser]:
    """All of them; those that read files find theirs in the folder."""
    desk = Desk(folder)
    return [*record_parsers(desk), *image_parsers(desk), *weights_parsers(desk)]


def _shown(content: bytes, keep: Path | None) -> str:
    """The beginning of an input, and where all of it is."""
    if keep is None:
        return repr(content[:120])
    keep.mkdir(parents=True, exist_ok=True)
    path = keep / hashlib.sha256(content).hexdigest()[:12]
    path.write_bytes(content)
    return str(path)


def fuzzed(parser: Parser, seconds: float, draw: random.Random) -> Outcome:
    """Read changed bytes for so long; the valid ones first, which must be read."""
    outcome = Outcome()
    for content in parser.valid:
        came = tried(parser, parser.dressed(content), outcome)
        assert came == VALUE, f"{parser.name}: valid bytes were {came}"
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        content = parser.dressed(mutated(draw.choice(parser.valid), parser.valid, draw))
        came = tried(parser, content, outcome)
        outcome.counts[came.split(":")[0]] += 1
        if came not in (VALUE, REFUSED):
            outcome.broken.setdefault(came, content)
    return outcome


def tried(parser: Parser, content: bytes, outcome: Outcome) -> str:
    """What comes of one input: one of the words above, or an exception that is not ours."""
    before = forget_peak()
    begin = time.monotonic()
    try:
        with allowed(PATIENCE * parser.within_s), warnings.catch_warnings(action="ignore"):
            parser.read(content)
        came = VALUE
    except FlatdiffError:
        came = REFUSED
    except TooLate:
        came = LATE
    except Exception as error:
        came = f"{type(error).__name__}: in {_where(error)}"
    seconds, more_mb = time.monotonic() - begin, (peak_kb() - before) / 1024
    outcome.slowest_s = max(outcome.slowest_s, seconds)
    outcome.largest_mb = max(outcome.largest_mb, more_mb)
    if came in (VALUE, REFUSED) and seconds > parser.within_s:
        return LATE
    return LARGE if came in (VALUE, REFUSED) and more_mb > parser.more_mb else came


def _where(error: BaseException) -> str:
    """The last line of ours that it passed: what is mended once is one kind."""
    frames = [f for f in traceback.extract_tb(error.__traceback__) if "flatdiff" in f.filename]
    return f"{Path(frames[-1].filename).name}:{frames[-1].lineno}" if frames else "no line of ours"


@contextlib.contextmanager
def allowed(seconds: float) -> Iterator[None]:
    """Raise `TooLate` within the block after so long; in a program's first thread."""

    def late(*_: object) -> None:
        raise TooLate

    before = signal.signal(signal.SIGALRM, late)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def forget_peak() -> int:
    """Begin to look for the most memory taken; returns the kB taken now."""
    if not MEMORY.exists():
        return peak_kb()
    place, word = FORGET_PEAK
    place.write_text(word)
    return peak_kb()


def peak_kb() -> int:
    """The most that this process had since `forget_peak`; elsewhere than on Linux, ever."""
    if not MEMORY.exists():
        unit = 1024 if sys.platform == "darwin" else 1
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // unit
    line = next(line for line in MEMORY.read_text().splitlines() if line.startswith("VmHWM"))
    return int(line.split()[1])
