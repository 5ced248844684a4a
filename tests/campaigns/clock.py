"""The wall clock of a server jumps while it computes: jobs end, in order, and no page minds.

A shim (`LD_PRELOAD`) answers for the wall clock and leaves the monotonic one alone; libfaketime
0.9.10 does not, though told to: every `time.sleep` of Python's then raises. This program, which
shares the store with the server, keeps the right time.
"""

import re
import shutil
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from playwright.sync_api import Page

from flatdiff.engine.progress import progress_of
from flatdiff.engine.speed.forecast import Machine
from flatdiff.engine.store import ACTIVE, DONE, Store
from flatdiff.measures.request import Request, make_request
from flatdiff.measures.surface import SurfaceSettings
from flatdiff.system.locks import is_alive
from tests.campaigns.kills import PANEL, content
from tests.campaigns.programs import Program, ended, reached, server, undisturbed
from tests.campaigns.store_faults import built
from tests.campaigns.walk import browser, in_log, open_page
from tests.conftest import write_tiny_checkpoint

MOMENT_S = 600.0
UNITS_S = {"h": 3600, "d": 86_400, "y": 31_557_600}
JUMPS = ("+2h", "-2h", "+400d", "-18y", "+60y", "-60y", "0h")

PAGES = ("activity", "surface?checkpoints=tiny%2Fadm", "train", "flatness?checkpoints=tiny%2Fadm")
NEGATIVE = re.compile(r"[-\u2212]\d[\d.,]*\s?(s|min|h|d|days|seconds|minutes|hours)\b")

SHIM = """
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>
static volatile int64_t *ahead;
__attribute__((constructor)) static void begin(void) {
    int file = open(getenv("CLOCK_AHEAD"), O_RDONLY);
    void *page = mmap(0, sizeof *ahead, PROT_READ, MAP_SHARED, file, 0);
    close(file);
    if (page == MAP_FAILED) abort();
    ahead = page;
}
int clock_gettime(clockid_t id, struct timespec *now) {
    static int (*real)(clockid_t, struct timespec *);
    if (!real) real = (__typeof__(real))dlsym(RTLD_NEXT, "clock_gettime");
    int code = real(id, now);
    if (!code && ahead && (id == CLOCK_REALTIME || id == CLOCK_REALTIME_COARSE))
        now->tv_sec += *ahead;
    return code;
}
int gettimeofday(struct timeval *now, void *zone) {
    struct timespec exact;
    int code = clock_gettime(CLOCK_REALTIME, &exact);
    now->tv_sec = exact.tv_sec; now->tv_usec = exact.tv_nsec / 1000;
    return code;
}
time_t time(time_t *now) {
    struct timespec exact;
    clock_gettime(CLOCK_REALTIME, &exact);
    if (now) *now = exact.tv_sec;
    return exact.tv_sec;
}
"""


@dataclass
class Counts:
    """What came of all jumps."""

    jumps: int = 0
    done: int = 0
    unended: int = 0
    different: int = 0  # results that are not those of a steady clock
    disordered: int = 0  # looks at which jobs were not in the order of their arrival
    disowned: int = 0  # looks at which a running job's program passed for dead
    negative: int = 0  # durations, in the store or on a page
    unmoved: int = 0  # ends that are not noted by the clock that jumped: it did not
    faults: int = 0  # lines of the server's log, and pages with an exception
    slowest_s: float = 0.0  # from a jump to the job's end

    @property
    def clean(self) -> bool:
        """All that is promised."""
        bad = self.unended + self.different + self.disordered + self.disowned + self.unmoved
        return self.done == self.jumps and bad + self.negative + self.faults == 0


def clock(jumps: str = " ".join(JUMPS), rounds: int = 3, resolution: int = 21) -> int:
    """Set the clock of a server that computes.

    Args:
        jumps: how far the clock is from the right time then, in hours, days or years.
        rounds: of all of them.
        resolution: of the surfaces, points a side; one for each jump.
    """
    with tempfile.TemporaryDirectory(prefix="flatdiff-clock-") as folder:
        shim = built(SHIM, Path(folder))
        if shim is None or shutil.which("chromium") is None:
            sys.stdout.write("clock: NOT RUN, it needs Linux, a C compiler and chromium\n")
            return 1
        counts = campaign(Path(folder), shim, jumps.split() * rounds, resolution)
    sys.stdout.write(f"clock: {counts}\n")
    return 0 if counts.clean else 1


