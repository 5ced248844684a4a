"""The store under damage, kills and crowds: what was acknowledged is read back, or nothing is."""

import random
import shutil
import sqlite3
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from flatdiff.engine.store import DONE, QUEUED, RUNNING, Store
from flatdiff.errors import StoreError
from tests.subjects import arrays_of, same_arrays, surface_request
from tests.tiny import TESTS, command_line

REQUEST = surface_request()


def filled(store: Store) -> Store:
    """A finished job: 14 items in tiles of 2."""
    store.submit(REQUEST)
    for first in range(0, 14, 2):
        store.put_tile(REQUEST.key, first, [arrays_of(first), arrays_of(first + 1)], 1.0, "")
    store.finish(REQUEST.key, DONE)
    return store


def alter(store: Store, statement: str, *values: object) -> None:
    """Behind the store's back."""
    with store.database.transaction() as db:
        assert db.execute(statement, values).rowcount == 1


def test_each_altered_byte_is_noticed(store: Store) -> None:
    """150 random bytes of one tile, one after the other; its two items go, the others stay."""
    filled(store)
    draw = random.Random(0)
    query = "SELECT arrays FROM tiles WHERE first_item = 4"
    (blob,) = store.database.connection().execute(query).fetchone()
    for _ in range(150):
        damaged = bytearray(blob)
        damaged[draw.randrange(len(blob))] ^= draw.randrange(1, 256)
        alter(store, "UPDATE tiles SET arrays = ? WHERE first_item = 4", bytes(damaged))
        done = store.items_done(REQUEST.key)
        assert sorted(done) == [i for i in range(14) if i not in (4, 5)]
        job = store.job(REQUEST.key)
        assert job is not None
        assert (job.state, job.num_done, job.finished_at) == (QUEUED, 12, None)
        store.put_tile(REQUEST.key, 4, [arrays_of(4), arrays_of(5)], 1.0, "")
        store.finish(REQUEST.key, DONE)
    assert same_arrays(store.items_done(REQUEST.key)[5], arrays_of(5))


MOVED = [
    ("UPDATE tiles SET first_item = 20 WHERE first_item = 4", "moved to another place"),
    ("UPDATE tiles SET num_items = 3 WHERE first_item = 4", "claims another length"),
    ("UPDATE tiles SET sha256 = '' WHERE first_item = 4", "has no digest"),
]


@pytest.mark.parametrize(("statement", "damage"), MOVED)
def test_a_tile_in_the_wrong_place_is_noticed(statement: str, damage: str, store: Store) -> None:
    """The numbers are intact, but not where they belong: as wrong as damaged numbers."""
    alter(filled(store), statement)
    assert sorted(store.items_done(REQUEST.key)) == [i for i in range(14) if i not in (4, 5)], (
        damage
    )


def test_a_running_job_stays_with_its_owner_when_a_tile_is_damaged(store: Store) -> None:
    """Taking it away would start a second computation; it ends with the gap, hence queued."""
    store.submit(REQUEST)
    store.claim(REQUEST.key)
    store.put_tile(REQUEST.key, 0, [arrays_of(0)], 1.0, "")
    alter(store, "UPDATE tiles SET arrays = x'00'")
    assert store.items_done(REQUEST.key) == {}
    job = store.job(REQUEST.key)
    assert job is not None
    assert job.state == RUNNING


def read_back(path: Path) -> dict[int, dict]:
    """Whatever a damaged file gives, {} where it cannot be opened or queried."""
    try:
        store = Store(path)
    except StoreError:
        return {}
    try:
        return store.items_done(REQUEST.key)
    except StoreError:
        return {}
    finally:
        store.close()


def test_a_damaged_file_never_gives_other_numbers(store: Store, tmp_path: Path) -> None:
    """200 single bytes anywhere in the file: SQLite's own pages too, not only tiles."""
    filled(store).database.compact()
    content, draw = store.database.path.read_bytes(), random.Random(1)
    noticed = 0
    for attempt in range(200):
        damaged = bytearray(content)
        damaged[draw.randrange(len(content))] ^= draw.randrange(1, 256)
        path = tmp_path / f"{attempt}.sqlite"
        path.write_bytes(damaged)
        done = read_back(path)
        assert all(same_arrays(arrays, arrays_of(item)) for item, arrays in done.items())
        noticed += len(done) < 14
        for file in tmp_path.glob(f"{attempt}.sqlite*"):
            file.unlink()
    assert noticed > 20


CLAIM = """
import sys
from pathlib import Path
from flatdiff.engine.store import Store
store = Store(Path(sys.argv[1]))
print("ready", flush=True)
input()
print(store.claim(sys.argv[2]), flush=True)
input()
"""


