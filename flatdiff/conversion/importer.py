"""Takes a foreign file of weights into the collection, as checkpoints like any other.

The file holds a state dict of an ADM network, as safetensors or as PyTorch writes it, in any usual
packaging, or is a checkpoint that another flatdiff gave away with its card inside (`portable`).
Which tensors it holds is looked at first; the numbers are read by a process of its own
(`convert.py`), so that no file can take this one down. A file with raw and averaged weights
becomes several checkpoints, which appear together.
"""

import json
import os
import shutil
import threading
from collections.abc import Callable, Iterable, Sequence
from io import BufferedIOBase
from pathlib import Path

from flatdiff.checkpoints.card import WEIGHTS_FILE, Card, list_cards, read_card, verify_weights
from flatdiff.checkpoints.collection import free_folder, publish, staged
from flatdiff.checkpoints.header import MAX_HEADER_BYTES
from flatdiff.conversion import launch
from flatdiff.conversion.card_draft import CARD_KEY, drafts
from flatdiff.conversion.diffusers_folder import diffusers_folder, folder_draft
from flatdiff.conversion.draft import Description, Draft
from flatdiff.conversion.foreign_file import ForeignFile, foreign_file
from flatdiff.conversion.own_weights import OwnWeights, own_draft
from flatdiff.conversion.weights_path import weights_path
from flatdiff.errors import CheckpointError
from flatdiff.images.datasets import DATASETS
from flatdiff.settings import require
from flatdiff.system.access import Action, require_right
from flatdiff.system.files import not_written, resolve_inside

MAX_UPLOAD_BYTES = 200 << 20
MAX_UPLOADS_BYTES = 2 << 30  # of all checkpoints that came as a file
_publishing = threading.Lock()  # between the last look at the room and its being taken


def import_file(
    root: Path, path: Path, said: Description, own: OwnWeights | None = None
) -> tuple[Card, ...]:
    """Take in a file that is on this machine.

    Args:
        root: of the checkpoints.
        path: of the file, of the index of its parts, of a folder with one such file, or of a
            network or pipeline of diffusers.
        said: what a person says of it.
        own: the network of somebody's own code whose weights it holds.

    Returns:
        The cards of the new checkpoints, one for each set of weights that was meant.

    Raises:
        FlatdiffError: why it was not taken in; nothing was changed.
    """
    require_right(Action.ADD)
    with staged(root) as folder:
        weights, made = _drafted(path, said, own)
        return _taken_in(root, folder, weights, made, lambda cards: None)


def _drafted(
    path: Path, said: Description, own: OwnWeights | None
) -> tuple[Path, tuple[Draft, ...]]:
    """The weights that are meant, and every checkpoint that is to be made of them."""
    failed = f"{path.name} cannot be read"
    try:
        if not own and (found := diffusers_folder(path)):
            header = launch.foreign_header(found.weights)
            return found.weights, (folder_draft(found, header, said),)
        path = weights_path(path)
        if own:
            return path, (own_draft(own, path.name, launch.foreign_header(path), said),)
    except CheckpointError as error:
        raise CheckpointError(f"{failed}: {error}") from None
    return path, drafts(_looked_at(path, path.name, failed), said)


def look_at_upload(root: Path, content: BufferedIOBase, name: str) -> ForeignFile:
    """What a file that a visitor sent says of its weights.

    Args:
        root: of the checkpoints.
        content: of the file; a torch file is opened by a process of its own.
        name: that it had on the visitor's machine.

    Raises:
        FlatdiffError: read-only, it is too large, or no file of weights.
    """
    require_right(Action.ADD)
    with staged(root) as folder:
        return _looked_at(_written(content, folder), name, "the file cannot be read")