def campaign(place: Path, shim: Path, jumps: list[str], resolution: int) -> Counts:
    """The same, in a folder."""
    root, shown, counts = place / "checkpoints", place / "clock", Counts()
    card = write_tiny_checkpoint(root, "adm", 0)
    requests = [
        make_request("surface", card, SurfaceSettings(resolution=resolution, seed=seed), PANEL)
        for seed in range(len(jumps))
    ]
    calm = undisturbed(place, root, requests, 1)
    set_to(shown, "0h")
    environment = {"LD_PRELOAD": str(shim), "CLOCK_AHEAD": str(shown)}
    with server(place / "home", root, 1, **environment) as program, browser() as page:
        for jump, request, expected in zip(jumps, requests, calm, strict=True):
            jumped(program, request, expected, shown, jump, counts)
            look_at_pages(page, program.url, counts)
        asked = [request.key for request in requests]
        kept = [job.key for job in program.store.jobs() if job.key in asked]
        counts.disordered += kept != asked
    counts.faults += len(in_log(place / "home"))
    return counts


def seconds_of(jump: str) -> int:
    """Of "-2h" and the like."""
    return int(jump[:-1]) * UNITS_S[jump[-1]]


def set_to(shown: Path, jump: str) -> None:
    """In place, as every process of the server has the file in its memory."""
    seconds = seconds_of(jump)
    with shown.open("r+b" if shown.exists() else "wb") as file:
        file.write(seconds.to_bytes(8, sys.byteorder, signed=True))


def jumped(
    program: Program,
    request: Request,
    expected: dict[int, bytes],
    shown: Path,
    jump: str,
    counts: Counts,
) -> None:
    """A jump in the middle of a job."""
    store = program.store
    store.submit(request)
    reached(program, request, len(request.items) // 4)
    set_to(shown, jump)
    began = time.monotonic()
    counts.disowned += disowned(store, request)
    counts.negative += negative_in(store, request)
    job = ended(store, request)
    counts.jumps += 1
    counts.done += job.state == DONE
    counts.unended += job.state in ACTIVE
    counts.unmoved += not noted_by(job.finished_at, time.time() + seconds_of(jump))
    counts.different += content(store, request) != expected
    counts.negative += negative_in(store, request)
    seconds = round(time.monotonic() - began, 1)
    counts.slowest_s = max(counts.slowest_s, seconds)
    print(f"{jump}: {job.state} after {seconds} s", job.error or "", flush=True)


def disowned(store: Store, request: Request) -> bool:
    """Whether the program that computes a job would pass for dead, and its job for free."""
    rows = store.database.rows("SELECT owner, state FROM jobs WHERE key = ?", (request.key,))
    return any(state == "running" and not is_alive(owner) for owner, state in rows)


def noted_by(finished_at: float | None, now: float) -> bool:
    """Whether a job that is just over has the time of a clock; None is that of one before 1970."""
    return now < 0 if finished_at is None else abs(finished_at - now) < MOMENT_S


def negative_in(store: Store, request: Request) -> bool:
    """Whether a span of time is below nothing, as a page would show it."""
    job = store.job(request.key)
    assert job is not None
    found = progress_of(job, [], {}, Machine(store.timings.speeds(), 1, 1.0))
    return found.seconds < 0 or (found.rate or 0) < 0


def look_at_pages(page: Page, url: str, counts: Counts) -> None:
    """All that show a time."""
    for name in PAGES:
        try:
            open_page(page, f"{url}/{name}")
        except AssertionError as error:
            print(f"{name}: {error}")
            counts.faults += 1
        counts.negative += len(NEGATIVE.findall(page.inner_text("body")))
