"""What a worker process does: evaluate the items of one tile on a checkpoint it keeps loaded.

Tiles arrive with everything that decides their numbers. The thread that computes runs at the
lowest scheduling class, so that a page on the same machine stays quick while a job runs.
"""

import gc
import itertools
import json
import platform
import time
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from flatdiff.checkpoints.card import Card, read_card
from flatdiff.engine.delivery import received_root
from flatdiff.engine.job import MAX_ACTIVE_JOBS, Effort, TileResult
from flatdiff.errors import CheckpointError, DataError
from flatdiff.landscape.panel import Panel, panel_digest
from flatdiff.measures.request import Request, architecture_of
from flatdiff.system.processor import (
    STARVED_SHARE,
    leave_idle_class,
    priority_name,
    yield_to_others,
)
from flatdiff.system.share import METER, Stretch
from flatdiff.version import __version__

SHORT_S, LONG_S = 0.02, 0.1  # tiles that say something of the share, and that decide by it
_tiles = itertools.count()  # of this worker

if TYPE_CHECKING:
    import torch
    from torch import nn

    from flatdiff.landscape.subject import Subject


def evaluate_tile(
    request_json: str, first_item: int, num_items: int, root: str, panel: str
) -> TileResult:
    """Evaluate items [first_item, first_item + num_items) of a request.

    Args:
        request_json: see `Request.to_json`.
        first_item: position in the request's items.
        num_items: how many.
        root: folder of the checkpoints on this machine; "" where they are sent here.
        panel: digest of the panel as it was when the job was begun.

    Raises:
        WeightsMissingError: the checkpoint has not come to this machine yet.
        FlatdiffError: the checkpoint or its dataset cannot be used, or has changed since.
    """
    yield_to_others()
    with METER.at_work():
        laps = Laps()
        request = _request(request_json)
        subject = _subject(identity_of_subject(request, panel), root)
        loading = laps.lap()
        if request.definition.prepare is not None:
            request.definition.prepare(subject, request.settings)
        preparing = laps.lap()
        METER.on_gpu = subject.device.type == "cuda"
        stretch, timed = Stretch(), Laps(time.perf_counter) if METER.on_gpu else laps
        results, items = [], []
        for item in request.items[first_item : first_item + num_items]:
            results.append(request.definition.evaluate(subject, request.settings, item))
            items.append(timed.lap())
    seconds = stretch.wall_s()
    _mind_the_share(stretch.share(), seconds)
    effort = Effort(items, loading, preparing, not next(_tiles), laps.wall())
    return TileResult(results, seconds, _environment(subject.device), effort)


class Laps:
    """A stopwatch."""

    def __init__(self, clock: Callable[[], float] = time.thread_time) -> None:
        """Of this thread's processor time by default."""
        self._clock, self._last, self._began = clock, clock(), time.perf_counter()

    def lap(self) -> float:
        """Seconds since the last one."""
        before, self._last = self._last, self._clock()
        return self._last - before

    def wall(self) -> float:
        """Seconds since it was made, on the wall."""
        return time.perf_counter() - self._began


def _mind_the_share(share: float, wall_s: float) -> None:
    """Tell how much of a processor a tile got, and see that the next gets any."""
    if wall_s > SHORT_S:
        METER.note(share)
    if wall_s > LONG_S and share < STARVED_SHARE and not METER.on_gpu:
        leave_idle_class()


def identity_of_subject(request: Request, panel: str) -> str:
    """What decides the subject: equal text, same subject."""
    checkpoints = [(request.checkpoint, request.checkpoint_digest)]
    checkpoints += [(partner.checkpoint, partner.digest) for partner in request.partners]
    return json.dumps([checkpoints, request.architecture, vars(request.panel), panel])


@lru_cache(maxsize=8)
def _request(request_json: str) -> Request:
    """Tiles of one job share their request, and its list of items."""
    return Request.from_json(request_json)


@lru_cache(maxsize=MAX_ACTIVE_JOBS)  # they take turns, and none should load for every tile
def _subject(identity: str, root: str) -> "Subject":
    """Load a checkpoint with its panel and its partners."""
    from flatdiff.landscape.flat_weights import FlatWeights
    from flatdiff.landscape.subject import Subject

    gc.collect()  # what was evicted holds itself by its caches
    checkpoints, architecture, recipe, digest = json.loads(identity)
    panel = Panel(**recipe)
    if panel_digest(panel, fresh=True) != digest:
        raise DataError(
            f"the images of {panel.dataset} are others, or other copies, than where and when this "
            "was asked for"
        )
    (card, model), *partners = (
        _loaded(
            Path(root) if root else received_root(name, sha, architecture), name, sha, architecture
        )
        for name, sha in checkpoints
    )
    points = [FlatWeights(partner).origin for _, partner in partners]
    subject = Subject(card, model, panel, points)
    subject.between_calls = subject.curvature.between_products = end_if_cancelled
    return subject


def end_if_cancelled() -> None:
    """Leave a long item for which nobody waits any more, so that the worker is free at once.

    Raises:
        InterruptedError: the tile was cancelled; Dask drops it with the tile.
    """
    from distributed import get_worker

    worker = get_worker()
    task = worker.state.tasks.get(worker.get_current_task())
    if task is None or task.state == "cancelled":
        raise InterruptedError("the tile was cancelled")


def _loaded(
    root: Path, checkpoint: str, digest: str, architecture: str
) -> "tuple[Card, nn.Module]":
    from flatdiff.checkpoints.weights_file import load_model

    card = read_card(root, checkpoint)
    if card.digest != digest:
        raise CheckpointError(f"{checkpoint} has other weights now than when it was asked for")
    if architecture_of(card) != architecture:
        raise CheckpointError(f"{checkpoint} has other flags now than when it was asked for")
    return card, load_model(root, card, _own_device())


def _own_device() -> "torch.device":
    """Workers of a machine share out its GPUs by the numbers that end their names."""
    import torch
    from distributed import get_worker

    from flatdiff.diffusion.devices import pick_device

    if not torch.cuda.is_available():
        return pick_device()
    return pick_device(f"cuda:{number_of(str(get_worker().name)) % torch.cuda.device_count()}")


def number_of(name: str) -> int:
    """The number that ends a worker's name, 0 without one.

    >>> number_of("desk-3"), number_of("1"), number_of("desk")
    (3, 1, 0)
    """
    digits = name[len(name.rstrip("0123456789")) :]
    return int(digits or 0)


def _environment(device: "torch.device") -> str:
    import torch

    gpu = device.type == "cuda"

    described = {
        "flatdiff": __version__,
        "torch": torch.__version__,
        "python": platform.python_version(),
        "device": torch.cuda.get_device_name(device) if gpu else platform.machine(),
        "dtype": "float32",
        "num_threads": torch.get_num_threads(),
        "priority": priority_name(),
    }
    return json.dumps(described, sort_keys=True)
