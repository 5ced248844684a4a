"""Freight is the weights that a worker on another machine lacks; they travel there once.

A worker that is asked for a checkpoint it has never seen says so (`FreightMissingError`); then
weights and card are XX every worker of the machine and every later job finds it.
"""

import shutil
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import uuid4

from flatdiff.cards import CARD_FILE, WEIGHTS_FILE, read_card
from flatdiff.errors import CheckpointError, EngineError, FlatdiffError
from flatdiff.files import atomic_write, move_folder, resolve_inside, sha256_of, state_home
from flatdiff.requests import Request

if TYPE_CHECKING:
    from distributed import Client

PIECE_BYTES = 8 << 20  # a message; the scheduler holds one at a time


class FreightMissingError(FlatdiffError):
    """A worker was asked for a checkpoint that has not travelled to its machine yet."""

    def __init__(self, checkpoint: str, worker: str) -> None:
        super().__init__(checkpoint, worker)
        self.checkpoint, self.worker = checkpoint, worker


# -- on the worker's machine ------------------------------------------------------------------


def unpacked(checkpoint: str, digest: str) -> Path:
    """The root that holds a checkpoint on this machine.

    Raises:
        FreightMissingError: it has not come yet; names this worker.
    """
    if has(checkpoint, digest):
        return _root_of(digest)
    from distributed import get_worker

    raise FreightMissingError(checkpoint, get_worker().address)


def has(checkpoint: str, digest: str) -> bool:
    """Whether a checkpoint has come here, as a whole and under this name."""
    return (resolve_inside(_root_of(digest), checkpoint) / CARD_FILE).is_file()


def take_piece(sender: str, piece: bytes) -> None:
    """Add the next piece to what a sender has sent."""
    path = _crate(sender) / WEIGHTS_FILE
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("ab") as file:
        file.write(piece)


def unpack(sender: str, checkpoint: str, digest: str, card: bytes) -> None:
    """Let a checkpoint whose last piece has come appear under its digest.

    Raises:
        CheckpointError: what came is not what the digest names.
    """
    crate = _crate(sender)
    if sha256_of(crate / WEIGHTS_FILE) != digest:
        shutil.rmtree(crate)
        raise CheckpointError(
            f"the weights of {checkpoint} arrived as other bytes than its card names: the file is "
            "damaged, or the network is; run it again"
        )
    atomic_write(crate / CARD_FILE, card)
    target = resolve_inside(_root_of(digest), checkpoint)
    try:
        move_folder(crate, target)
    except FlatdiffError:  # another worker of this machine was sent the same meanwhile
        shutil.rmtree(crate)
        if not has(checkpoint, digest):
            raise


def _root_of(digest: str) -> Path:
    """A root of its own for each digest: two checkpoints of one name never meet."""
    return resolve_inside(state_home() / "freight", digest)


def _crate(sender: str) -> Path:
    return resolve_inside(state_home() / "freight", f"coming-{sender}")


# -- on the machine that asks -------------------------------------------------------------------


def weights_lost(root: Path, request: Request) -> str:
    """Why a request cannot be computed from what is here, in a sentence; "" where it can."""
    partners = {partner.checkpoint: partner.digest for partner in request.partners}
    for name, digest in {**partners, request.checkpoint: request.checkpoint_digest}.items():
        try:
            found = read_card(root, name).digest
        except FlatdiffError as error:
            return f"the checkpoint cannot be used any more: {error}"
        if found != digest:
            return f"{name} has other weights now than when this was asked for; ask again"
    return ""


def deliver(
    client: "Client", root: Path, request: Request, lacking: FreightMissingError
) -> FlatdiffError | None:
    """Send a worker what it lacks of a request; why that is not possible, or None."""
    if reason := weights_lost(root, request):
        return EngineError(reason)
    try:
        send(client, lacking.worker, root, lacking.checkpoint)
    except FlatdiffError as error:
        return error
    except OSError:  # the worker has gone; the next one will say what it lacks
        return None
    return None


def send(client: "Client", worker: str, root: Path, checkpoint: str) -> None:
    """Bring a checkpoint to the machine of a worker, unless it has come there meanwhile.

    Args:
        client: of the cluster.
        worker: its address.
        root: of the checkpoints here.
        checkpoint: `<family>/<name>`.

    Raises:
        FlatdiffError: it cannot be read here or written there.
        OSError: the worker has gone.
    """
    there = partial(client.run, workers=[worker])
    digest, folder, sender = read_card(root, checkpoint).digest, root / checkpoint, uuid4().hex
    if there(has, checkpoint, digest) == {worker: True}:
        return
    with (folder / WEIGHTS_FILE).open("rb") as file:
        while piece := file.read(PIECE_BYTES):
            there(take_piece, sender, piece)
    there(unpack, sender, checkpoint, digest, (folder / CARD_FILE).read_bytes())
