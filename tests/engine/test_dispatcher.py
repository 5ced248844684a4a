"""Jobs whose weights are gone: each ends with a reason, and none that others can still compute."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from flatdiff.checkpoints.card import read_card, write_card
from flatdiff.engine.dispatcher import Dispatcher
from flatdiff.engine.engine import Engine
from flatdiff.engine.store import FAILED, QUEUED, RUNNING, Job, Store
from flatdiff.measures.request import Request, make_request
from flatdiff.measures.samples import SamplesSettings
from flatdiff.measures.surface import SurfaceSettings
from tests.conftest import write_tiny_checkpoint


@pytest.fixture
def root(tiny_root: Path, tmp_path: Path) -> Path:
    """A copy of tiny/adm and tiny/sam that a test may change."""
    return Path(shutil.copytree(tiny_root, tmp_path / "checkpoints"))


@pytest.fixture
def engine(store: Store, root: Path) -> Engine:
    """Never started: the tests turn its rounds by hand, and no cluster ever comes up."""
    return Engine(store=store, root=root, adopt=True)


def turn(dispatcher: Dispatcher) -> None:
    """The part of a round that claims jobs."""
    dispatcher._claim_jobs(dispatcher._store.jobs((QUEUED, RUNNING)))


def asked(root: Path, name: str = "adm") -> Request:
    """Samples of a tiny checkpoint."""
    return make_request("samples", read_card(root, f"tiny/{name}"), SamplesSettings())


def there(store: Store, request: Request) -> Job:
    """The job, which must be there."""
    job = store.job(request.key)
    assert job is not None
    return job


@pytest.mark.parametrize("change", ["deleted", "replaced", "broken"])
def test_a_job_without_its_weights_fails_with_the_reason(
    engine: Engine, root: Path, change: str
) -> None:
    """It was queued for ever before; the other checkpoint's job is claimed all the same."""
    gone, other = asked(root), asked(root, "sam")
    for request in (gone, other):
        engine.store.submit(request)
    if change == "deleted":
        shutil.rmtree(root / "tiny" / "adm")
    elif change == "replaced":
        write_tiny_checkpoint(root, "adm", 99)
    else:
        (root / "tiny" / "adm" / "card.json").write_text("{")
    turn(engine.dispatcher)
    job = there(engine.store, gone)
    word = {"deleted": "no checkpoint", "replaced": "other weights now", "broken": "cannot be"}
    assert (job.state, word[change] in (job.error or "")) == (FAILED, True)
    assert "tiny/adm" in (job.error or "")
    assert there(engine.store, other).state == RUNNING


def test_the_end_of_a_line_counts_too(engine: Engine, root: Path) -> None:
    """The partner is gone, the checkpoint itself is there."""
    adm, sam = (read_card(root, f"tiny/{name}") for name in ("adm", "sam"))
    settings = SurfaceSettings(axes="checkpoints", dimensions=1, resolution=5)
    line = make_request("surface", adm, settings, partners=[sam])
    engine.store.submit(line)
    shutil.rmtree(root / "tiny" / "sam")
    turn(engine.dispatcher)
    assert "tiny/sam" in (there(engine.store, line).error or "")


ASK = """
import sys
from pathlib import Path
from flatdiff.measures.request import Request
from flatdiff.engine.store import Store
Store(Path(sys.argv[1])).submit(Request.from_json(sys.argv[2]))
print("asked", flush=True)
input()
"""


def test_another_programs_job_is_left_to_it(engine: Engine, root: Path, tmp_path: Path) -> None:
    """It has checkpoints of its own; once it is dead, nobody waits, and the job has to end."""
    write_tiny_checkpoint(tmp_path / "elsewhere", "mine", 5)
    theirs = asked(tmp_path / "elsewhere", "mine")
    words = [sys.executable, "-c", ASK, str(engine.store.database.path), theirs.to_json()]
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == b"asked\n"
        turn(engine.dispatcher)
        assert there(engine.store, theirs).state == QUEUED
        child.kill()
        child.wait()
    turn(engine.dispatcher)
    job = there(engine.store, theirs)
    assert (job.state, "no checkpoint 'tiny/mine'" in (job.error or "")) == (FAILED, True)


def test_asked_again_under_another_name(engine: Engine, root: Path) -> None:
    """The same weights in another folder are the same measurement, found where they are now."""
    old = asked(root)
    engine.store.submit(old)
    (root / "tiny" / "adm").rename(root / "tiny" / "plain")
    turn(engine.dispatcher)
    assert there(engine.store, old).state == FAILED
    new = asked(root, "plain")
    assert new.key == old.key
    engine.store.submit(new)
    turn(engine.dispatcher)
    job = there(engine.store, old)
    assert (job.state, job.request.checkpoint, job.error) == (RUNNING, "tiny/plain", None)


def test_a_long_list_of_checkpoints_is_cut_in_a_sentence(engine: Engine, root: Path) -> None:
    """Hundreds of names are no help to anybody."""
    request = asked(root)
    engine.store.submit(request)
    card = read_card(root, "tiny/adm")
    for number in range(100):
        write_card(root / "many" / f"{number:03}", card)
    shutil.rmtree(root / "tiny" / "adm")
    turn(engine.dispatcher)
    error = there(engine.store, request).error or ""
    assert "and 89 more" in error
    assert len(error) < 400
