"""Two servers and two command lines ask for one surface on one home, and one of them is killed.

It is computed once, by one program at a time; all get equal bytes, and nobody waits for ever.
"""

import asyncio
import dataclasses
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path

from benchmarks.first_page import start_server
from benchmarks.visitors import Log
from flatdiff.checkpoints.card import Card
from flatdiff.engine.store import ACTIVE, DONE, Store
from flatdiff.landscape.panel import Panel
from flatdiff.measures.request import Request, make_request
from flatdiff.measures.surface import SurfaceSettings
from flatdiff.system.files import PROJECT_ROOT
from tests.campaigns.cold import visit
from tests.campaigns.kills import content, num_doubled
from tests.campaigns.programs import ENDS_WITHIN_S, POLL_S, undisturbed
from tests.conftest import write_tiny_checkpoint

Process = subprocess.Popen[str]


@dataclasses.dataclass
class Counts:
    """What came of all surfaces."""

    surfaces: int = 0
    kills: int = 0  # of the program that computed
    answers: int = 0  # files that command lines wrote
    unended: int = 0  # surfaces, and command lines that were not killed and wrote no file
    different: int = 0  # surfaces that are not those of an undisturbed run, or files that differ
    doubled: int = 0  # items that lie in two tiles
    twice: int = 0  # surfaces that were two jobs, or were computed by more than who was killed
    shown: int = 0  # errors on a page
    slowest_s: float = 0.0  # from the asking to the last answer

    @property
    def clean(self) -> bool:
        """All that is promised."""
        bad = self.unended + self.different + self.doubled + self.twice + self.shown
        return bad == 0


@dataclasses.dataclass(frozen=True)
class Home:
    """What several programs share."""

    folder: Path
    root: Path  # of the checkpoints

    @property
    def variables(self) -> dict[str, str]:
        """Of each program's environment."""
        return {
            "FLATDIFF_HOME": str(self.folder),
            "FLATDIFF_CHECKPOINTS": str(self.root),
            "FLATDIFF_WORKERS": "1",
        }


def sharing(rounds: int = 10, resolution: int = 15, kill_every: int = 2) -> int:
    """Ask for one surface after the other, by four programs at once.

    Args:
        rounds: surfaces.
        resolution: points a side.
        kill_every: in each so manieth round the program that computes is killed; 0 for never.
    """
    counts = Counts()
    with tempfile.TemporaryDirectory(prefix="flatdiff-sharing-") as folder:
        place = Path(folder)
        home = Home(place / "home", place / "checkpoints")
        requests = list(surfaces(write_tiny_checkpoint(home.root, "adm", 0), rounds, resolution))
        calm = undisturbed(place, home.root, requests, 1)
        for number, request in enumerate(requests):
            kill = kill_every > 0 and number % kill_every == 0
            with two_servers(home) as servers:
                asked(home, servers, request, calm[number], kill, counts)
            print(f"surface {number + 1}: {counts}", flush=True)
    sys.stdout.write(f"sharing: {counts}\n")
    return 0 if counts.clean else 1


def surfaces(card: Card, num: int, resolution: int) -> Iterator[Request]:
    """As a page asks for them which is given the same resolution and seed."""
    for seed in range(num):
        settings = SurfaceSettings(mode="exact", resolution=resolution, seed=seed)
        yield make_request("surface", card, settings, Panel())


@contextmanager
def two_servers(home: Home) -> Iterator[dict[str, Process]]:
    """By address; they start at once on a home which may have no store yet."""
    with ExitStack() as stack:
        servers = {}
        for _ in range(2):
            process, url = start_server(str(home.folder), **home.variables)
            stack.callback(ended, process)
            servers[url] = process
        yield servers


def ended(server: Process) -> None:
    """By force where it does not go."""
    server.terminate()
    try:
        server.wait(30)
    except subprocess.TimeoutExpired:
        server.kill()
        server.wait()


def asked(
    home: Home,
    servers: dict[str, Process],
    request: Request,
    calm: dict[int, bytes],
    kill: bool,
    counts: Counts,
) -> None:
    """One surface for all four."""
    files = [home.folder / f"{request.key[:8]}-{number}.npz" for number in range(2)]
    lines = {file: command_line(home, request, file) for file in files}
    began, log = time.monotonic(), Log()
    asyncio.run(pressed(list(servers), log, request))
    with closing(Store(home.folder / "results.sqlite")) as store:
        killed = watched(store, request, kill, counts)
        codes = {file: waited(line, began) for file, line in lines.items() if line.pid != killed}
        counts.slowest_s = max(counts.slowest_s, round(time.monotonic() - began, 1))
        written = [file for file, code in codes.items() if code == 0]
        counts.answers += len(written)
        counts.unended += len(codes) - len(written)
        counts.different += content(store, request) != calm
        counts.different += len({file.read_bytes() for file in written}) > 1
        counts.doubled += num_doubled(store, request)
        same = [job for job in store.jobs() if job.request.settings == request.settings]
        counts.twice += len(same) > 1
    counts.shown += len(log.errors)


async def pressed(urls: list[str], log: Log, request: Request) -> None:
    """Run, on every server's page; both visitors leave as soon as it is drawn."""
    settings = request.settings
    query = (
        f"checkpoints=tiny%2Fadm&mode=every+cell&resolution={settings.resolution}"
        f"&seed={settings.seed}"
    )
    await asyncio.gather(*(visit(url, log, 0, query) for url in urls))


def command_line(home: Home, request: Request, file: Path) -> Process:
    """`flatdiff measure` for the same."""
    settings = request.settings
    words = ["measure", "surface", "--checkpoint", "tiny/adm", "--mode", "exact"]
    words += ["--resolution", str(settings.resolution), "--seed", str(settings.seed)]
    return subprocess.Popen(
        [sys.executable, "-m", "flatdiff", *words, "--out", str(file)],
        cwd=PROJECT_ROOT,
        env=os.environ | home.variables,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        text=True,
    )


def watched(store: Store, request: Request, kill: bool, counts: Counts) -> int:
    """Until it is over, see who computes; returns whom it has killed, 0 for nobody."""
    owners, killed = set[str](), 0
    deadline = time.monotonic() + ENDS_WITHIN_S
    while (state := looked_at(store, request, owners)) in (*ACTIVE, None):
        if time.monotonic() > deadline:
            break
        job = store.job(request.key)
        if kill and not killed and owners and job is not None and job.num_done:
            killed = int(next(iter(owners)).partition("@")[0])
            os.kill(killed, signal.SIGKILL)
        time.sleep(POLL_S)
    counts.surfaces += 1
    counts.kills += killed != 0
    counts.unended += state != DONE
    counts.twice += len(owners) > 1 + (killed != 0)
    return killed


def looked_at(store: Store, request: Request, owners: set[str]) -> str | None:
    """The job's state; whoever computes it just now is noted."""
    rows = store.database.rows("SELECT state, owner FROM jobs WHERE key = ?", (request.key,))
    for state, owner in rows:
        if state == "running" and owner:
            owners.add(owner)
        return state
    return None


def waited(line: Process, began: float) -> int | None:
    """The exit code of a command line; None where it waits on and on."""
    try:
        return line.wait(timeout=max(1.0, began + ENDS_WITHIN_S - time.monotonic()))
    except subprocess.TimeoutExpired:
        line.kill()
        line.wait()
        return None
