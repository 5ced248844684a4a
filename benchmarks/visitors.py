"""Thirty visitors on one server, without and beside a job: how long is a change of page?

    python -m benchmarks.visitors [--visitors 30] [--minutes 5]

Each visitor speaks Streamlit's own protocol over a WebSocket, as a browser does: opens a page, is
sent it whole, reads for two to eight seconds, opens another; what a page wants to be drawn again
by itself, it asks for again. In the first half nothing is computed. In the second one of them
presses Run now and then, on a surface with every cell computed, the same for all for a minute, so
that there is something to compute throughout; each is computed once. Then all leave, and what they
have asked for goes on: how fast a job is beside nobody. Times are from the request to the end of
the page's script, memory is the server's own.
"""

import argparse
import asyncio
import contextlib
import random
import statistics
import tempfile
import time
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path

import psutil
import websockets
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg

from benchmarks.first_page import SERVER_LOG, start_server
from flatdiff.engine.job import ACTIVE
from flatdiff.engine.store import Store

THINKING_S = (2.0, 8.0)
SETTLED_S = 60.0  # memory is looked at from here on
RUN_PAGE, RUN_QUERY = "surface", "mode=every+cell&resolution=41&seed="
PATIENCE_S = 30.0  # after which a visitor gives a page up
SURFACE_S = 60.0  # a new surface is asked for that often
RUNS = 0.2  # of the changes of page go to a surface, whose Run is pressed
ALONE_S = 60.0  # that what they have asked for is computed with nobody there
PART = ForwardMsg.FINISHED_FRAGMENT_RUN_SUCCESSFULLY
WHOLE_SCRIPT = (
    ForwardMsg.FINISHED_SUCCESSFULLY,
    ForwardMsg.FINISHED_WITH_COMPILE_ERROR,
)


@dataclass
class Log:
    """What all visitors saw."""

    seconds: list[float] = field(default_factory=list)  # of each change of page
    errors: list[str] = field(default_factory=list)  # that a page showed, or that ended a visit


@dataclass
class Visitor:
    """One open tab."""

    socket: websockets.ClientConnection
    log: Log
    finished: asyncio.Event = field(default_factory=asyncio.Event)
    pages: dict[str, str] = field(default_factory=dict)  # script hash by address
    run_button: str = ""
    page: str = ""
    begun: str = ""  # the page whose script was last begun since it was asked for
    query: str = ""
    again: list[asyncio.Task] = field(default_factory=list)

    async def listen(self) -> None:
        """Take in everything that the server sends."""
        async for data in self.socket:
            assert isinstance(data, bytes)
            message = ForwardMsg.FromString(data)
            match message.WhichOneof("type"):
                case "navigation":
                    self.pages = {
                        page.url_pathname: page.page_script_hash
                        for page in message.navigation.app_pages
                    }
                case "delta":
                    self.look_at(message)
                case "auto_rerun":
                    rerun = message.auto_rerun
                    self.again.append(
                        asyncio.create_task(self.repeat(rerun.fragment_id, rerun.interval))
                    )
                case "new_session":
                    self.begun = message.new_session.page_script_hash
                case "script_finished" if self.is_drawn(message.script_finished):
                    self.finished.set()

    def is_drawn(self, end: int) -> bool:
        """Whether a script's end says that the page is there.

        Where a page ends just as a part of it begins anew, Streamlit tells the end of that part
        alone (streamlit/streamlit#9921), before which all of the page was sent.
        """
        return end in WHOLE_SCRIPT or (end == PART and self.begun == self.page)

    def look_at(self, message: ForwardMsg) -> None:
        """Remember the Run button; write down what no visitor should see."""
        element = message.delta.new_element
        match element.WhichOneof("type"):
            case "button" if element.button.label == "Run":
                self.run_button = element.button.id
            case "exception":
                self.log.errors.append(f"{element.exception.type}: {element.exception.message}")

    async def repeat(self, fragment_id: str, interval: float) -> None:
        """Ask for a part of the page again and again, as its browser would."""
        while True:
            await asyncio.sleep(interval)
            await self.ask(fragment_id)

    async def ask(self, fragment_id: str = "", clicked: str = "") -> None:
        """Have the page, or a part of it, drawn again."""
        request = BackMsg()
        state = request.rerun_script
        state.page_script_hash, state.query_string = self.page, self.query
        if fragment_id:
            state.fragment_id, state.is_auto_rerun = fragment_id, True
        if clicked:
            state.widget_states.widgets.add(id=clicked, trigger_value=True)
        await self.socket.send(request.SerializeToString())

    async def open(self, page: str, query: str = "") -> float:
        """Change to a page; returns the seconds until its script has ended."""
        for task in self.again:
            task.cancel()
        self.again.clear()
        self.page, self.query, self.run_button = self.pages.get(page, ""), query, ""
        self.begun = ""
        self.finished.clear()
        started = time.perf_counter()
        await self.ask()
        try:
            await asyncio.wait_for(self.finished.wait(), PATIENCE_S)
        except TimeoutError:
            self.log.errors.append(f"{page or 'first page'}: not drawn within {PATIENCE_S:.0f} s")
        return time.perf_counter() - started


