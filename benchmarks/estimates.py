"""Said and taken: how well are costs foretold, on the machine as it is and beside busy programs?

    python -m benchmarks.estimates [--jobs 60] [--busy 2] [--first 18]

Random jobs of six measures (any settings, any shipped checkpoint) run one after the other, each as
a page would run it: first its cost is asked, then it is submitted and waited for. The first ones
are how a new machine learns its speeds, and are not counted. Half of the others run beside busy
processes of this program's own, which compete in sessions of their own like anybody's. Within a
factor of 1.5 is meant of the middle of the range that was said.
"""

import argparse
import contextlib
import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

from flatdiff.checkpoints.card import Card, list_cards
from flatdiff.engine.engine import Engine
from flatdiff.engine.store import Store
from flatdiff.landscape.panel import Panel
from flatdiff.measures.curvature import CurvatureSettings
from flatdiff.measures.lpf import LpfSettings
from flatdiff.measures.quantization import QuantizationSettings
from flatdiff.measures.radius import RadiusSettings, even_sizes
from flatdiff.measures.request import Request, make_request
from flatdiff.measures.samples import SamplesSettings
from flatdiff.measures.surface import SurfaceSettings
from flatdiff.system.processor import num_cores
from flatdiff.system.span import Span, in_words

FACTOR = 1.5
FORWARDS = 3_000, 30_000  # of a job, through the network of the digits; about 1 to 10 s of a core
PANELS = 16, 32, 64, 128, 256, 512, 1024
TRIES = 1_000
SETTLED_S = 15.0  # after the load has changed
BUSY = "while True: pass"

DRAWN: dict[str, Callable[[random.Random], Any]] = {
    "surface": lambda draw: SurfaceSettings(
        dimensions=draw.choice((1, 2)),
        resolution=draw.randrange(9, 33, 2),
        seed=draw.getrandbits(30),
    ),
    "lpf": lambda draw: LpfSettings(
        num_perturbations=2 * draw.randrange(8, 100), seed=draw.getrandbits(30)
    ),
    "radius": lambda draw: RadiusSettings(
        sizes=even_sizes(draw.uniform(2, 10), draw.randrange(2, 9)),
        num_directions=draw.randrange(4, 24),
        seed=draw.getrandbits(30),
    ),
    "samples": lambda draw: SamplesSettings(
        num_images=draw.randrange(8, 128), num_sampling_steps=draw.choice((20, 50, 100)),
        seed=draw.getrandbits(30),
    ),
    "quantization": lambda draw: QuantizationSettings(
        bits=(32, *sorted(draw.sample(range(2, 9), draw.randrange(4, 8)), reverse=True))
    ),
    "curvature": lambda draw: CurvatureSettings(
        num_eigenvalues=draw.randrange(1, 4), num_probes=draw.randrange(2, 8),
        num_lanczos_steps=draw.randrange(5, 20), seed=draw.getrandbits(30),
    ),
}  # fmt: skip


@dataclass(frozen=True)
class Told:
    """One job."""

    measure: str
    said: Span | None  # None: its speed was not known
    seconds: float  # taken

    @property
    def off(self) -> float | None:
        """Taken over the middle of what was said."""
        return self.seconds / self.said.middle if self.said else None

    def __str__(self) -> str:
        words = in_words(self.said) if self.said else "unknown"
        return f"{self.measure:13}{words:>16}  took {self.seconds:6.1f} s  x{self.off or 0:.2f}"


def drawn(
    draw: random.Random, cards: Sequence[Card], measure: str, forwards: Sequence[int]
) -> Request:
    """A job of a measure that is neither next to nothing nor long."""
    for _ in range(TRIES):
        panel = Panel(size=draw.choice(PANELS), seed=draw.getrandbits(30))
        request = make_request(measure, draw.choice(cards), DRAWN[measure](draw), panel)
        runs = request.runs(range(len(request.items)))
        if forwards[0] <= sum(run.image_forwards * run.count for run in runs) <= forwards[1]:
            return request
    raise ValueError(f"{measure} has no job between {forwards[0]} and {forwards[1]} forwards")


def told(engine: Engine, request: Request) -> Told:
    """Ask what it costs, run it, look at the clock."""
    said = engine.estimate([request]).seconds
    began = time.perf_counter()
    engine.submit(request).wait()
    found = Told(request.measure, said, time.perf_counter() - began)
    print(f"{found}  share {engine.cluster.share:.2f}", flush=True)
    return found


def summary(name: str, found: Sequence[Told]) -> str:
    """What became of some jobs, in a line."""
    known = [(one.said, one.off, one.seconds) for one in found if one.said and one.off]
    near = sum(1 / FACTOR <= off <= FACTOR for _, off, _ in known)
    inside = sum(said.holds(seconds) for said, _, seconds in known)
    middle = statistics.median(off for _, off, _ in known)
    wide = statistics.median(said.high / said.low for said, _, _ in known)
    return (
        f"{name}: {len(known)} of {len(found)} foretold; within a factor of {FACTOR:g}: "
        f"{near / len(known):.0%}; inside the range: {inside / len(known):.0%} "
        f"(which is a factor of {wide:.1f} wide); taken / said {middle:.2f}; "
        f"{min(one.seconds for one in found):.1f} to {max(one.seconds for one in found):.1f} s"
    )


@contextlib.contextmanager
def busy(number: int) -> Iterator[None]:
    """Beside so many programs that take all they get."""
    command = [sys.executable, "-c", BUSY]
    running = [subprocess.Popen(command, start_new_session=True) for _ in range(number)]
    try:
        time.sleep(SETTLED_S)
        yield
    finally:
        for process in running:
            process.kill()
            process.wait()


def arguments() -> argparse.Namespace:
    """From the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--jobs", type=int, default=60)
    parser.add_argument("--busy", type=int, default=num_cores())
    parser.add_argument("--first", type=int, default=3 * len(DRAWN))
    parser.add_argument("--forwards", type=int, nargs=2, default=FORWARDS)
    parser.add_argument("--seed", type=int, default=0)
    return parser.parse_args()


def main() -> None:
    """Learn, then compare, then the same beside busy processes."""
    chosen = arguments()
    draw = random.Random(chosen.seed)
    with tempfile.TemporaryDirectory() as home:
        engine = Engine(store=Store(Path(home) / "results.sqlite"), adopt=True)
        with engine:
            cards = [card for card in list_cards(engine.root) if isinstance(card, Card)]

            def run(number: int) -> list[Told]:
                measures = [list(DRAWN)[k % len(DRAWN)] for k in range(number)]
                draw.shuffle(measures)
                jobs = (drawn(draw, cards, measure, chosen.forwards) for measure in measures)
                return [told(engine, job) for job in jobs]

            run(chosen.first)
            print(f"load {psutil.getloadavg()[0]:.1f} on {num_cores()} cores")
            quiet = run(chosen.jobs // 2)
            with busy(chosen.busy):
                loaded = run(chosen.jobs - chosen.jobs // 2)
            print(f"load {psutil.getloadavg()[0]:.1f} on {num_cores()} cores")
    print(summary("as the machine is", quiet))
    print(summary(f"beside {chosen.busy} busy processes", loaded))
    print(summary("both", [*quiet, *loaded]))


if __name__ == "__main__":
    main()