def import_upload(
    root: Path, content: BufferedIOBase, file: ForeignFile, said: Description
) -> tuple[Card, ...]:
    """Take in a file that a visitor sent.

    Args:
        root: of the checkpoints.
        content: of the file.
        file: what `look_at_upload` found it to be.
        said: what the visitor says of it.

    Returns:
        The cards of the new checkpoints, one for each set of weights that was meant.

    Raises:
        FlatdiffError: why it was not taken in; nothing was changed.
    """
    require_right(Action.ADD)
    with staged(root) as folder:
        path = _written(content, folder)
        made = drafts(file, said)
        return _taken_in(root, folder, path, made, lambda cards: _require_welcome(root, cards))


def portable(root: Path, card: Card) -> bytes:
    """A checkpoint as one file with its card inside.

    Raises:
        CheckpointError: the weights are damaged, or the card is too long for a header.
    """
    folder = resolve_inside(root, card.id)
    verify_weights(folder, card)
    content = (folder / WEIGHTS_FILE).read_bytes()
    end = 8 + int.from_bytes(content[:8], "little")
    tensors = json.loads(content[8:end])
    tensors["__metadata__"] = {CARD_KEY: json.dumps(card.to_json())}
    text = json.dumps(tensors).encode()
    text += b" " * (-len(text) % 8)
    if len(text) > MAX_HEADER_BYTES:
        raise CheckpointError(f"the card of {card.id} is too long to travel with its weights")
    return len(text).to_bytes(8, "little") + text + content[end:]


def _require_welcome(root: Path, cards: Sequence[Card]) -> None:
    """Of what a visitor sends: images that everybody has, and room for all of it."""
    expected = f"one of {', '.join(DATASETS)} for an upload"  # no folder of this machine
    for card in cards:
        require(card.dataset in DATASETS, "dataset", expected, card.dataset)
    _require_room(root, _num_bytes(cards))


def _require_room(root: Path, num_bytes: int) -> None:
    cards = [card for card in list_cards(root) if isinstance(card, Card) and card.origin]
    used = _num_bytes(cards)
    if used + num_bytes > MAX_UPLOADS_BYTES:
        raise CheckpointError(
            f"the {len(cards)} checkpoints that came as a file take {used / 1e9:.2f} GB of "
            f"{MAX_UPLOADS_BYTES / 1e9:.2f}, and this file wants {num_bytes / 1e9:.2f} more; "
            "delete some, or use `flatdiff import`"
        )


def _num_bytes(cards: Iterable[Card]) -> int:
    """What checkpoints take on the disk, as float32."""
    return sum(card.num_parameters * 4 for card in cards)


def _written(file: BufferedIOBase, folder: Path) -> Path:
    """An upload on the disk, where another process can read it."""
    size = file.seek(0, os.SEEK_END)
    if size > MAX_UPLOAD_BYTES:
        raise CheckpointError(
            f"the file has {size / 1e6:.0f} MB, an upload at most {MAX_UPLOAD_BYTES / 1e6:.0f}; "
            "`flatdiff import` takes any size"
        )
    file.seek(0)
    path = folder / "upload"
    try:
        with path.open("wb") as copy:
            shutil.copyfileobj(file, copy, 1 << 20)
    except OSError as error:
        raise CheckpointError(not_written(folder, error)) from None
    return path


def _looked_at(path: Path, name: str, failed: str) -> ForeignFile:
    try:
        return foreign_file(name, launch.foreign_header(path))
    except CheckpointError as error:
        raise CheckpointError(f"{failed}: {error}") from None


def _taken_in(
    root: Path,
    folder: Path,
    path: Path,
    made: Sequence[Draft],
    require_allowed: Callable[[Sequence[Card]], None],
) -> tuple[Card, ...]:
    """Check it, convert it in a process of its own, publish all that comes of it."""
    new = folder / "new"  # deeper than any listing of checkpoints looks
    by_folder = {new / str(n): draft for n, draft in enumerate(made)}
    cards = [draft.card for draft in by_folder.values()]
    for card in cards:
        free_folder(root, card.id)
    require_allowed(cards)
    launch.run_conversion(path, by_folder)
    with _publishing:
        require_allowed(cards)  # others may have taken the room meanwhile
        publish(root, {draft.card.id: own for own, draft in by_folder.items()})
    return tuple(read_card(root, card.id) for card in cards)
