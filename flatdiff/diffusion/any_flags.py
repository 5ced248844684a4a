"""Flags of any network that can be measured: ADM's, diffusers', or of somebody's own code."""

from collections.abc import Mapping
from typing import Any

from flatdiff.diffusion.diffusers_flags import DiffusersFlags
from flatdiff.diffusion.flags import AdmFlags
from flatdiff.diffusion.own_flags import LIBRARY, OwnFlags

Flags = AdmFlags | DiffusersFlags | OwnFlags


def flags_from_json(values: Mapping[str, Any]) -> Flags:
    """Back from a card; ADM's flags name no library.

    Raises:
        SettingsError: an entry is unknown, missing or out of range.
    """
    library = values.get("library") if isinstance(values, Mapping) else None
    if library is None:
        return AdmFlags.from_json(values)
    return (OwnFlags if library == LIBRARY else DiffusersFlags).from_json(values)
