"""An intake takes a foreign file of weights into the collection, as a checkpoint like any other.

The file is safetensors: a state dict of guided-diffusion's network, or a checkpoint that another
flatdiff gave away with its card inside (`portable`). Its header is checked first; the numbers are
read by a process of its own (`converter.py`), so that no file can take this one down.
"""

import dataclasses
import json
import logging
import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from io import BufferedIOBase
from pathlib import Path

from flatdiff.cards import WEIGHTS_FILE, Card, list_cards, read_card, verify_weights
from flatdiff.collection import free_folder, publish, staged
from flatdiff.config import BaseMethod, WeightKind, method_name, require, require_writable
from flatdiff.errors import CheckpointError
from flatdiff.files import PROJECT_ROOT, resolve_inside
from flatdiff.flags import AdmFlags, parse_flags
from flatdiff.headers import MAX_HEADER_BYTES, Header, parse_header, read_header
from flatdiff.recipe import PRESETS

MAX_UPLOAD_BYTES = 200 << 20
MAX_UPLOADS_BYTES = 2 << 30  # of all checkpoints that came as a file
CONVERSION_TIMEOUT_S = 300
CARD_KEY = "flatdiff_card"  # of the metadata of a portable file
LABELS = "label_emb.weight"  # (classes, channels), only in class-conditional networks

# Networks to begin with; flags in guided-diffusion's spelling change them.
NETWORKS: dict[str, AdmFlags] = {
    **{name: preset.flags for name, preset in PRESETS.items()},
    "guided-diffusion": AdmFlags(),
}

# Those whose images everybody has.
DATASETS = tuple(dict.fromkeys(preset.dataset for preset in PRESETS.values()))

log = logging.getLogger("flatdiff.intake")
_one_at_a_time = threading.Lock()  # each conversion holds the weights several times over


@dataclass(frozen=True, kw_only=True)
class Description:
    """What a person says of a file; None leaves it to the card inside, or to the default."""

    id: str  # <family>/<name>
    network: str | None = None  # a key of NETWORKS
    flags: str = ""  # that differ from it, in guided-diffusion's spelling
    dataset: str | None = None  # default: the network's preset's
    method: BaseMethod | None = None  # default: adm
    weights: WeightKind | None = None  # default: raw
    step: int | None = None  # default: 0, unknown

    def __post_init__(self) -> None:
        known = ", ".join(NETWORKS)
        fits = self.network is None or self.network in NETWORKS
        require(fits, "network", f"one of {known}", self.network)


def add_file(root: Path, path: Path, said: Description) -> Card:
    """Add a file that is on this machine.

    Raises:
        FlatdiffError: why it was not added; nothing was changed.
    """
    require_writable("Adding a checkpoint")
    free_folder(root, said.id)
    with staged(root) as folder:
        return _taken_in(root, folder, path.absolute(), path.name, said)


def add_upload(root: Path, file: BufferedIOBase, name: str, said: Description) -> Card:
    """Add a file that a visitor sent.

    Args:
        root: of the checkpoints.
        file: its content.
        name: that it had on the visitor's machine; only noted down.
        said: what the visitor says of it.

    Raises:
        FlatdiffError: why it was not added; nothing was changed.
    """
    require_writable("Adding a checkpoint")
    free_folder(root, said.id)
    card = draft(upload_header(file), said)
    expected = f"one of {', '.join(DATASETS)} for an upload"  # no folder of this machine
    require(card.dataset in DATASETS, "dataset", expected, card.dataset)
    _require_room(root, card.num_parameters * 4)  # of float32, in which they are kept
    with staged(root) as folder:
        path = folder / "upload"
        _write(file, path)
        return _taken_in(root, folder, path, name, said)


def upload_header(file: BufferedIOBase) -> Header:
    """What an uploaded file says of itself.

    Raises:
        CheckpointError: it is too large, or no safetensors file.
    """
    size = _length(file)
    if size > MAX_UPLOAD_BYTES:
        raise CheckpointError(
            f"the file has {size / 1e6:.0f} MB, an upload at most {MAX_UPLOAD_BYTES / 1e6:.0f}; "
            "`python -m flatdiff add` takes any size"
        )
    try:
        return parse_header(file, size)
    except CheckpointError as error:
        raise CheckpointError(f"the file cannot be read: {error}") from None


def card_inside(header: Header) -> Card | None:
    """The card that a portable file brings along.

    Raises:
        CheckpointError: there is one, and it cannot be read.
    """
    if "flatdiff" in header.metadata:
        raise CheckpointError("the file holds rounded weights; add those it was made of")
    text = header.metadata.get(CARD_KEY)
    if text is None:
        return None
    try:
        return Card.from_json(json.loads(text))
    except (ValueError, TypeError, AttributeError, RecursionError) as error:
        raise CheckpointError(f"the card inside the file cannot be read: {error}") from None


