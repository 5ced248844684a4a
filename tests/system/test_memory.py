"""How many stores of freed memory there are, as the C library itself counts them."""

import ctypes
import subprocess
import sys

import pytest

COUNTED = """
import ctypes, sys, threading
if sys.argv[1] == "shared":
    from flatdiff.system.memory import share_memory
    share_memory()
together = threading.Barrier(12)
def allocate():
    held = ctypes.create_string_buffer(10_000)
    together.wait()
threads = [threading.Thread(target=allocate) for _ in range(12)]
[thread.start() for thread in threads]
[thread.join() for thread in threads]
library = ctypes.CDLL(None)
library.fopen.restype = ctypes.c_void_p
out = library.fopen(b"/dev/stdout", b"w")
library.malloc_info(0, ctypes.c_void_p(out))
library.fclose(ctypes.c_void_p(out))
"""


def stores(which: str) -> int:
    """Of a program with twelve threads."""
    command = [sys.executable, "-c", COUNTED, which]
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    return said.count("<heap nr=")


@pytest.mark.skipif(not hasattr(ctypes.CDLL(None), "malloc_info"), reason="not the GNU C library")
def test_threads_share_two_stores() -> None:
    """Where they would have one each, up to eight a core."""
    assert stores("shared") <= 2 < stores("apart")
