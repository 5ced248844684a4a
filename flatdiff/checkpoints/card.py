"""A card is what a checkpoint says about itself; the gallery reads cards and never the weights.

A checkpoint is a folder `<family>/<name>/` with `weights.safetensors` (float32) and `card.json`.
Its identity is the SHA-256 of the weights file.
"""

import dataclasses
import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

from flatdiff.checkpoints.averages import METHODS, WEIGHT_KINDS, WeightKind
from flatdiff.checkpoints.recipe import Recipe
from flatdiff.diffusion.any_flags import Flags, flags_from_json
from flatdiff.diffusion.flags import AdmFlags
from flatdiff.errors import CheckpointError, FlatdiffError, SettingsError
from flatdiff.settings import canonical_json, from_mapping, require
from flatdiff.system.files import atomic_write, resolve_inside, sha256_of
from flatdiff.system.foreign_json import (
    as_sentence,
    is_text,
    read_foreign_json,
    require_showable,
)

FORMAT_VERSION = 1
WEIGHTS_FILE = "weights.safetensors"
CARD_FILE = "card.json"
MAX_CARD_BYTES = 4 << 20
SEAL = "sha256"  # of everything else that the card says; earlier cards have none
KNOWN_SHOWN = 12  # ids in a sentence
# What comes of a card that is none: wrong types in any place, numbers that do not fit, no access.
UNREADABLE = (ValueError, TypeError, AttributeError, LookupError, ArithmeticError, OSError)


@dataclass(frozen=True, kw_only=True)
class Card:
    """Everything about a checkpoint but its weights."""

    family: str  # checkpoints of one family share a network and a dataset
    name: str  # of the folder
    method: str  # a key of averages.METHODS
    weights: WeightKind
    dataset: str
    split: str  # that it was trained on
    flags: Flags
    step: int
    num_averaged: int | None = None  # models in an SWA mean; None for other weights
    num_parameters: int
    digest: str  # SHA-256 of weights.safetensors, 64 hex digits
    recipe: Recipe | None  # None where the training is not ours
    command: str = ""  # that trained it
    environment: dict[str, str] = field(default_factory=dict)  # versions, threads, device
    loss_history: list[list[float]] = field(default_factory=list)  # [step, mean loss since last]
    origin: dict[str, str] = field(default_factory=dict)  # of weights that came as a file
    num_non_finite: int | None = None  # weights that are NaN or infinite; None: never counted
    format_version: int = FORMAT_VERSION

    def __post_init__(self) -> None:
        for name in ("family", "name", "method", "dataset", "split", "digest", "command"):
            require(isinstance(getattr(self, name), str), name, "text", getattr(self, name))
        for name in ("step", "num_parameters"):
            value = getattr(self, name)
            require(isinstance(value, int) and value >= 0, name, "an integer of at least 0", value)
        kinds = ", ".join(WEIGHT_KINDS)
        require(self.weights in WEIGHT_KINDS, "weights", f"one of {kinds}", self.weights)
        for name in ("environment", "origin"):
            table = getattr(self, name)
            texts = isinstance(table, dict) and all(isinstance(v, str) for v in table.values())
            require(texts, name, "a table of texts", table)
        for name in ("num_averaged", "num_non_finite"):
            value = getattr(self, name)
            whole = value is None or (isinstance(value, int) and value >= 0)
            require(whole, name, "an integer of at least 0, or null", value)
        require(isinstance(self.loss_history, list), "loss_history", "a list", self.loss_history)
        other = next((row for row in self.loss_history if not _is_row(row)), None)
        require(other is None, "a row of loss_history", "a step and a loss", other)

    @property
    def id(self) -> str:
        """`<family>/<name>`, by which every page and command calls it."""
        return f"{self.family}/{self.name}"

    @property
    def title(self) -> str:
        """The method as the paper writes it; of another network than ADM, its name."""
        of_adm = isinstance(self.flags, AdmFlags)
        return METHODS.get(self.method, self.name) if of_adm else self.name

    @property
    def short_title(self) -> str:
        """The title where the name says no more than it."""
        return self.title if self.name == self.method else self.name

    @property
    def label(self) -> str:
        """How it is called in headings and legends; no two checkpoints share one."""
        usual = self.name in METHODS and self.name == self.method
        return f"{self.title} ({self.family})" if usual else self.id

    def to_json(self) -> dict[str, Any]:
        """Plain data."""
        return dataclasses.asdict(self)

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> "Card":
        """Back from card.json.

        Raises:
            SettingsError: an entry is unknown, missing or out of range, or the format is newer.
        """
        version = values.get("format_version")
        if version != FORMAT_VERSION:
            raise SettingsError(
                f"card format {version!r}; this flatdiff reads format {FORMAT_VERSION}"
            )
        parsed = dict(values)
        if "flags" in parsed:
            parsed["flags"] = flags_from_json(parsed["flags"])
        if parsed.get("recipe") is not None:
            parsed["recipe"] = Recipe.from_json(parsed["recipe"])
        return from_mapping(cls, parsed, "card")


def _is_row(row: object) -> bool:
    """Of a loss history: charts are drawn from it, and a card may come from a stranger."""
    return (
        isinstance(row, list | tuple)
        and len(row) == 2
        and all(isinstance(value, int | float) for value in row)
    )


