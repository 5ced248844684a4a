"""A request is one measurement somebody wants: measure, checkpoint, panel and settings.

Its key is the SHA-256 of exactly what decides the numbers; asking twice, from two browsers or two
programs, is asking once. The checkpoint enters by the digest of its weights, not by its name.
"""

import json
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any

from flatdiff import config
from flatdiff.cards import Card
from flatdiff.config import from_mapping, require
from flatdiff.measures import MEASURES
from flatdiff.measures.base import Item, Measure
from flatdiff.panel import Panel, panel_digest


@dataclass(frozen=True)
class Request:
    """One measurement, ready to be looked up or computed."""

    measure: str  # a key of MEASURES
    checkpoint: str  # "<family>/<name>", where to find the weights
    checkpoint_digest: str  # SHA-256 of the weights
    architecture: str  # digest of the network's flags: equal ones cost the same
    panel: Panel
    settings: Any  # of the measure's settings type

    @cached_property
    def key(self) -> str:
        """64 hex digits: equal keys, equal numbers."""
        return config.digest(
            {
                "measure": self.measure,
                "version": self.definition.version,
                "checkpoint": self.checkpoint_digest,
                "panel": panel_digest(self.panel),
                "settings": asdict(self.settings),
            }
        )

    @property
    def definition(self) -> Measure[Any, Any]:
        """The measure itself."""
        return MEASURES[self.measure]

    @cached_property
    def items(self) -> tuple[Item, ...]:
        """Every item, in the order in which they are computed."""
        return tuple(self.definition.items(self.settings))

    @cached_property
    def image_forwards(self) -> tuple[int, ...]:
        """The cost of each item."""
        cost = self.definition.image_forwards
        return tuple(cost(self.settings, item, self.panel.size) for item in self.items)

    @property
    def total_forwards(self) -> int:
        """Images through the network for the whole measurement."""
        return sum(self.image_forwards)

    def to_json(self) -> str:
        """Canonical JSON, for the store and the workers."""
        return config.canonical_json(
            {
                "measure": self.measure,
                "checkpoint": self.checkpoint,
                "checkpoint_digest": self.checkpoint_digest,
                "architecture": self.architecture,
                "panel": self.panel,
                "settings": asdict(self.settings),
            }
        )

    @classmethod
    def from_json(cls, text: str) -> "Request":
        """Back from `to_json`.

        Raises:
            SettingsError: an entry is unknown or out of range.
        """
        values = json.loads(text)
        known = ", ".join(MEASURES)
        require(values["measure"] in MEASURES, "measure", f"one of {known}", values["measure"])
        measure = MEASURES[values["measure"]]
        return cls(
            measure=measure.name,
            checkpoint=values["checkpoint"],
            checkpoint_digest=values["checkpoint_digest"],
            architecture=values["architecture"],
            panel=from_mapping(Panel, values["panel"], "panel"),
            settings=from_mapping(measure.settings_type, values["settings"], "settings"),
        )


def make_request(measure: str, card: Card, settings: Any, panel: Panel | None = None) -> Request:
    """A request for a checkpoint; without a panel, the default one of the checkpoint's dataset."""
    chosen = Panel(dataset=card.dataset) if panel is None else panel
    architecture = config.digest(card.flags)
    return Request(measure, card.id, card.digest, architecture, chosen, settings)
