"""What the store knows of many checkpoints, in one look: a picture of samples and the loss."""

import base64
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from math import nan

from PIL import Image

from flatdiff.checkpoints.card import Card
from flatdiff.engine.engine import shared_engine
from flatdiff.engine.job import Job
from flatdiff.images.grid import image_grid
from flatdiff.measures.quantization import QuantizationSettings
from flatdiff.measures.request import Request, make_request, unfit
from flatdiff.measures.samples import SamplesSettings

THUMBNAIL_IMAGES = 4
THUMBNAIL_HEIGHT = 48  # pixels


@dataclass(frozen=True)
class Known:
    """Of one checkpoint."""

    thumbnail: str | None  # a PNG as a data URL; None where nothing was drawn yet
    loss: float  # held-out; NaN where it was not measured
    stderr: float


SHOWN = {"samples": SamplesSettings(), "quantization": QuantizationSettings()}


def gallery_requests(card: Card) -> dict[str, Request]:
    """What the gallery shows of a checkpoint: samples, and the loss on the default panel."""
    return {
        measure: make_request(measure, card, settings)
        for measure, settings in SHOWN.items()
        if not unfit(measure, card)
    }


def known_of(cards: Sequence[Card]) -> list[Known]:
    """In the order of the cards; only what changed since the last look is read."""
    asked = [gallery_requests(card) for card in cards]
    jobs = shared_engine().store.jobs_of(request.key for own in asked for request in own.values())
    return [_known(own, jobs) for own in asked]


def _known(asked: Mapping[str, Request], jobs: Mapping[str, Job]) -> Known:
    thumbnail, loss = None, (nan, nan)
    for measure, request in asked.items():
        if (job := jobs.get(request.key)) is None:
            continue
        if measure == "samples":
            thumbnail = _thumbnail(request, job.num_done, job.finished_at)
        else:
            loss = _loss(request, job.num_done, job.finished_at)
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
