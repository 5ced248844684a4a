"""Sends the weights of checkpoints to workers on machines that lack them, once to each machine.

A worker that is asked for a checkpoint it has never seen says so (`WeightsMissingError`). Weights
and card are then sent in pieces into that machine's state directory, into a folder named by what
decides the numbers, digest and architecture, where all its workers and all later jobs find them.
Dask's `scatter` would hold them in the memory of one worker and lose them with it; a file is
mapped by every worker of its machine and is there after a restart.
"""

import queue
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import uuid4

from flatdiff.checkpoints.card import CARD_FILE, WEIGHTS_FILE, read_card
from flatdiff.errors import CheckpointError, EngineError, FlatdiffError
from flatdiff.measures.request import Request, architecture_of
from flatdiff.system.files import atomic_write, move_folder, resolve_inside, sha256_of, state_home

if TYPE_CHECKING:
    from distributed import Client

PIECE_BYTES = 8 << 20  # a message; the scheduler holds one at a time
INCOMING = "incoming-"  # folders of what is on its way
LOST_AFTER_S = 86_400.0  # without a new piece, its sender has gone


class WeightsMissingError(FlatdiffError):
    """A worker was asked for a checkpoint that has not travelled to its machine yet."""

    def __init__(self, checkpoint: str, worker: str) -> None:
        super().__init__(checkpoint, worker)
        self.checkpoint, self.worker = checkpoint, worker


# -- on the worker's machine ------------------------------------------------------------------


def received_root(checkpoint: str, digest: str, architecture: str) -> Path:
    """The root that holds a checkpoint on this machine; see `request.architecture_of`.

    Raises:
        WeightsMissingError: it has not come yet; names this worker.
    """
    if has(checkpoint, digest, architecture):
        return _root_of(digest, architecture)
    from distributed import get_worker

    raise WeightsMissingError(checkpoint, get_worker().address)


def has(checkpoint: str, digest: str, architecture: str) -> bool:
    """Whether a checkpoint has come here, as a whole and under this name."""
    return (resolve_inside(_root_of(digest, architecture), checkpoint) / CARD_FILE).is_file()


def take_piece(sender: str, piece: bytes) -> None:
    """Add the next piece to what a sender has sent.

    Raises:
        CheckpointError: this machine cannot keep it.
    """
    path = _incoming(sender) / WEIGHTS_FILE
    with _said_in_a_sentence(path.parent):
        if not path.exists():
            _discard_abandoned()
            path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("ab") as file:
            file.write(piece)


def take_last_piece(
    sender: str, piece: bytes, checkpoint: str, digest: str, architecture: str, card: bytes
) -> None:
    """Let a checkpoint appear: one message with the last piece, so that who goes leaves nothing.

    Raises:
        CheckpointError: what came is not what the digest names, or cannot be kept.
    """
    take_piece(sender, piece)
    incoming = _incoming(sender)
    with _said_in_a_sentence(incoming):
        arrived = sha256_of(incoming / WEIGHTS_FILE)
    if arrived != digest:
        shutil.rmtree(incoming)
        raise CheckpointError(
            f"the weights of {checkpoint} arrived as other bytes than its card names: the file is "
            "damaged, or the network is; run it again"
        )
    atomic_write(incoming / CARD_FILE, card)
    target = resolve_inside(_root_of(digest, architecture), checkpoint)
    try:
        move_folder(incoming, target)
    except FlatdiffError:  # another worker of this machine was sent the same meanwhile
        shutil.rmtree(incoming)
        if not has(checkpoint, digest, architecture):
            raise


@contextmanager
def _said_in_a_sentence(incoming: Path) -> Iterator[None]:
    """What this machine cannot do is said in a sentence; an OSError would pass for a lost one."""
    try:
        yield
    except OSError as error:
        shutil.rmtree(incoming, ignore_errors=True)
        raise CheckpointError(
            f"a worker's machine cannot keep weights in {incoming.parent}: {error.strerror}"
        ) from None


