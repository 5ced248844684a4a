"""What the store knows of many checkpoints, in one look: pictures, the loss and its rise."""

import base64
import io
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from math import nan
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from flatdiff.checkpoints.card import Card
from flatdiff.engine.engine import shared_engine
from flatdiff.engine.job import Job
from flatdiff.images.grid import image_grid
from flatdiff.measures.lpf import LpfSettings
from flatdiff.measures.quantization import QuantizationSettings
from flatdiff.measures.request import Request, make_request, unfit
from flatdiff.measures.samples import SamplesSettings
from flatdiff.measures.surfaces.settings import SurfaceSettings
from flatdiff.views.surfaces.plot import drawable

THUMBNAIL_IMAGES = 4
THUMBNAIL_HEIGHT = 48  # pixels


@dataclass(frozen=True)
class Known:
    """Of one checkpoint."""

    thumbnail: str | None  # a PNG as a data URL; None where nothing was drawn yet
    loss: float  # held-out; NaN where it was not measured
    stderr: float
    rise: float = nan  # of the loss under weight noise (LPF); NaN where it was not measured
    rise_stderr: float = nan  # over other noise and other panels


SHOWN = {"samples": SamplesSettings(), "quantization": QuantizationSettings()}
# Shown where they were measured, on their own pages, and never asked for here.
FOUND = {"lpf": LpfSettings()}
SURFACE = {"surface": SurfaceSettings(mode="interpolated")}


def gallery_requests(card: Card) -> dict[str, Request]:
    """What the gallery asks of a checkpoint: samples, and the loss on the default panel."""
    return _requests(card, SHOWN)


def _requests(card: Card, settings: Mapping[str, Any]) -> dict[str, Request]:
    return {
        measure: make_request(measure, card, own)
        for measure, own in settings.items()
        if not unfit(measure, card)
    }


def known_of(cards: Sequence[Card]) -> list[Known]:
    """In the order of the cards; only what changed since the last look is read."""
    asked = [_requests(card, {**SHOWN, **FOUND}) for card in cards]
    jobs = shared_engine().store.jobs_of(request.key for own in asked for request in own.values())
    return [_known(own, jobs) for own in asked]


def _known(asked: Mapping[str, Request], jobs: Mapping[str, Job]) -> Known:
    found: dict[str, Any] = {"samples": None, "quantization": (nan, nan), "lpf": (nan, nan)}
    for measure, request in asked.items():
        if (job := jobs.get(request.key)) is not None:
            found[measure] = READ[measure](request, job.num_done, job.finished_at)
    (loss, stderr), (rise, rise_stderr) = found["quantization"], found["lpf"]
    return Known(found["samples"], loss, stderr, rise, rise_stderr)


def surfaces_of(cards: Sequence[Card]) -> list[NDArray[np.float64] | None]:
    """Losses (rows, columns) in the order of the cards; None where they were not measured."""
    asked = [_requests(card, SURFACE).get("surface") for card in cards]
    jobs = shared_engine().store.jobs_of(request.key for request in asked if request)
    return [
        _surface(request, job.num_done, job.finished_at)
        if request and (job := jobs.get(request.key))
        else None
        for request in asked
    ]


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


@lru_cache(maxsize=4096)
def _rise(request: Request, num_done: int, _finished_at: float | None) -> tuple[float, float]:
    """Under weight noise, with its error over other noise and other panels."""
    result = shared_engine().result(request, num_done)
    return float(result.gap), float(result.gap_total_stderr)


@lru_cache(maxsize=512)
def _surface(
    request: Request, num_done: int, _finished_at: float | None
) -> NDArray[np.float64] | None:
    """Its losses, once all of them are there."""
    result = shared_engine().result(request, num_done)
    return result.loss if result.computed.all() and drawable(result) else None


READ: Mapping[str, Callable[[Request, int, float | None], Any]] = {
    "samples": _thumbnail,
    "quantization": _loss,
    "lpf": _rise,
}
