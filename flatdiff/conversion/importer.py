"""Takes a foreign file of weights into the collection, as a checkpoint like any other.

The file holds a state dict of an ADM network, as safetensors or as PyTorch writes it, in any usual
packaging, or is a checkpoint that another flatdiff gave away with its card inside (`portable`).
Which tensors it holds is looked at first; the numbers are read by a process of its own
(`convert.py`), so that no file can take this one down.
"""

import dataclasses
import json
import os
import shutil
import threading
from collections.abc import Callable
from io import BufferedIOBase
from pathlib import Path

from flatdiff.checkpoints.card import WEIGHTS_FILE, Card, list_cards, read_card, verify_weights
from flatdiff.checkpoints.collection import free_folder, publish, staged
from flatdiff.checkpoints.header import MAX_HEADER_BYTES, Header, as_text
from flatdiff.conversion import launch
from flatdiff.conversion.card_draft import CARD_KEY, Description, draft
from flatdiff.conversion.weight_sets import described
from flatdiff.errors import CheckpointError
from flatdiff.images.datasets import DATASETS
from flatdiff.settings import require
from flatdiff.system.access import require_writable
from flatdiff.system.files import resolve_inside

MAX_UPLOAD_BYTES = 200 << 20
MAX_UPLOADS_BYTES = 2 << 30  # of all checkpoints that came as a file
_publishing = threading.Lock()  # between the last look at the room and its being taken


def import_file(root: Path, path: Path, said: Description) -> Card:
    """Take in a file that is on this machine.

    Raises:
        FlatdiffError: why it was not taken in; nothing was changed.
    """
    require_writable("Importing a checkpoint")
    free_folder(root, said.id)
    with staged(root) as folder:
        return _taken_in(root, folder, path.absolute(), path.name, said, lambda card: None)


def import_upload(root: Path, file: BufferedIOBase, name: str, said: Description) -> Card:
    """Take in a file that a visitor sent.

    Args:
        root: of the checkpoints.
        file: its content.
        name: that it had on the visitor's machine; only noted down.
        said: what the visitor says of it.

    Raises:
        FlatdiffError: why it was not taken in; nothing was changed.
    """
    require_writable("Importing a checkpoint")
    free_folder(root, said.id)
    with staged(root) as folder:
        path = _written(file, folder)
        return _taken_in(root, folder, path, name, said, lambda card: _require_welcome(root, card))


def upload_header(root: Path, file: BufferedIOBase) -> Header:
    """Which tensors an uploaded file holds; a torch file is opened by a process of its own.

    Raises:
        FlatdiffError: read-only, it is too large, or no file of weights.
    """
    require_writable("Importing a checkpoint")
    with staged(root) as folder:
        try:
            return launch.foreign_header(_written(file, folder))
        except CheckpointError as error:
            raise CheckpointError(f"the file cannot be read: {error}") from None


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


def _require_welcome(root: Path, card: Card) -> None:
    """Of what a visitor sends: images that everybody has, and room."""
    expected = f"one of {', '.join(DATASETS)} for an upload"  # no folder of this machine
    require(card.dataset in DATASETS, "dataset", expected, card.dataset)
    _require_room(root, card.num_parameters * 4)  # of float32, in which they are kept


def _require_room(root: Path, num_bytes: int) -> None:
    cards = [card for card in list_cards(root) if isinstance(card, Card) and card.origin]
    used = sum(card.num_parameters * 4 for card in cards)
    if used + num_bytes > MAX_UPLOADS_BYTES:
        raise CheckpointError(
            f"the {len(cards)} checkpoints that came as a file take {used / 1e9:.2f} GB of "
            f"{MAX_UPLOADS_BYTES / 1e9:.2f}; delete some, or use `flatdiff import`"
        )


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
        raise CheckpointError(f"cannot write {folder}: {error.strerror}") from None
    return path


def _taken_in(
    root: Path,
    folder: Path,
    path: Path,
    name: str,
    said: Description,
    require_allowed: Callable[[Card], None],
) -> Card:
    """Look at it, check, convert in a process of its own, publish."""
    try:
        header = launch.foreign_header(path)
    except CheckpointError as error:
        raise CheckpointError(f"{name} cannot be read: {error}") from None
    found = draft(header, said, name)
    packaging = described(header, found.chosen)
    origin = {"file": as_text(name), **({"packaging": packaging} if packaging else {})}
    card = dataclasses.replace(found.card, origin=origin)
    require_allowed(card)
    launch.run_conversion(path, folder, card, found.chosen.prefix)
    (folder / "upload").unlink(missing_ok=True)
    with _publishing:
        require_allowed(card)  # others may have taken the room meanwhile
        publish(root, folder, card.id)
    return read_card(root, card.id)
