"""Puts the bundled checkpoints into a wheel; an editable install finds them where they are."""

from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class CheckpointsInWheel(BuildHookInterface):
    """`checkpoints/` becomes `flatdiff/shipped/`, see `flatdiff.system.files.shipped`."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Hatchling's hook; `version` is "standard" or "editable"."""
        if version == "standard":
            build_data["force_include"]["checkpoints"] = "flatdiff/shipped"
