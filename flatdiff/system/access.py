"""Access is who may change what here: the owner everything, visitors what does not last."""

import os

from flatdiff.errors import FlatdiffError

PASSWORD = "FLATDIFF_PASSWORD"  # noqa: S105  (the name of a variable)


def read_only() -> bool:
    """Whether $FLATDIFF_READ_ONLY is set: visitors measure and read, and change no checkpoint."""
    return os.environ.get("FLATDIFF_READ_ONLY", "") not in ("", "0")


def serves_others() -> bool:
    """Whether people come in who are not the owner: by a password, or to read only."""
    return read_only() or bool(os.environ.get(PASSWORD))


def require_writable(action: str) -> None:
    """Refuse what only the owner of the dashboard may do.

    Raises:
        FlatdiffError: $FLATDIFF_READ_ONLY is set.
    """
    if read_only():
        raise FlatdiffError(
            f"{action} is not possible here: this dashboard is read-only (FLATDIFF_READ_ONLY)"
        )
