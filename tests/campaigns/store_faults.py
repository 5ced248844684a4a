"""The store's file refuses one write, sync or rename after the other, each with each error.

The C library's calls are answered by a shim (`LD_PRELOAD`), because SQLite makes them itself: a
child process writes tiles until the n-th such call fails, and says what it was told is saved. That
is read back without the shim, byte by byte. When a child makes fewer calls than that, all of them
have had their turn.
"""

import dataclasses
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

from flatdiff.engine.store import Store
from tests.subjects import surface_request
from tests.tiny import TESTS

ERRORS = {"ENOSPC": 28, "EIO": 5, "EDQUOT": 122}  # Linux's numbers
CALLS = ("write", "pwrite64", "fsync", "fdatasync", "rename", "ftruncate64")
NUM_TILES = 12
REQUEST = surface_request()

SHIM = """
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
static int count, number, code;
static const char *wanted;
__attribute__((constructor)) static void begin(void) {
    wanted = getenv("FAULT_CALL"); number = atoi(getenv("FAULT_NUMBER"));
    code = atoi(getenv("FAULT_ERRNO"));
}
static int ours(int fd) {
    char name[64], path[4096]; ssize_t n;
    snprintf(name, sizeof name, "/proc/self/fd/%d", fd);
    n = readlink(name, path, sizeof path - 1);
    if (n < 0) return 0;
    path[n] = 0;
    return strstr(path, "results.sqlite") != 0 || strstr(path, "home") != 0;
}
static int fails(const char *call) {
    return !strcmp(call, wanted) && ++count >= number && (errno = code, 1);
}
#define REAL(name) ((__typeof__(name) *)dlsym(RTLD_NEXT, #name))
ssize_t write(int f, const void *b, size_t n)
{ return ours(f) && fails("write") ? -1 : REAL(write)(f, b, n); }
ssize_t pwrite64(int f, const void *b, size_t n, off64_t o)
{ return ours(f) && fails("pwrite64") ? -1 : REAL(pwrite64)(f, b, n, o); }
int fsync(int f) { return ours(f) && fails("fsync") ? -1 : REAL(fsync)(f); }
int fdatasync(int f) { return ours(f) && fails("fdatasync") ? -1 : REAL(fdatasync)(f); }
int ftruncate64(int f, off64_t n)
{ return ours(f) && fails("ftruncate64") ? -1 : REAL(ftruncate64)(f, n); }
int rename(const char *a, const char *b)
{ return strstr(a, "home") && fails("rename") ? -1 : REAL(rename)(a, b); }
"""

# Prints the number of every tile that was saved; then the sentence that ended it, if one did.
CHILD = """
import sys
from pathlib import Path
import numpy as np
from flatdiff.engine.store import Store
from flatdiff.errors import FlatdiffError
from flatdiff.measures.request import Request
from flatdiff.system.files import atomic_write
request, home = Request.from_json(sys.argv[2]), Path(sys.argv[1])
try:
    store = Store(home / "results.sqlite")
    store.submit(request)
    for item in range(int(sys.argv[3])):
        store.put_tile(request.key, item, [{"x": np.full(500, item)}], 1.0, "{}")
        print(item, flush=True)
        atomic_write(home / "beside", b"%d" % item)
    store.database.compact()
except FlatdiffError as error:
    print("told:", error)
"""


@dataclasses.dataclass
class Counts:
    """What all faults left behind."""

    faults: int = 0  # calls that failed
    lost: int = 0  # tiles that were reported as saved and cannot be read back
    torn: int = 0  # a file that was replaced and is neither old nor new
    untold: int = 0  # children that ended without a sentence


def store_faults(num_tiles: int = NUM_TILES, every: int = 1) -> int:
    """Fail calls of a program that fills a store.

    Args:
        num_tiles: that each program writes.
        every: 1: every call; 5: each fifth.
    """
    counts = Counts()
    with tempfile.TemporaryDirectory(prefix="flatdiff-faults-") as folder:
        shim = built(SHIM, Path(folder))
        if shim is None:
            sys.stdout.write("store_faults: NOT RUN, it needs Linux and a C compiler\n")
            return 1
        for call in CALLS:
            for error in ERRORS.values():
                number = 1
                while fault(Path(folder), shim, call, error, number, num_tiles, counts):
                    number += every
    sys.stdout.write(f"store_faults: {counts}\n")
    return int(counts.lost + counts.torn + counts.untold > 0)


def built(source: str, folder: Path) -> Path | None:
    """A library of C that is loaded before all others; None where that cannot be."""
    compiler, library = shutil.which("cc"), folder / "shim.so"
    if compiler is None or not sys.platform.startswith("linux"):
        return None
    words = [compiler, "-shared", "-fPIC", "-x", "c", "-", "-o", str(library), "-ldl"]
    subprocess.run(words, input=source, text=True, check=True)
    return library


def fault(
    folder: Path, shim: Path, call: str, error: int, number: int, num_tiles: int, counts: Counts
) -> bool:
    """One program whose n-th call fails, and every one after it; whether there was such a call."""
    home = folder / "home"
    home.mkdir()
    environment = {"FAULT_CALL": call, "FAULT_NUMBER": str(number), "FAULT_ERRNO": str(error)}
    done = subprocess.run(
        [sys.executable, "-c", CHILD, str(home), REQUEST.to_json(), str(num_tiles)],
        cwd=TESTS.parent,
        env={**os.environ, **environment, "LD_PRELOAD": str(shim)},
        capture_output=True,
        text=True,
        check=False,
    )
    lines = done.stdout.splitlines()
    saved = [int(line) for line in lines if line.isdecimal()]
    failed = any(line.startswith("told:") for line in lines) or done.returncode != 0
    if failed:
        counts.faults += 1
        counts.untold += done.returncode != 0
        counts.lost += num_lost(home, saved)
        counts.torn += is_torn(home / "beside", saved)
    shutil.rmtree(home)
    return failed


def num_lost(home: Path, saved: list[int]) -> int:
    """Tiles that a program was told are saved, and that are not there or are others."""
    if not saved:
        return 0
    store = Store(home / "results.sqlite")
    found = store.items_done(REQUEST.key)
    store.close()
    return sum(i not in found or not (found[i]["x"] == np.full(500, i)).all() for i in saved)


def is_torn(path: Path, saved: list[int]) -> bool:
    """Whether a file that is replaced after each tile is neither of the last two."""
    if not path.exists():
        return len(saved) > 1
    return path.read_bytes() not in [b"%d" % item for item in saved[-2:]]
