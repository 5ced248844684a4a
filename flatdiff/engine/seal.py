"""A seal is a digest over how a job ran and ended, kept in the text that says where it ran.

Numbers have digests of their own, tile by tile. With it no byte of what a person is told of a
finished job can change unseen; a record that does not fit its seal is not shown.
"""

import hashlib
import json
from functools import lru_cache
from typing import Any

from flatdiff.settings import canonical_json

_ENTRY = "sha256"
_LENGTH = 64  # of a digest; no version or device is as long


def sealed(environment: str | None, *record: Any) -> str | None:
    """The text with a digest over itself and the rest of a record.

    Args:
        environment: JSON of versions and device; None where nothing was computed.
        record: whatever else is told of the job.
    """
    table = _table(environment)
    if table is None:
        return environment
    table.pop(_ENTRY, None)
    return json.dumps({**table, _ENTRY: _digest(table, record)}, sort_keys=True)


@lru_cache(maxsize=4096)  # pages list hundreds of jobs at every click
def unsealed(environment: str | None, *record: Any) -> tuple[str | None, bool]:
    """The text without its seal, and whether that fits; what has none, fits."""
    if not environment:
        return environment, True
    table = _table(environment)
    if table is None:
        return None, False
    seal = table.pop(_ENTRY, None)
    if seal is None:  # or its name has changed
        return environment, not any(len(str(value)) == _LENGTH for value in table.values())
    try:
        fits = seal == _digest(table, record)
    except ValueError:  # a time that is no number any more
        fits = False
    return json.dumps(table, sort_keys=True), fits


def _table(text: str | None) -> dict[str, Any] | None:
    try:
        table = json.loads(text or "")
    except ValueError:
        return None
    return table if isinstance(table, dict) else None


def _digest(table: dict[str, Any], record: tuple[Any, ...]) -> str:
    return hashlib.sha256(canonical_json([table, *record]).encode()).hexdigest()