@dataclass(frozen=True)
class BrokenCard:
    """A folder that holds a checkpoint which cannot be used, and the reason in one sentence."""

    id: str
    reason: str


def read_card(root: Path, checkpoint_id: str) -> Card:
    """The card of `<family>/<name>` below a root.

    Raises:
        CheckpointError: there is none, it cannot be read, or its weights file is absent.
    """
    try:
        folder = resolve_inside(root, checkpoint_id)
        path = _file_in(root, folder, CARD_FILE)
        if not path.is_file():
            raise CheckpointError(f"no checkpoint {checkpoint_id!r}; {_known(root)}")
        status = path.stat()
        if status.st_size > MAX_CARD_BYTES:
            raise CheckpointError(f"{path} is over {MAX_CARD_BYTES >> 20} MB; that is no card")
        card = _parsed(path, status.st_ino, status.st_mtime_ns, status.st_size)
    except UNREADABLE as error:
        why = as_sentence(str(error))
        raise CheckpointError(f"the card of {checkpoint_id} cannot be read: {why}") from None
    if not _file_in(root, folder, WEIGHTS_FILE).is_file():
        raise CheckpointError(f"{checkpoint_id} has a card but no {WEIGHTS_FILE}")
    if card.id != checkpoint_id:
        card = dataclasses.replace(card, family=folder.parent.name, name=folder.name)
    return card


def _file_in(root: Path, folder: Path, name: str) -> Path:
    """Of a checkpoint's folder; a link must not lead out either."""
    path = folder / name
    if path.is_symlink():
        return resolve_inside(root, path.relative_to(root.resolve()).as_posix())
    return path


@lru_cache(maxsize=2048)  # the gallery lists hundreds of cards at every click
def _parsed(path: Path, *_version: int) -> Card:
    """A card's content as it was at some inode, time and size."""
    values = dict(read_foreign_json(path.read_bytes()))
    sha256 = values.pop(SEAL, None)
    if sha256 is not None and sha256 != _seal(values):
        raise SettingsError(
            "it is not as flatdiff wrote it: a byte has changed, or somebody edited it and should "
            f"remove its entry {SEAL!r}"
        )
    return Card.from_json(values)


def _seal(values: dict[str, Any]) -> str:
    """A digest of everything a card says, whatever the order and the blanks."""
    return hashlib.sha256(canonical_json(values).encode()).hexdigest()


def _known(root: Path) -> str:
    """What there is instead, as a part of a sentence."""
    ids = card_ids(root)
    more = f" and {len(ids) - KNOWN_SHOWN} more" if len(ids) > KNOWN_SHOWN else ""
    return f"known checkpoints: {', '.join(ids[:KNOWN_SHOWN]) or 'none'}{more}"


def card_ids(root: Path) -> list[str]:
    """Every `<family>/<name>` below a root that has a card and can be written, sorted."""
    return sorted(filter(is_text, _folders(root)))


def _folders(root: Path) -> Iterator[str]:
    for path in root.glob(f"*/*/{CARD_FILE}"):
        yield path.parent.relative_to(root).as_posix()


def list_cards(root: Path) -> Iterator[Card | BrokenCard]:
    """Every checkpoint below a root, the paper's methods in the paper's order first.

    This is the border to the disk: all of it can be shown, and nothing there stops the listing.
    """
    order = {name: position for position, name in enumerate(METHODS)}
    names = sorted(_folders(root))
    ids = filter(is_text, names)
    for checkpoint_id in sorted(ids, key=lambda i: (order.get(i.split("/")[1], len(order)), i)):
        try:
            yield read_card(root, checkpoint_id)
        except FlatdiffError as error:
            yield BrokenCard(checkpoint_id, as_sentence(str(error)))
    for name in names:
        if not is_text(name):
            yield BrokenCard(as_sentence(name), "the name of its folder is not UTF-8; rename it")


def write_card(folder: Path, card: Card) -> None:
    """Written after the weights, so that a folder with a card is whole.

    Raises:
        CheckpointError: the card is longer than `read_card` reads, or holds what no page can show.
        FlatdiffError: it cannot be written.
    """
    values = card.to_json()
    try:
        require_showable(values)
        text = json.dumps({**values, SEAL: _seal(values)}, indent=1, ensure_ascii=False)
        content = f"{text}\n".encode()
    except SettingsError as error:
        raise CheckpointError(f"the card of {card.id} cannot be written: {error}") from None
    if len(content) > MAX_CARD_BYTES:
        raise CheckpointError(f"the card of {card.id} is over {MAX_CARD_BYTES >> 20} MB")
    atomic_write(folder / CARD_FILE, content)


def verify_weights(folder: Path, card: Card) -> None:
    """Raise where the weights are not those of the card.

    Raises:
        CheckpointError: the digest differs: damaged on disk, or replaced by hand; or the file
            has gone: deleted or renamed while somebody was about to read it.
    """
    try:
        got = sha256_of(folder / WEIGHTS_FILE)
    except OSError as error:
        raise CheckpointError(
            f"the weights of {card.id} cannot be read: {error.strerror}"
        ) from None
    if got != card.digest:
        raise CheckpointError(
            f"the weights of {card.id} have SHA-256 {got[:12]}..., its card says "
            f"{card.digest[:12]}...; restore the file or train again"
        )
