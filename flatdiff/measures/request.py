"""A request is one measurement somebody wants: measure, checkpoint, panel and settings.

Its key is the SHA-256 of exactly what decides the numbers; asking twice, from two browsers or two
programs, is asking once. The checkpoint enters by the digest of its weights, not by its name.
"""

import dataclasses
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property, lru_cache
from itertools import groupby
from pathlib import Path
from typing import Any, TypeVar

from flatdiff.checkpoints.card import Card
from flatdiff.diffusion.any_flags import Flags
from flatdiff.errors import SettingsError
from flatdiff.landscape.panel import Panel, panel_digest
from flatdiff.measures import MEASURES
from flatdiff.measures.base import Item, Measure
from flatdiff.settings import canonical_json, digest, from_mapping, require, require_text
from flatdiff.system.foreign_json import record_from_json

T = TypeVar("T")


@dataclass(frozen=True)
class Partner:
    """A further checkpoint that a measurement speaks of, as the end of an axis."""

    checkpoint: str  # "<family>/<name>"
    digest: str  # SHA-256 of the weights

    def __post_init__(self) -> None:
        for name in ("checkpoint", "digest"):
            require_text(name, getattr(self, name))


@dataclass(frozen=True)
class Run:
    """Consecutive items that are alike."""

    word: str  # what they are, as the measure calls it
    image_forwards: int  # of one of them
    count: int


@dataclass(frozen=True)
class Request:
    """One measurement, ready to be looked up or computed."""

    measure: str  # a key of MEASURES
    checkpoint: str  # "<family>/<name>", where to find the weights
    checkpoint_digest: str  # SHA-256 of the weights
    architecture: str  # digest of the flags that decide what the weights compute
    panel: Panel
    settings: Any  # of the measure's settings type
    partners: tuple[Partner, ...] = ()  # of the same architecture

    def __post_init__(self) -> None:
        for name in ("checkpoint", "checkpoint_digest", "architecture"):
            require_text(name, getattr(self, name))
        fewest, got = self.definition.min_partners(self.settings), len(self.partners)
        expected = f"at least {fewest}" if fewest else "none"
        fits = got >= fewest if fewest else not got
        require(fits, "further checkpoints", expected, got)

    @cached_property
    def key(self) -> str:
        """64 hex digits: equal keys, equal numbers."""
        return digest(
            {
                "measure": self.measure,
                "version": self.definition.version,
                "checkpoint": self.checkpoint_digest,
                "architecture": self.architecture,
                "panel": panel_digest(self.panel),
                "settings": decisive(self.settings),
                "partners": [partner.digest for partner in self.partners],
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

    def image_forwards(self, position: int) -> int:
        """The cost of an item; not kept, as a server knows hundreds of requests of thousands."""
        return self.definition.image_forwards(self.settings, self.items[position], self.panel.size)

    @cached_property
    def first_plan(self) -> Sequence[int]:
        """Positions of the items that are needed whatever they show."""
        return self.definition.needed(self.settings, {})

    @property
    def num_sketched(self) -> int:
        """Items, the first ones in the order of computing, that make a first picture."""
        return self.definition.sketched(self.settings)

    @cached_property
    def _first_runs(self) -> tuple[Run, ...]:
        return tuple(self._runs(self.first_plan))

    def runs(self, positions: Sequence[int]) -> Sequence[Run]:
        """The items at some positions as runs of alike ones; of the first plan kept."""
        return self._first_runs if positions is self.first_plan else list(self._runs(positions))

    def _runs(self, positions: Sequence[int]) -> Iterator[Run]:
        kinds = ((str(self.items[p][0]), self.image_forwards(p)) for p in positions)
        for (word, image_forwards), alike in groupby(kinds):
            yield Run(word, image_forwards, sum(1 for _ in alike))

    def to_json(self) -> str:
        """Canonical JSON, for the store and the workers."""
        return canonical_json(
            {
                "measure": self.measure,
                "checkpoint": self.checkpoint,
                "checkpoint_digest": self.checkpoint_digest,
                "architecture": self.architecture,
                "panel": self.panel,
                "settings": asdict(self.settings),
                "partners": [asdict(partner) for partner in self.partners],
            }
        )

    @classmethod
    def from_json(cls, text: str) -> "Request":
        """Back from `to_json`.

        Raises:
            SettingsError: it is no JSON, or an entry is missing, unknown or out of range.
        """
        return record_from_json(text, cls._made)

    @classmethod
    def _made(cls, values: Any) -> "Request":
        require_text("measure", values["measure"])
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
            partners=tuple(
                from_mapping(Partner, partner, "partner") for partner in values["partners"]
            ),
        )


def decisive(settings: Any) -> dict[str, Any]:
    """What of a settings record enters a key.

    A setting that was added later is left out where it has its default, by which the numbers are
    those that they were before there was one: results keep their keys.
    """
    kept = asdict(settings)
    for entry in dataclasses.fields(settings):
        if entry.metadata.get("later") and getattr(settings, entry.name) == entry.default:
            del kept[entry.name]
    return kept


def make_request(
    measure: str,
    card: Card,
    settings: Any,
    panel: Panel | None = None,
    partners: Sequence[Card] = (),
) -> Request:
    """A request for a checkpoint.

    Args:
        measure: a key of MEASURES.
        card: of the checkpoint.
        settings: of the measure's settings type.
        panel: default: the default one of the checkpoint's dataset.
        partners: further checkpoints of the same architecture, where the settings want them.

    Raises:
        SettingsError: partners are missing, not wanted, or of another architecture, or the
            network cannot be asked this.
    """
    if why := unfit(measure, card):
        raise SettingsError(f"{measure} cannot be measured of {card.id}: {why}")
    for partner in partners:
        same = architecture_of(partner) == architecture_of(card)
        require(same, "further checkpoints", f"of the architecture of {card.id}", partner.id)
    return Request(
        measure=measure,
        checkpoint=card.id,
        checkpoint_digest=card.digest,
        architecture=architecture_of(card),
        panel=Panel(dataset=card.dataset) if panel is None else panel,
        settings=settings,
        partners=tuple(Partner(partner.id, partner.digest) for partner in partners),
    )


def unfit(measure: str, card: Card) -> str:
    """Why a measure cannot be asked of a checkpoint, as half a sentence; "" where it can."""
    return MEASURES[measure].unfit(card.flags)


def completed(settings: T, root: Path, card: Card) -> T:
    """With what a checkpoint decides filled in where it was left empty: see `filled_in`.

    Raises:
        CheckpointError: the checkpoint's tensors cannot be read.
    """
    empty = {
        entry.name: entry.metadata["filled_in"](root, card)
        for entry in dataclasses.fields(settings)  # pyright: ignore[reportArgumentType]
        if "filled_in" in entry.metadata and not getattr(settings, entry.name)
    }
    return dataclasses.replace(settings, **empty) if empty else settings  # pyright: ignore[reportArgumentType, reportReturnType]


def architecture_of(card: Card) -> str:
    """Digest of what its weights mean: every flag but dropout, which is off in measurements.

    Heads, attention order and schedule leave no trace in the weights and change every number.
    """
    return _architecture(card.flags)


@lru_cache(maxsize=256)  # hundreds of checkpoints share a few networks
def _architecture(flags: Flags) -> str:
    return digest(flags.without_dropout())
