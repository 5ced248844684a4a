"""How a process of ours is started apart from this one, limited and stopped, on each platform.

Linux is what the tests run on. Elsewhere a limit that does not exist is not set, and is said so.
"""

import os
import signal
import sys
from typing import Any


def apart() -> dict[str, Any]:
    """Arguments of `subprocess.Popen` by which a child outlives what ends this process."""
    if sys.platform == "win32":
        import subprocess

        return {"creationflags": subprocess.CREATE_NEW_PROCESS_GROUP | subprocess.DETACHED_PROCESS}
    return {"start_new_session": True}


def limit_memory(num_bytes: int) -> bool:
    """Let this process allocate so much and no more; False where the platform cannot."""
    try:
        import resource

        resource.setrlimit(resource.RLIMIT_DATA, (num_bytes, num_bytes))
    except (ImportError, AttributeError, ValueError, OSError):
        return False
    return True


def ask_to_stop(pid: int) -> None:
    """Ask a process to end after what it is at; on Windows it ends at once.

    Raises:
        OSError: there is no such process, or it is somebody else's.
    """
    os.kill(pid, signal.SIGTERM)


def name_of_signal(number: int) -> str:
    """Of one that may have no name here.

    >>> name_of_signal(9), name_of_signal(99)
    ('SIGKILL', 'signal 99')
    """
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
