"""A sheet is everything that flatdiff measures of some checkpoints, side by side.

Every measure at the settings that its page shows first, so that what is stored for one is there
for the other.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from flatdiff.checkpoints.card import Card
from flatdiff.measures.curvature import CurvatureSettings
from flatdiff.measures.exposure import ExposureSettings
from flatdiff.measures.frechet import FrechetSettings, usual_features
from flatdiff.measures.lpf import LpfSettings
from flatdiff.measures.quantization import QuantizationSettings
from flatdiff.measures.radius import RadiusSettings
from flatdiff.measures.request import Request, completed, make_request, unfit
from flatdiff.measures.samples import SamplesSettings
from flatdiff.measures.sensitivity import SensitivitySettings
from flatdiff.measures.sharpness import SharpnessSettings
from flatdiff.measures.surface import SurfaceSettings


@dataclass(frozen=True)
class Part:
    """One section of the sheet."""

    name: str  # of its files
    title: str
    measure: str
    settings: Any  # before `completed`


PARTS = (
    Part("surface", "Loss surface", "surface", SurfaceSettings(mode="interpolated")),
    Part("lpf", "Flatness", "lpf", LpfSettings()),
    Part(
        "lpf-relative",
        "Flatness under filter-relative noise",
        "lpf",
        LpfSettings(mode="filter_relative"),
    ),
    Part("radius", "Loss against distance", "radius", RadiusSettings()),
    Part("sharpness", "Sharpness", "sharpness", SharpnessSettings()),
    Part("curvature", "Curvature", "curvature", CurvatureSettings()),
    Part("exposure", "Exposure bias", "exposure", ExposureSettings()),
    Part("quantization", "Quantization", "quantization", QuantizationSettings()),
    Part("sensitivity", "Layers that need their bits", "sensitivity", SensitivitySettings()),
    Part("samples", "Samples", "samples", SamplesSettings()),
    Part("frechet", "Sample quality", "frechet", FrechetSettings()),
)


def suited(settings: Any, cards: Sequence[Card]) -> Any:
    """Images are seen by the network that their datasets name."""
    if isinstance(settings, FrechetSettings):
        return replace(settings, features=usual_features(cards))
    return settings


def part_requests(part: Part, root: Path, cards: Sequence[Card]) -> list[Request]:
    """One a checkpoint that can be asked this.

    Raises:
        CheckpointError: see `completed`.
    """
    settings = suited(part.settings, cards)
    asked = [card for card in cards if not unfit(part.measure, card)]
    return [make_request(part.measure, card, completed(settings, root, card)) for card in asked]


def sheet_requests(root: Path, cards: Sequence[Card]) -> list[Request]:
    """All of a sheet, part by part."""
    return [request for part in PARTS for request in part_requests(part, root, cards)]
