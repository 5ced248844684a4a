"""Access is who may do what here: one role a server, one table of rights.

The pages ask `may` for what they show; whatever writes asks `require_right` itself, so that a
button that should not be there changes nothing.
"""

import os
from collections.abc import Mapping
from enum import StrEnum

from flatdiff.errors import FlatdiffError

PASSWORD = "FLATDIFF_PASSWORD"  # noqa: S105  (the name of a variable)


class Role(StrEnum):
    """Who sits before the dashboard."""

    OWNER = "owner"  # nobody else comes in
    MEMBER = "member"  # has the password
    GUEST = "guest"  # of a server that is set to measuring and reading


class Action(StrEnum):
    """Whatever changes the store, jobs, checkpoints, runs or the disk; as sentences begin."""

    MEASURE = "Running a measurement"
    CANCEL_OWN = "Cancelling a measurement of one's own"
    CANCEL_ANY = "Cancelling a measurement of others"
    RECOMPUTE = "Computing a stored result again"
    CLEAR = "Clearing the store"
    ADD = "Adding a checkpoint"
    RENAME = "Renaming a checkpoint"
    DELETE = "Deleting a checkpoint"
    START_RUN = "Starting a run"
    CONTINUE_RUN = "Continuing a run"
    STOP_RUN = "Stopping a run"
    DELETE_RUN = "Deleting a run"


_KEEPERS = frozenset({Role.OWNER, Role.MEMBER})
_ALL = frozenset(Role)
# What a guest does adds to the store and takes nothing from anybody.
RIGHTS: Mapping[Action, frozenset[Role]] = {
    Action.MEASURE: _ALL,
    Action.CANCEL_OWN: _ALL,
    **{action: _KEEPERS for action in Action if action not in (Action.MEASURE, Action.CANCEL_OWN)},
}


def read_only() -> bool:
    """Whether $FLATDIFF_READ_ONLY is set: visitors measure and read, and change nothing else."""
    return os.environ.get("FLATDIFF_READ_ONLY", "") not in ("", "0")


def serves_others() -> bool:
    """Whether people come in who are not the owner: by a password, or to read only."""
    return role() is not Role.OWNER


def role() -> Role:
    """Of everybody who is let in here."""
    if read_only():
        return Role.GUEST
    return Role.MEMBER if os.environ.get(PASSWORD) else Role.OWNER


def may(action: Action) -> bool:
    """Whether who is let in here may do it."""
    return role() in RIGHTS[action]


def require_right(action: Action) -> None:
    """Refuse what the role does not allow.

    Raises:
        FlatdiffError: it does not.
    """
    if not may(action):
        raise FlatdiffError(
            f"{action} is not possible here: this dashboard is read-only (FLATDIFF_READ_ONLY)"
        )
