"""Visitors change pages for an hour while surfaces are computed: what does the server keep?

Memory, open files and threads of the process that listens are looked at every ten seconds; a trend
is looked for after the first sixth of the time, in which pages, plots and stored results are first
read. The slope is Theil and Sen's, which a single high reading does not move.
"""

import asyncio
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import psutil
from scipy import stats

from benchmarks.first_page import start_server
from benchmarks.visitors import Log, visit
from tests.campaigns.walk import in_log

MOST_MB, MOST_MB_PER_HOUR = 400.0, 5.0
MORE_FILES = 10  # open at the end than after the first sixth
SETTLED = 1 / 6  # of the time
LEAST_HOURS = 0.5  # of a soak that tells a trend from what is read for the first time
EVERY_S = 10.0


@dataclass(frozen=True)
class Reading:
    """Of the server.

    Attributes:
        hours: since the start.
        memory_mb: resident.
        files: that it has open, sockets with them.
        threads: of it.
    """

    hours: float
    memory_mb: float
    files: int
    threads: int


def soak(minutes: float = 60, visitors: int = 6) -> int:
    """Let visitors change pages for long, and look what the server keeps.

    Args:
        minutes: of it.
        visitors: each changes the page every two to eight seconds, and now and then asks for a
            surface that is computed.
    """
    with tempfile.TemporaryDirectory() as home:
        process, url = start_server(home)
        log = Log()
        try:
            server = psutil.Process(process.pid)
            readings = asyncio.run(watched(url, visitors, 60 * minutes, server, log))
        finally:
            process.terminate()
            process.wait(30)
        faults = [*sorted(set(log.errors)), *in_log(Path(home))]
    print(f"{len(log.seconds):,} changes of page by {visitors} visitors in {minutes:g} minutes")
    faults += kept(readings)
    for fault in faults:
        print(f"  {fault}")
    print(f"soak: {len(faults)} faults")
    return int(bool(faults))


async def watched(
    url: str, visitors: int, seconds: float, server: psutil.Process, log: Log
) -> list[Reading]:
    """All visitors at once, and what the server takes meanwhile."""
    started, readings = time.monotonic(), list[Reading]()
    until = started + seconds
    running = asyncio.gather(*(visit(url, log, number, until) for number in range(visitors)))
    while not running.done():
        readings.append(reading(server, (time.monotonic() - started) / 3600))
        await asyncio.wait([running], timeout=EVERY_S)
    await running
    return readings


def reading(server: psutil.Process, hours: float) -> Reading:
    """Now."""
    with server.oneshot():
        memory_mb = server.memory_info().rss / 2**20
        return Reading(hours, memory_mb, server.num_fds(), server.num_threads())


def kept(readings: Sequence[Reading]) -> list[str]:
    """What is wrong with what a server took; prints the figures.

    Memory counts as kept only where the whole 95 % interval of its slope is above what is allowed.
    """
    settled = [one for one in readings if one.hours >= SETTLED * readings[-1].hours]
    memory = np.array([one.memory_mb for one in settled])
    slope, _, low, high = np.asarray(stats.theilslopes(memory, [one.hours for one in settled]))
    first, last = settled[0], settled[-1]
    print(
        f"memory: {first.memory_mb:.0f} MB after {60 * first.hours:.0f} minutes, "
        f"{last.memory_mb:.0f} MB after {60 * last.hours:.0f}, at most {memory.max():.0f} MB; "
        f"{slope:+.1f} MB an hour (95 %: {low:+.1f} to {high:+.1f}); "
        f"files {first.files} and {last.files}, threads {first.threads} and {last.threads}"
    )
    wrong = {
        f"it took more than {MOST_MB:.0f} MB": memory.max() > MOST_MB,
        f"it keeps more than {MOST_MB_PER_HOUR:.0f} MB an hour": low > MOST_MB_PER_HOUR
        and last.hours >= LEAST_HOURS,
        "it keeps files open": last.files > first.files + MORE_FILES,
        "it keeps threads": last.threads > first.threads + MORE_FILES,
    }
    return [words for words, is_so in wrong.items() if is_so]
