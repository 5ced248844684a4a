"""Every connection that a program tries to open beyond this machine is refused, and written down.

By the interpreter's own audit events, which no library gets past; a hook cannot be removed again,
so it looks only while a file is named. As `sitecustomize` it is in every process of a server.
"""

import ipaddress
import os
import sys
from pathlib import Path
from typing import Any

RECORD = "OUTSIDE_RECORD"  # the environment variable that names the file
EVENTS = {"socket.connect": 1, "socket.sendto": 1, "socket.getaddrinfo": 0}
EVENTS |= {"socket.gethostbyname": 0, "socket.gethostbyaddr": 0}


def _beyond(host: Any) -> bool:
    if not host or host in ("localhost", "0.0.0.0", "::"):
        return False
    try:
        return not ipaddress.ip_address(host).is_loopback
    except ValueError:
        return True


def _look(event: str, arguments: tuple) -> None:
    if event not in EVENTS or not (record := os.environ.get(RECORD)):
        return
    address = arguments[EVENTS[event]]
    if event in ("socket.connect", "socket.sendto"):
        if not isinstance(address, tuple):
            return  # a socket that is a file
        address = address[0]
    if _beyond(address):
        with Path(record).open("a") as file:
            file.write(f"{event} {address}\n")
        raise OSError(f"{event} {address} is refused by a test")


def install(folder: Path) -> dict[str, str]:
    """The environment of a server in which nothing gets out; see `record_in`."""
    (folder / "sitecustomize.py").write_text(Path(__file__).read_text("utf-8"), "utf-8")
    paths = [str(folder), str(Path(__file__).parents[1])]
    return {RECORD: str(folder / "record.txt"), "PYTHONPATH": os.pathsep.join(paths)}


def recorded(environment: dict[str, str]) -> str:
    """What was tried, a line each."""
    path = Path(environment[RECORD])
    return path.read_text() if path.exists() else ""


sys.addaudithook(_look)
