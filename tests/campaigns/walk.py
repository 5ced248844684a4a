"""A visitor walks through every page of a real server, and what stays behind is looked for.

On each measuring page one job is done, one fails on damaged weights and one is cancelled. Then the
server is ended, in each of the ways in which servers end: its log must speak of no fault, and no
process, held lock or temporary file of it may be left.
"""

import contextlib
import os
import re
import shutil
import signal
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil
from playwright.sync_api import Error as BrowserError
from playwright.sync_api import Page, expect, sync_playwright

from benchmarks.first_page import FLAGS, SERVER_LOG, start_server
from flatdiff.checkpoints.card import WEIGHTS_FILE
from flatdiff.system.locks import is_held
from tests.conftest import write_tiny_checkpoint

GONE_WITHIN_S = 15.0
PATIENCE_MS = 120_000
# Each measuring page with settings of seconds, and with what is to be cancelled before its end.
MEASURING = {
    "surface": ("mode=every+cell&resolution=5", "mode=every+cell&resolution=101"),
    "flatness": ("num_perturbations=4", "num_perturbations=10000"),
    "radius": ("num_directions=2", "num_directions=1000"),
    "sharpness": ("num_ascent_steps=1", "num_ascent_steps=100"),
    "blocks": ("block_perturbations=4", "block_perturbations=1000"),
    "curvature": ("num_eigenvalues=1&num_probes=2", "num_probes=1000"),
    "exposure": ("num_sampling_steps=2&num_images=2", "num_sampling_steps=500&num_images=10000"),
    "quantization": ("", ""),
    "similarity": ("", ""),
    "samples": ("num_sampling_steps=2&num_images=1", "num_sampling_steps=1000&num_images=256"),
    "quality": ("num_sampling_steps=2&num_images=8", "num_sampling_steps=500&num_images=10000"),
}
NOT_CANCELLED = ("quantization", "similarity")  # nothing there takes long enough
BESIDE = {"similarity": "&checkpoints=tiny%2Fsam"}  # further checkpoints, of what compares them
OTHERS = (
    "",
    "checkpoints",
    "train",
    "compare",
    "claim",
    "ruler",
    "tour",
    "theory",
    "rescaling",
    "sam",
    "rounding",
)
LAST = "activity"
FAULTS = re.compile(r"Traceback|\bERROR\b|CRITICAL|Exception in|Task was destroyed")
ENDS = {"SIGTERM": signal.SIGTERM, "SIGINT": signal.SIGINT, "SIGKILL": signal.SIGKILL}
# What stands before the server's command: who its parent is, and what else it has to do.
PARENTS: dict[str, tuple[str, ...]] = {
    "a child": (),
    "an orphan": ("setsid", "--fork", "--wait"),
    "process 1 of a container": ("unshare", "--pid", "--fork", "--mount-proc"),
}
TEMPORARY = re.compile(r"^\.|\.tmp$|^tmp|\.making|\.part$")


@dataclass(frozen=True)
class Walk:
    """A server with a folder of its own.

    Attributes:
        url: of the first page.
        home: its state directory; a folder tmp beside it is its $TMPDIR.
        server: the process that listens.
    """

    url: str
    home: Path
    server: psutil.Process


def walk(
    pages: str = "", ends: Sequence[str] = tuple(ENDS), parents: Sequence[str] = tuple(PARENTS)
) -> int:
    """Walk once for each way to end, of each kind of server.

    Args:
        pages: the measuring pages to use, with blanks between them; default: all.
        ends: SIGTERM, SIGINT, SIGKILL: how servers are ended.
        parents: what servers are: a child of this process, an orphan as a service is, or process 1
            of a container, to which the orphans of all others fall (needs root).
    """
    chosen = pages.split() or list(MEASURING)
    faults: list[str] = []
    for number, (parent, end) in enumerate((parent, end) for parent in parents for end in ends):
        # All pages once; the ways to end differ in what a job leaves that is running.
        visited = chosen if number == 0 else chosen[:1]
        found = walked(visited, ENDS[end], parent)
        print(
            f"{end}, {parent}: {len(visited)} measuring pages; "
            f"{'; '.join(found) or 'nothing left'}",
            flush=True,
        )
        faults += found
    print(f"walk: {len(faults)} faults")
    return int(bool(faults))


def walked(pages: Sequence[str], end: signal.Signals, parent: str) -> list[str]:
    """What is wrong after a walk."""
    with tempfile.TemporaryDirectory() as place:
        with started(Path(place), parent) as one:
            visit(one, pages)
            workers = processes_of(one.home)
            one.server.send_signal(end)
            left = outlived(workers)
        found = [f"a process is left: {words}" for words in left]
        return [*found, *in_log(one.home), *left_behind(one.home)]


