"""What a study has measured: every number of its tables with its error and the paper's own."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import pandas as pd

from flatdiff.checkpoints.card import Card
from flatdiff.measures.frechet import FrechetSettings
from flatdiff.paper.entries import STUDY, Entry
from flatdiff.paper.family import suited_to
from flatdiff.paper.matched import Matching
from flatdiff.paper.quantities import DATA, Quantity
from flatdiff.reports.columns import Column, Value
from flatdiff.reports.measured import Measured
from flatdiff.reports.summary import title_of

# The paper's datasets by their names here.
NAMES: dict[str, str] = dict(zip(("cifar10", "lsun_tower", "ffhq64"), DATA, strict=True))


@dataclass(frozen=True)
class Study:
    """Finished results of every checkpoint of a family."""

    cards: Sequence[Card]
    items: Sequence[Measured]
    num_images: int | None = None  # asked for; see `suited_to`
    at: Matching = "end"  # where runs are compared

    @property
    def family(self) -> str:
        """That the checkpoints are of."""
        return self.cards[0].family

    @property
    def data(self) -> str:
        """Their images: one of the paper's datasets by its name there, or another."""
        return NAMES.get(self.cards[0].dataset, self.cards[0].dataset)

    @property
    def inception(self) -> bool:
        """Whether Inception sees the images, so that distances are FID."""
        return self.settings(FrechetSettings()).features == "inception"

    @cached_property
    def by_settings(self) -> dict[tuple[str, Any], list[Measured]]:
        """Results of one measure with one settings record together."""
        found: dict[tuple[str, Any], list[Measured]] = {}
        for item in self.items:
            found.setdefault((item.measure, item.request.settings), []).append(item)
        return found

    def settings(self, settings: Any) -> Any:
        """Those of a record as they were asked for."""
        return suited_to(settings, self.cards, self.num_images)

    def item(self, measure: str, settings: Any, card: Card) -> Measured:
        """What a record's measurement has found of a checkpoint."""
        found = self.by_settings[measure, self.settings(settings)]
        return next(item for item in found if item.request.checkpoint == card.id)

    def value(self, column: Column, card: Card) -> Value:
        """A number and its standard error."""
        return column.value(self.item(column.measure, column.settings, card).result)

    def title(self, column: Column) -> str:
        """A distance between images is FID where Inception sees them."""
        return title_of(column, self.settings(column.settings))

    def shown(self, entry: Entry) -> list[Card]:
        """The checkpoints that an entry speaks of."""
        return [card for card in self.cards if not entry.methods or card.method in entry.methods]


def name_of(card: Card) -> str:
    """Its method's name; its own where that is another."""
    return card.title if card.name == card.method else card.name


def numbers(study: Study) -> pd.DataFrame:
    """A row an entry, quantity and checkpoint."""
    return pd.DataFrame(
        [
            _row(study, entry, quantity, card)
            for entry in STUDY
            for quantity in entry.quantities
            for card in study.shown(entry)
        ]
    )


def _row(study: Study, entry: Entry, quantity: Quantity, card: Card) -> dict[str, Any]:
    column = quantity.column
    item = study.item(column.measure, column.settings, card)
    value, error = column.value(item.result)
    reported = {
        f"paper, {name}": quantity.reported.get(name, {}).get(card.method, "") for name in DATA
    }
    return {
        "entry": entry.name,
        "quantity": study.title(column),
        "checkpoint": card.id,
        "method": name_of(card),
        "value": value,
        "standard_error": error,
        **reported,
        "measure": column.measure,
        "key": item.request.key,
    }
