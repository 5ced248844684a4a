"""How much of the processor long work takes: what nobody else wants, so that pages stay quick."""

import contextlib
import os
import threading
from pathlib import Path

# Share of the wall time below which the lowest scheduling class gets no processor at all.
STARVED_SHARE = 0.15
AUTOGROUP = Path("/proc/self/autogroup")
_priority = threading.local()


def yield_to_others() -> None:
    """Put this thread, and those it will start, behind everything else on the machine."""
    if getattr(_priority, "set", False):
        return
    _priority.set = True
    if os.environ.get("FLATDIFF_WORKER_PRIORITY") == "normal":
        return
    _let_other_sessions_go_first()
    if hasattr(os, "SCHED_IDLE"):
        os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))
        _priority.name = "idle"
    elif hasattr(os, "nice"):
        os.nice(19)
        _priority.name = "nice 19"


def _let_other_sessions_go_first() -> None:
    """Of a process that leads a session, as a run that a page has started.

    Linux shares the processor between sessions first (autogroups, sched(7)), and there every
    thread's own niceness counts for nothing against another session.
    """
    if hasattr(os, "getsid") and os.getsid(0) == os.getpid():
        with contextlib.suppress(OSError):  # no Linux, or one without autogroups
            AUTOGROUP.write_text("10")  # a tenth of what others get, not nothing


def leave_idle_class() -> None:
    """Where other work takes every cycle, idle means never: compete, but weakly."""
    if priority_name() != "idle":
        return
    try:
        os.sched_setscheduler(0, os.SCHED_OTHER, os.sched_param(0))
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), 19)
        _priority.name = "nice 19, because the machine is busy"
    except PermissionError:  # Linux lets only the privileged leave; it goes on, slowly
        _priority.name = "idle, on a busy machine"


def priority_name() -> str:
    """Of this thread."""
    return getattr(_priority, "name", "normal")


def num_cores() -> int:
    """Processor cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