def _discard_abandoned() -> None:
    """Throw away what stopped coming."""
    for incoming in _home().glob(f"{INCOMING}*"):
        if time.time() - incoming.stat().st_mtime > LOST_AFTER_S:
            shutil.rmtree(incoming, ignore_errors=True)


def _home() -> Path:
    return state_home() / "received"


def _root_of(digest: str, architecture: str) -> Path:
    """A root of its own for each: two checkpoints of one name never meet."""
    return resolve_inside(_home(), f"{digest}-{architecture[:16]}")


def _incoming(sender: str) -> Path:
    return resolve_inside(_home(), f"{INCOMING}{sender}")


# -- on the machine that asks -------------------------------------------------------------------


def weights_lost(root: Path, request: Request) -> str:
    """Why a request cannot be computed from what is here, in a sentence; "" where it can."""
    partners = {partner.checkpoint: partner.digest for partner in request.partners}
    for name, digest in {**partners, request.checkpoint: request.checkpoint_digest}.items():
        try:
            card = read_card(root, name)
        except FlatdiffError as error:
            return f"the checkpoint cannot be used any more: {error}"
        other = "weights" if card.digest != digest else ""
        other = other or ("flags" if architecture_of(card) != request.architecture else "")
        if other:
            return f"{name} has other {other} now than when this was asked for; ask again"
    return ""


# Why weights cannot be brought; None: they have come, or the worker has gone.
Delivery = Future[Exception | None]


class WeightsSender:
    """Sends weights over one connection, one after another, in a thread of its own.

    So nobody waits but the jobs that need them, and what two of them lack travels once: when it
    is the second one's turn, it is there.
    """

    def __init__(self, client: "Client", root: Path, arrived: Callable[[], None]) -> None:
        """See `send`; `arrived` is called in the thread, after every delivery."""
        self.client, self._root, self._arrived = client, root, arrived
        self._orders: queue.SimpleQueue[tuple[Delivery, Request, WeightsMissingError] | None] = (
            queue.SimpleQueue()
        )
        # A daemon: one that waits for a connection that is closed may do so for ever.
        threading.Thread(target=self._work, name="flatdiff-weights", daemon=True).start()

    def bring(self, request: Request, lacking: WeightsMissingError) -> Delivery:
        """Have a worker be sent what it lacks of a request; returns at once."""
        delivery = Delivery()
        delivery.add_done_callback(lambda _: self._arrived())
        self._orders.put((delivery, request, lacking))
        return delivery

    def close(self) -> None:
        """Let the thread end when it has done what it was asked for."""
        self._orders.put(None)

    def _work(self) -> None:
        while (order := self._orders.get()) is not None:
            delivery, request, lacking = order
            if delivery.set_running_or_notify_cancel():
                delivery.set_result(_deliver(self.client, self._root, request, lacking))


def _deliver(
    client: "Client", root: Path, request: Request, lacking: WeightsMissingError
) -> Exception | None:
    """Send a worker what it lacks of a request; why that is not possible, or None."""
    try:
        if reason := weights_lost(root, request):
            return EngineError(reason)
        send(client, lacking.worker, root, lacking.checkpoint)
    except FlatdiffError as error:
        return error
    except OSError:  # the worker has gone; the next one will say what it lacks
        return None
    except Exception as error:  # a connection that is closed meanwhile says so in many ways
        return error if client.status == "running" else None
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
    there, sender, folder = partial(client.run, workers=[worker]), uuid4().hex, root / checkpoint
    card = read_card(root, checkpoint)
    what = checkpoint, card.digest, architecture_of(card)
    if there(has, *what) == {worker: True}:
        return
    piece = b""
    for following in _pieces(folder / WEIGHTS_FILE):
        if piece:
            there(take_piece, sender, piece)
        piece = following
    there(take_last_piece, sender, piece, *what, (folder / CARD_FILE).read_bytes())


def _pieces(path: Path) -> Iterator[bytes]:
    """Of a file.

    Raises:
        CheckpointError: it cannot be read.
    """
    try:
        file = path.open("rb")
    except OSError as error:
        raise CheckpointError(f"{path} cannot be read: {error.strerror}") from None
    with file:
        while piece := file.read(PIECE_BYTES):
            yield piece
