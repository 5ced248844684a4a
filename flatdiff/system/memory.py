"""Memory of a server with many threads: what one of them has freed, another may have.

The GNU C library gives every thread a store of its own, up to eight a core, and keeps in each what
was freed there. A page is a new thread for every rerun, so that a server grows for an hour.
"""

import ctypes

_M_ARENA_MAX = -8  # of malloc.h
FEW = 2


def share_memory() -> None:
    """From now on; does nothing where the C library is another one."""
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(_M_ARENA_MAX, FEW)
