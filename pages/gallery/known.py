"""What the store knows of many checkpoints, in one look: a picture of samples and the loss."""

import base64
import io
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from math import nan

from PIL import Image

from flatdiff.checkpoints.card import Card
from flatdiff.engine.engine import shared_engine
from flatdiff.engine.job import Job
from flatdiff.images.grid import image_grid
from flatdiff.measures.quantization import QuantizationSettings
from flatdiff.measures.request import Request, make_request
from flatdiff.measures.samples import SamplesSettings

THUMBNAIL_IMAGES = 4
THUMBNAIL_HEIGHT = 48  # pixels


@dataclass(frozen=True)
class Known:
    """Of one checkpoint."""

    thumbnail: str | None  # a PNG as a data URL; None where nothing was drawn yet
    loss: float  # held-out; NaN where it was not measured
    stderr: float


def gallery_requests(card: Card) -> tuple[Request, Request]:
    """What the gallery shows of a checkpoint: samples, and the loss on the default panel."""
    return (
        make_request("samples", card, SamplesSettings()),
        make_request("quantization", card, QuantizationSettings()),
    )


def known_of(cards: Sequence[Card]) -> list[Known]:
    """In the order of the cards; only what changed since the last look is read."""
    asked = [gallery_requests(card) for card in cards]
    jobs = shared_engine().store.jobs_of(request.key for pair in asked for request in pair)
    return [_known(*pair, jobs.get(pair[0].key), jobs.get(pair[1].key)) for pair in asked]


def _known(samples: Request, losses: Request, drawn: Job | None, measured: Job | None) -> Known:
    thumbnail = _thumbnail(samples, drawn.num_done, drawn.finished_at) if drawn else None
    loss = _loss(losses, measured.num_done, measured.finished_at) if measured else (nan, nan)
    return Known(thumbnail, *loss)


@lru_cache(maxsize=4096)  # made once for every state of a result, which its other arguments name
def _thumbnail(request: Request, num_done: int, _finished_at: float | None) -> str | None:
    images = shared_engine().result(request, num_done).images
    if not images.shape[1]:
        return None
    grid = Image.fromarray(image_grid(images[0][:THUMBNAIL_IMAGES], THUMBNAIL_IMAGES))
    grid.thumbnail((grid.width, THUMBNAIL_HEIGHT))
    buffer = io.BytesIO()
    grid.save(buffer, "png", compress_level=3)
    return f"data:image/png;base64,{base64.b64encode(buffer.getvalue()).decode()}"


@lru_cache(maxsize=4096)
def _loss(request: Request, num_done: int, _finished_at: float | None) -> tuple[float, float]:
    """Of the float32 weights, with its error."""
    result = shared_engine().result(request, num_done)
    return float(result.loss[0]), float(result.stderr[0])