@contextlib.contextmanager
def started(place: Path, parent: str) -> Iterator[Walk]:
    """A server on three tiny checkpoints, one of them damaged; killed if it is still there."""
    home, temporary = place / "home", place / "tmp"
    temporary.mkdir()
    prepare(place / "checkpoints")
    environment = {"FLATDIFF_CHECKPOINTS": str(place / "checkpoints"), "TMPDIR": str(temporary)}
    process, url = start_server(str(home), *PARENTS[parent], **environment)
    server = psutil.Process(process.pid)
    if PARENTS[parent]:
        (server,) = server.children()
    if parent == "an orphan":
        process.kill()  # its parent; who takes it over is the system's business
        process.wait()
    try:
        yield Walk(url, home, server)
    finally:
        for left in processes_of(home):
            left.kill()
        process.wait()


def prepare(root: Path) -> None:
    """Checkpoints of which one has a flipped bit in its weights."""
    for seed, name in enumerate(("adm", "sam", "ip")):
        write_tiny_checkpoint(root, name, seed)
    weights = root / "tiny" / "ip" / WEIGHTS_FILE
    content = bytearray(weights.read_bytes())
    content[-100] ^= 1
    weights.write_bytes(content)


@contextlib.contextmanager
def browser() -> Iterator[Page]:
    """A page of it, patient."""
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=FLAGS)
        page = opened.new_page()
        page.set_default_timeout(PATIENCE_MS)
        expect.set_options(timeout=PATIENCE_MS)
        yield page
        with contextlib.suppress(BrowserError):
            opened.close()


def visit(one: Walk, pages: Sequence[str]) -> None:
    """All pages in a browser: the measuring ones with three jobs each, then the others."""
    with browser() as page:
        for name in pages:
            measure(page, one, name)
        for name in (*OTHERS, LAST):
            open_page(page, f"{one.url}/{name}")
        begin_a_job(page, one)


def open_page(page: Page, url: str) -> None:
    """Until its first run is over."""
    page.goto(url)
    expect(page.locator("h1").first).to_be_visible()
    expect(page.get_by_test_id("stStatusWidget")).to_have_count(0)
    expect(page.get_by_test_id("stException")).to_have_count(0)


def measure(page: Page, one: Walk, name: str) -> None:
    """One job that is done, one that fails, one that is cancelled."""
    small, large = MEASURING[name]
    beside = BESIDE.get(name, "")
    run(page, f"{one.url}/{name}?checkpoints=tiny%2Fadm{beside}&{small}")
    expect(page.get_by_text("From store, computed").first).to_be_visible()
    run(page, f"{one.url}/{name}?checkpoints=tiny%2Fip{beside}&{small}")
    expect(page.get_by_text(re.compile("SHA-256|damaged")).first).to_be_visible()
    if name not in NOT_CANCELLED:
        run(page, f"{one.url}/{name}?checkpoints=tiny%2Fsam&{large}")
        page.get_by_role("button", name="Cancel").first.click()
        expect(page.get_by_text(re.compile("Cancelled at")).first).to_be_visible()


def run(page: Page, url: str) -> None:
    """Press the first Run of a page."""
    open_page(page, url)
    page.get_by_role("button", name="Run").first.click()


def begin_a_job(page: Page, one: Walk) -> None:
    """One that is going when the server ends."""
    run(page, f"{one.url}/flatness?checkpoints=tiny%2Fadm&num_perturbations=10000&seed=9")
    expect(page.get_by_text(re.compile(r"\d of [\d,]+ evaluations")).first).to_be_visible()


def processes_of(home: Path) -> list[psutil.Process]:
    """Those that have this state directory, however they were started."""
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            if process.environ().get("FLATDIFF_HOME") == str(home):
                found.append(process)
    return found


def outlived(processes: Sequence[psutil.Process]) -> list[str]:
    """Command lines of those that are still there after a while."""
    _, alive = psutil.wait_procs(processes, GONE_WITHIN_S)
    words = []
    for process in alive:
        with contextlib.suppress(psutil.Error):
            if process.status() != psutil.STATUS_ZOMBIE:
                words.append(" ".join(process.cmdline())[:150])
    return words


def in_log(home: Path) -> list[str]:
    """Lines of a server's log that speak of a fault."""
    lines = (home / SERVER_LOG).read_text("utf-8", "replace").splitlines()
    return [f"its log says: {line[:150]}" for line in lines if FAULTS.search(line)]


def left_behind(home: Path) -> list[str]:
    """Locks that are held, and temporary files, of its two folders."""
    time.sleep(0.5)  # the system takes a moment to give back what a killed process held
    temporary = home.parent / "tmp"
    own = [path for path in temporary.rglob("*") if not path.is_dir()]
    state = [path for path in home.rglob("*") if TEMPORARY.search(path.name)]
    locks = [path for path in home.rglob("*.lock") if is_held(path)]
    found = [f"a temporary file is left: {path.relative_to(home.parent)}" for path in own + state]
    return found + [f"a lock is held: {os.fspath(path)}" for path in locks]