def draft(header: Header, said: Description) -> Card:
    """The card as far as header and person tell it: without digest, and without a place.

    Raises:
        CheckpointError: nothing says which network it is, or the card inside cannot be read.
        SettingsError: a flag is unknown or out of range, or the dataset does not fit.
    """
    inside = card_inside(header)
    flags = _flags(header, said, inside)
    base = inside or _blank(flags)
    preset = PRESETS.get(said.network or "")
    dataset = said.dataset or (preset.dataset if preset else base.dataset)
    require(bool(dataset), "dataset", "given for this network", dataset)
    _require_dataset_fits(dataset, flags)
    family, _, name = said.id.partition("/")
    weights = said.weights or base.weights
    method = base.method if said.method is None else method_name(said.method, weights)
    return dataclasses.replace(
        base,
        family=family,
        name=name,
        method=method,
        weights=weights,
        dataset=dataset,
        flags=flags,
        step=base.step if said.step is None else said.step,
        num_parameters=sum(entry.size for entry in header.tensors.values()),
    )


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


def _blank(flags: AdmFlags) -> Card:
    """Of weights that nobody has told anything about."""
    return Card(
        family="",
        name="",
        method="adm",
        weights="raw",
        dataset="",
        split="train",
        flags=flags,
        step=0,
        num_parameters=0,
        digest="",
        recipe=None,
    )


def _flags(header: Header, said: Description, inside: Card | None) -> AdmFlags:
    """The network's flags; how many classes it knows is read from the weights."""
    if said.network is not None:
        base = NETWORKS[said.network]
    elif inside is not None:
        base = inside.flags
    else:
        known = ", ".join(NETWORKS)
        raise CheckpointError(f"the file does not say which network it holds; choose of {known}")
    labels = header.tensors.get(LABELS)
    num_classes = labels.shape[0] if labels and labels.shape else None
    own: Mapping = {k: v for k, v in base.to_json().items() if k != "num_classes"}
    return AdmFlags.from_guided_diffusion({**own, **parse_flags(said.flags)}, num_classes)


def _require_dataset_fits(dataset: str, flags: AdmFlags) -> None:
    """Where the size of its images is known."""
    for preset in PRESETS.values():
        if preset.dataset == dataset:
            expected, got = preset.flags.image_shape, flags.image_shape
            require(got == expected, "(C, H, W) of the network", f"{expected} for {dataset}", got)


def _require_room(root: Path, num_bytes: int) -> None:
    cards = [card for card in list_cards(root) if isinstance(card, Card) and card.origin]
    used = sum(card.num_parameters * 4 for card in cards)
    if used + num_bytes > MAX_UPLOADS_BYTES:
        raise CheckpointError(
            f"the {len(cards)} checkpoints that came as a file take {used / 1e9:.2f} GB of "
            f"{MAX_UPLOADS_BYTES / 1e9:.2f}; delete some, or use `python -m flatdiff add`"
        )


def _write(file: BufferedIOBase, path: Path) -> None:
    file.seek(0)
    try:
        with path.open("wb") as copy:
            shutil.copyfileobj(file, copy, 1 << 20)
    except OSError as error:
        raise CheckpointError(f"cannot write {path.parent}: {error.strerror}") from None


def _length(file: BufferedIOBase) -> int:
    return file.seek(0, os.SEEK_END)


def _taken_in(root: Path, folder: Path, path: Path, name: str, said: Description) -> Card:
    """Check, convert in a process of its own, publish."""
    try:
        header = read_header(path)
    except CheckpointError as error:
        raise CheckpointError(f"{name} cannot be read: {error}") from None
    card = dataclasses.replace(draft(header, said), origin={"file": name})
    with _one_at_a_time:
        _convert(path, folder, card)
    (folder / "upload").unlink(missing_ok=True)
    publish(root, folder, card.id)
    return read_card(root, card.id)


def _convert(path: Path, folder: Path, card: Card) -> None:
    """Have `converter.py` write weights and card into a folder.

    Raises:
        CheckpointError: what it says, or how it ended.
    """
    task = {"path": str(path), "folder": str(folder), "card": card.to_json()}
    try:
        done = subprocess.run(
            [sys.executable, "-m", "flatdiff.converter"],
            input=json.dumps(task).encode(),
            cwd=PROJECT_ROOT,
            capture_output=True,
            timeout=CONVERSION_TIMEOUT_S,
            check=False,
        )
    except OSError as error:
        raise CheckpointError(f"no process could be begun for it: {error.strerror}") from None
    except subprocess.TimeoutExpired:
        raise CheckpointError(
            f"{path.name} could not be converted within {CONVERSION_TIMEOUT_S} s"
        ) from None
    if done.returncode == 0:
        return
    try:
        sentence = json.loads(done.stdout)["error"]
    except (ValueError, KeyError, TypeError):
        log.error("the converter failed: %s", done.stderr.decode(errors="replace"))
        sentence = (
            f"the process that reads the weights ended with {done.returncode}, most likely for "
            "want of memory"
        )
    raise CheckpointError(sentence)
