"""Why the store's file is refused, in words: the true cause, and what to do about that one.

SQLite says "unable to open database file" of six things and "disk I/O error" of a quota; the
operating system tells them apart when it is asked to write a file there.
"""

import errno
import os
import sqlite3
import tempfile
from pathlib import Path

ELSEWHERE = "set FLATDIFF_HOME to a folder that can be written"
ROOM = "free some, or set FLATDIFF_HOME to a folder on another disk"
CAUSES = {
    errno.ENOSPC: ("no space is left on its disk", ROOM),
    getattr(errno, "EDQUOT", -1): ("the quota of its disk is used up", ROOM),
    errno.EFBIG: ("files may not grow so large there", ROOM),
    errno.EROFS: ("its disk can only be read", ELSEWHERE),
    errno.EACCES: ("permission denied", ELSEWHERE),
    errno.EPERM: ("permission denied", ELSEWHERE),
    errno.EIO: ("its disk fails", "look after the disk, and set FLATDIFF_HOME to another"),
}
MEANT = {sqlite3.SQLITE_FULL: errno.ENOSPC, sqlite3.SQLITE_IOERR: errno.EIO}
PROBE_BYTES = 1 << 16  # what a tile takes, roughly
HELD = (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)
# Of locks and of memory that programs share: SQLite's extended codes.
LOCKING = {
    sqlite3.SQLITE_PROTOCOL,
    sqlite3.SQLITE_IOERR_LOCK,
    sqlite3.SQLITE_IOERR_SHMOPEN,
    sqlite3.SQLITE_IOERR_SHMMAP,
    sqlite3.SQLITE_IOERR_SHMLOCK,
}


def why_refused(path: Path, error: OSError | sqlite3.Error) -> str:
    """A cause and a remedy, as in "the store cannot be opened: ..".

    Args:
        path: of the file.
        error: what opening, reading or writing it raised.
    """
    if isinstance(error, OSError):
        return _told_by_system(error)
    code = getattr(error, "sqlite_errorcode", 0)
    if code & 0xFF in HELD:
        return f"another program holds it ({error}); wait for that one, or end it"
    if path.is_dir():
        return f"it is a folder, {error}; set FLATDIFF_HOME to another folder, or move that one"
    if (refused := _probed(path)) is not None:
        return _told_by_system(refused)
    if code in LOCKING:
        return (
            f"its file system cannot lock files ({error}), as those of a network; set "
            "FLATDIFF_HOME to a folder on a disk of this machine"
        )
    if (number := MEANT.get(code & 0xFF)) is not None:  # though it took the probe
        return _told_by_system(OSError(number, str(error)))
    return f"{error}; set FLATDIFF_HOME to another folder"


def _told_by_system(error: OSError) -> str:
    cause, remedy = CAUSES.get(
        error.errno or 0, (error.strerror, "set FLATDIFF_HOME to a folder that can be made")
    )
    return f"{cause}; {remedy}"


def _probed(path: Path) -> OSError | None:
    """What stands in the way of writing the file, or another one beside it."""
    try:
        if path.exists():
            os.close(os.open(path, os.O_RDWR))
        with tempfile.NamedTemporaryFile(dir=path.parent, prefix=f".{path.name}.") as file:
            file.write(b"x" * PROBE_BYTES)
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        return error
    return None