@contextlib.asynccontextmanager
async def tab(url: str, log: Log) -> AsyncIterator[Visitor]:
    """A visitor who has the first page open, until they close it."""
    address = url.replace("http", "ws") + "/_stcore/stream"
    async with websockets.connect(
        address, subprotocols=[websockets.Subprotocol("streamlit")], origin=websockets.Origin(url),
        max_size=None,
    ) as socket:  # fmt: skip
        visitor = Visitor(socket, log)
        listening = asyncio.create_task(visitor.listen())
        await visitor.open("")
        yield visitor
        for task in [*visitor.again, listening]:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task


async def visit(url: str, log: Log, number: int, until: float, runs: float = RUNS) -> None:
    """One visitor from first to last page, of whose changes the share `runs` presses Run."""
    draw = random.Random(number)
    async with tab(url, log) as visitor:
        while time.monotonic() < until:
            await asyncio.sleep(draw.uniform(*THINKING_S))
            if draw.random() < runs:
                seed = int((until - time.monotonic()) / SURFACE_S)
                log.seconds.append(await visitor.open(RUN_PAGE, f"{RUN_QUERY}{seed}"))
                if visitor.run_button:
                    await visitor.ask(clicked=visitor.run_button)
            else:
                log.seconds.append(await visitor.open(draw.choice(sorted(visitor.pages))))


async def crowd(
    url: str, visitors: int, seconds: float, server: psutil.Process, runs: float
) -> list[float]:
    """All visitors at once; prints what they saw, returns the server's memory over time."""
    log, memory, started = Log(), list[float](), time.monotonic()
    until = started + seconds
    running = asyncio.gather(*(visit(url, log, number, until, runs) for number in range(visitors)))
    while not running.done():
        await asyncio.wait([running], timeout=10)
        if time.monotonic() - started > SETTLED_S:
            memory.append(server.memory_info().rss / 2**20)
    await running
    times = sorted(log.seconds)
    print(
        f"{len(times)} changes of page {'beside a job' if runs else 'without a job'}: "
        f"median {1e3 * statistics.median(times):.0f} ms, "
        f"95 % within {1e3 * times[int(0.95 * len(times))]:.0f} ms, "
        f"99 % within {1e3 * times[int(0.99 * len(times))]:.0f} ms; {len(log.errors)} errors"
    )
    for error in sorted(set(log.errors)):
        print(f"  {error}")
    return memory


async def speed(store: Store, seconds: float) -> float:
    """Cells a second of all surfaces together, once there is one that is computed."""
    while not (first := cells(store)):
        await asyncio.sleep(1)
    started = time.monotonic()
    await asyncio.sleep(seconds)
    assert store.jobs(ACTIVE), "all was computed too soon to tell a speed: take larger surfaces"
    return (cells(store) - first) / (time.monotonic() - started)


def cells(store: Store) -> int:
    """That are computed."""
    return sum(job.num_done for job in store.jobs() if '"mode":"exact"' in job.request_json)


async def both(
    url: str, home: Path, visitors: int, seconds: float, server: psutil.Process
) -> None:
    """Without a job, beside one, and the job by itself."""
    store = Store(home / "results.sqlite")
    memory = await crowd(url, visitors, seconds, server, runs=0.0)
    beside = asyncio.create_task(speed(store, seconds / 2))
    memory += await crowd(url, visitors, seconds, server, runs=RUNS)
    among, by_itself = await beside, await speed(store, ALONE_S)
    print(
        f"cells a second: {among:.1f} beside {visitors} visitors, {by_itself:.1f} with nobody "
        f"there: {100 * among / by_itself:.0f} %"
    )
    counted = Counter(job.state for job in store.jobs())
    print("jobs: " + ", ".join(f"{count} {state}" for state, count in sorted(counted.items())))
    if memory:
        print(
            f"server's memory: {memory[0]:.0f} MB after a minute, {memory[-1]:.0f} MB at the end"
        )


def main() -> None:
    """Start a server, let the visitors in, say what it cost."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--visitors", type=int, default=30)
    parser.add_argument("--minutes", type=float, default=5.0, help="of each half")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as home:
        process, url = start_server(home)
        server, minutes = psutil.Process(process.pid), arguments.minutes
        try:
            asyncio.run(both(url, Path(home), arguments.visitors, 60 * minutes, server))
            complaints = (Path(home) / SERVER_LOG).read_text("utf-8", "replace")
        finally:
            process.terminate()
            process.wait()
    if "Traceback" in complaints:
        print(f"the end of the server's log:\n{complaints[-5000:]}")


if __name__ == "__main__":
    main()
