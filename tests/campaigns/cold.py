"""Thirty visitors come at once to a server that has just come up, again and again."""

import asyncio
import tempfile
from collections import Counter
from pathlib import Path

from benchmarks.first_page import SERVER_LOG, start_server
from benchmarks.visitors import RUN_PAGE, RUN_QUERY, Log, tab
from flatdiff.engine.store import Store

ALL_ASK = RUN_QUERY.replace("resolution=41", "resolution=2")


def cold(times: int = 20, visitors: int = 30) -> int:
    """Start a server, let everybody in in the same moment, and stop it.

    Each visitor opens the first page and another; then all press Run for one surface.

    Args:
        times: servers, one after the other.
        visitors: on each of them.
    """
    errors, tracebacks, jobs = Counter[str](), 0, list[int]()
    for number in range(times):
        with tempfile.TemporaryDirectory() as home:
            process, url = start_server(home)
            try:
                log = asyncio.run(rush(url, visitors, f"{ALL_ASK}{number}"))
            finally:
                process.terminate()
                process.wait(30)
            errors.update(log.errors)
            tracebacks += (
                (Path(home) / SERVER_LOG).read_text("utf-8", "replace").count("Traceback")
            )
            jobs.append(surfaces_in(Path(home)))
    for error, count in errors.most_common():
        print(f"{count} times: {error}")
    once = sum(count == 1 for count in jobs)
    print(
        f"{times} cold servers, {visitors} visitors at once: {sum(errors.values())} errors shown, "
        f"{tracebacks} in the servers' logs; {once} of {times} times one computation for all"
    )
    return int(bool(errors) or tracebacks > 0 or once < times)


async def rush(url: str, visitors: int, surface: str) -> Log:
    """Everybody in the same moment; returns what they saw."""
    log = Log()
    await asyncio.gather(*(visit(url, log, number, surface) for number in range(visitors)))
    return log


async def visit(url: str, log: Log, number: int, surface: str) -> None:
    """The first page, another one, and the surface that all want."""
    async with tab(url, log) as visitor:
        await visitor.open(sorted(visitor.pages)[number % len(visitor.pages)])
        await visitor.open(RUN_PAGE, surface)
        if visitor.run_button:
            visitor.finished.clear()
            await visitor.ask(clicked=visitor.run_button)
            await asyncio.wait_for(visitor.finished.wait(), 60)


def surfaces_in(home: Path) -> int:
    """How often the surface that all asked for was computed, for each checkpoint."""
    store = Store(home / "results.sqlite")
    try:
        asked = [job.request for job in store.jobs() if '"resolution":2,' in job.request_json]
        return max(Counter(request.checkpoint for request in asked).values(), default=0)
    finally:
        store.close()
