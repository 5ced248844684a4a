"""Worker, scheduler or nanny are stopped (SIGSTOP) in a job, for a while or for good.

The job must end: done with the numbers of an undisturbed run, or failed with a sentence. Cancel
and Ctrl-C are answered meanwhile.
"""

import dataclasses
import random
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil

from flatdiff.engine.store import ACTIVE, CANCELLED, DONE, FAILED, Job, Store
from flatdiff.measures.request import Request, make_request
from flatdiff.measures.surface import SurfaceSettings
from tests.campaigns.kills import PANEL, content, num_doubled
from tests.campaigns.programs import STARTS, Program, ended, reached, undisturbed
from tests.campaigns.walk import outlived
from tests.commands.test_interrupt import interrupted, measure
from tests.conftest import write_tiny_checkpoint
from tests.machines import until
from tests.processes import nannies_of, schedulers_of, workers_of

ROLES: dict[str, Callable[[psutil.Process], list[psutil.Process]]] = {
    "worker": workers_of,
    "scheduler": schedulers_of,
    "nanny": nannies_of,
}
CANCELLED_WITHIN_S = 1.0
INTERRUPTED_WITHIN_S = 10.0


@dataclasses.dataclass
class Counts:
    """What all pauses left behind."""

    pauses: int = 0
    done: int = 0
    failed: int = 0  # with a sentence
    cancelled: int = 0
    unended: int = 0  # within the time
    different: int = 0  # results with an item that is not that of the undisturbed run
    doubled: int = 0  # items that lie in two tiles
    slowest_s: float = 0.0  # from the pause to the job's end
    slowest_cancel_s: float = 0.0
    slowest_ctrl_c_s: float = 0.0
    left: int = 0  # processes of programs that were ended

    @property
    def clean(self) -> bool:
        """All that is promised."""
        bad = self.unended + self.different + self.doubled + self.left
        soon = self.slowest_cancel_s <= CANCELLED_WITHIN_S
        return bad == 0 and soon and self.slowest_ctrl_c_s <= INTERRUPTED_WITHIN_S


def pauses(
    rounds: int = 5,
    pause_s: float = 8.0,
    programs: str = "engine server command",
    roles: str = "worker scheduler nanny",
    resolution: int = 31,
    num_workers: int = 2,
    seed: int = 0,
) -> int:
    """Stop processes of a cluster while it computes.

    Args:
        rounds: of all pauses: each role for a while, for good, and for good with a cancel.
        pause_s: of those that go on.
        programs: an engine in this process, a server, and the command line with Ctrl-C.
        roles: which processes are stopped.
        resolution: of the surface that is computed, points a side.
        num_workers: of each program.
        seed: of the moments.
    """
    counts, draw = Counts(), random.Random(seed)
    with tempfile.TemporaryDirectory(prefix="flatdiff-pauses-") as folder:
        place, root = Path(folder), Path(folder) / "checkpoints"
        card = write_tiny_checkpoint(root, "adm", 0)
        request = make_request("surface", card, SurfaceSettings(resolution=resolution), PANEL)
        (calm,) = undisturbed(place, root, [request], num_workers)
        for name in programs.split():
            if name == "command":
                interrupts(place, root, roles.split(), counts)
                continue
            with STARTS[name](place / name, root, num_workers) as program:
                for _ in range(rounds):
                    for role in roles.split():
                        tried(program, request, calm, role, pause_s, draw, counts)
    sys.stdout.write(f"pauses: {counts}\n")
    return 0 if counts.clean else 1


def tried(
    program: Program,
    request: Request,
    calm: dict[int, bytes],
    role: str,
    pause_s: float,
    draw: random.Random,
    counts: Counts,
) -> None:
    """One role stopped for a while, for good, and for good with a cancel."""
    for resumed_after, cancelled in ((pause_s, False), (None, False), (None, True)):
        program.store.delete([request.key])
        program.store.submit(request)
        reached(program, request, draw.randrange(1, len(request.items) // 2))
        with stopped(program.process, role, resumed_after):
            began = time.monotonic()
            if cancelled:
                program.cancel(request)
            job = ended(program.store, request)
            seconds = time.monotonic() - began
        noted(counts, job, seconds, program.store, request, calm)
        how = f"{resumed_after:g} s" if resumed_after else "for good"
        print(f"{role}, {how}: {job.state} after {seconds:.1f} s", job.error or "", flush=True)


@contextmanager
def stopped(program: psutil.Process, role: str, resumed_after_s: float | None) -> Iterator[None]:
    """One process of the program, for a while, or for as long as the block takes."""
    until(lambda: bool(ROLES[role](program)), role)
    process = ROLES[role](program)[0]
    process.suspend()
    if resumed_after_s is not None:
        time.sleep(resumed_after_s)
        process.resume()
    try:
        yield
    finally:
        with suppress(psutil.Error):  # it was given up, and another one is there
            process.resume()


def noted(
    counts: Counts,
    job: Job,
    seconds: float,
    store: Store,
    request: Request,
    calm: dict[int, bytes],
) -> None:
    """What came of one pause."""
    counts.pauses += 1
    counts.done += job.state == DONE
    counts.cancelled += job.state == CANCELLED
    counts.failed += job.state == FAILED and bool(job.error)
    counts.unended += job.state in ACTIVE
    found = content(store, request)
    whole = job.state != DONE or found.keys() == calm.keys()
    counts.different += not (whole and found.items() <= calm.items())
    counts.doubled += num_doubled(store, request)
    if job.state == CANCELLED:
        counts.slowest_cancel_s = max(counts.slowest_cancel_s, round(seconds, 2))
    else:
        counts.slowest_s = max(counts.slowest_s, round(seconds, 1))


def interrupts(place: Path, root: Path, roles: list[str], counts: Counts) -> None:
    """Ctrl-C at `flatdiff measure` while one of its processes is stopped for good."""
    for role in roles:
        home = place / f"command-{role}"
        home.mkdir()
        with measure(home, root) as process:
            program = psutil.Process(process.pid)
            until(lambda program=program: bool(workers_of(program)), "a worker")
            time.sleep(3)  # until it computes
            family = program.children(recursive=True)
            with stopped(program, role, None):
                seconds, code, said = interrupted(process)
                assert (code, said.strip()) == (130, "stopped"), said
                counts.left += len(outlived(family))
        counts.pauses += 1
        counts.slowest_ctrl_c_s = max(counts.slowest_ctrl_c_s, round(seconds, 1))