def claimer(store: Store) -> "subprocess.Popen[str]":
    """Another program on the same store, ready to claim."""
    child = subprocess.Popen(
        [sys.executable, "-c", CLAIM, str(store.database.path), REQUEST.key],
        cwd=TESTS.parent,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert child.stdout is not None
    assert child.stdout.readline() == "ready\n"
    return child


def go(child: "subprocess.Popen[str]") -> None:
    """Let it claim."""
    assert child.stdin is not None
    child.stdin.write("\n")
    child.stdin.flush()


def answer(child: "subprocess.Popen[str]") -> str:
    """What it got."""
    assert child.stdout is not None
    return child.stdout.readline().strip()


def test_a_job_has_one_owner_at_a_time(store: Store) -> None:
    """Two programs claim at once, one gets it; when it is killed, a third may go on."""
    store.submit(REQUEST)
    children = [claimer(store), claimer(store)]
    for child in children:
        go(child)
    answers = [answer(child) for child in children]
    assert sorted(answers) == ["False", "True"]
    owner, other = (children[answers.index(word)] for word in ("True", "False"))
    assert not store.claim(REQUEST.key)
    store.request_cancel(REQUEST.key)
    assert store.job(REQUEST.key).cancel_requested  # pyright: ignore[reportOptionalMemberAccess]
    other.kill()
    assert not store.claim(REQUEST.key)
    owner.kill()
    owner.wait()
    assert store.claim(REQUEST.key)
    for child in children:
        child.communicate()


def test_cancel_after_the_owner_was_killed(store: Store) -> None:
    """Nobody is left to carry it out, so it is cancelled at once."""
    store.submit(REQUEST)
    child = claimer(store)
    go(child)
    assert answer(child) == "True"
    child.kill()
    child.communicate()
    store.request_cancel(REQUEST.key)
    assert store.job(REQUEST.key).state == "cancelled"  # pyright: ignore[reportOptionalMemberAccess]


CROWD = """
import sys, threading
from pathlib import Path
import numpy as np
from flatdiff.engine.store import Store
store, key, start = Store(Path(sys.argv[1])), sys.argv[2], int(sys.argv[3])
def write(first):
    for item in range(first, 120, 6):
        store.put_tile(key, item, [{"x": np.full(300, item)}], 0.01, "{}")
        store.timings.note({("a", "surface", "cell", 5, 0): 1.0})
    store.close()
threads = [threading.Thread(target=write, args=(start + k,)) for k in range(3)]
for thread in threads: thread.start()
for thread in threads: thread.join()
"""


def test_a_crowd_of_writers_loses_nothing(store: Store) -> None:
    """Two programs of three threads write 120 tiles; each is there once with its own numbers."""
    store.submit(REQUEST)
    arguments = [sys.executable, "-c", CROWD, str(store.database.path), REQUEST.key]
    children = [subprocess.Popen([*arguments, str(start)], cwd=TESTS.parent) for start in (0, 3)]
    assert [child.wait(timeout=120) for child in children] == [0, 0]
    done = store.items_done(REQUEST.key)
    assert sorted(done) == list(range(120))
    assert all((arrays["x"] == item).all() for item, arrays in done.items())
    rate = store.timings.speeds().rate("a", "surface", "cell", 5, 0)
    assert rate is not None
    assert rate.seconds == pytest.approx(1)


KILLED_WRITERS = """
import os, random, signal, sys, time
from pathlib import Path
import numpy as np
from flatdiff.engine.store import Store
path, key, draw, first = Path(sys.argv[1]), sys.argv[2], random.Random(0), 0
for _ in range(12):
    reader, writer = os.pipe()
    pid = os.fork()
    if not pid:
        store = Store(path)
        for item in range(first, 10**6):
            store.put_tile(key, item, [{"x": np.full(2000, item)}], 0.01, "{}")
            os.write(writer, b"%d\\n" % item)
    os.close(writer)
    os.read(reader, 1)
    time.sleep(draw.uniform(0.0, 0.05))
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    rest = b"".join(iter(lambda: os.read(reader, 65536), b""))
    lines = rest.split(b"\\n")[:-1]
    first = int(lines[-1]) + 1 if lines[-1] else first + 1
print(first)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="needs fork and SIGKILL")
def test_killed_writers_lose_no_acknowledged_tile(store: Store) -> None:
    """12 programs are killed with SIGKILL as they write; what they reported is all there."""
    store.submit(REQUEST)
    done = command_line(str(store.database.path), REQUEST.key, code=KILLED_WRITERS)
    assert done.returncode == 0, done.stderr
    acknowledged = int(done.stdout)
    assert acknowledged >= 12
    items = store.items_done(REQUEST.key)
    assert set(range(acknowledged)) <= set(items)
    assert all(np.array_equal(a["x"], np.full(2000, item)) for item, a in items.items())
    copy = store.database.path.with_name("copy.sqlite")
    store.database.compact()
    shutil.copy(store.database.path, copy)
    with sqlite3.connect(copy) as db:
        assert db.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    db.close()
