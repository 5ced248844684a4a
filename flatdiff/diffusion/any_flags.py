"""Flags of any network that can be measured: ADM's own, or those of a U-Net of diffusers."""

from collections.abc import Mapping
from typing import Any

from flatdiff.diffusion.diffusers_flags import DiffusersFlags
from flatdiff.diffusion.flags import AdmFlags

Flags = AdmFlags | DiffusersFlags


def flags_from_json(values: Mapping[str, Any]) -> Flags:
    """Back from a card; ADM's flags name no library.

    Raises:
        SettingsError: an entry is unknown, missing or out of range.
    """
    kind = DiffusersFlags if isinstance(values, Mapping) and "library" in values else AdmFlags
    return kind.from_json(values)
