"""Results made by hand, whole and partial, one of every measure."""

from typing import Any

import numpy as np

from flatdiff.landscape.flat_weights import FlatWeights
from flatdiff.landscape.panel import Panel
from flatdiff.measures import MEASURES
from flatdiff.measures.blocks import BlocksResult, BlocksSettings
from flatdiff.measures.curvature import CurvatureResult, CurvatureSettings
from flatdiff.measures.exposure import MEASURE as EXPOSURE
from flatdiff.measures.exposure import ExposureResult, ExposureSettings
from flatdiff.measures.frechet import FrechetResult, FrechetSettings
from flatdiff.measures.lpf import LpfResult, LpfSettings
from flatdiff.measures.quantization import QuantizationResult, QuantizationSettings
from flatdiff.measures.radius import RadiusResult, RadiusSettings
from flatdiff.measures.request import make_request
from flatdiff.measures.rescaling import RescalingResult, RescalingSettings
from flatdiff.measures.samples import MEASURE as SAMPLES
from flatdiff.measures.samples import SamplesResult, SamplesSettings
from flatdiff.measures.sensitivity import SensitivityResult, SensitivitySettings
from flatdiff.measures.sharpness import SharpnessResult, SharpnessSettings
from flatdiff.measures.similarity import SimilarityResult, SimilaritySettings
from flatdiff.measures.surface import SurfaceResult, SurfaceSettings
from flatdiff.measures.surfaces.atlas import AtlasResult, AtlasSettings
from flatdiff.measures.surfaces.nearby import NearbyResult, NearbySettings
from flatdiff.reports.measured import Measured
from tests.subjects import (
    QuadraticSubject,
    card_of,
    computed,
    digits_subject,
    random_hessians,
    random_slopes,
)
from tests.tiny import TINY, random_network

SETTINGS: dict[str, Any] = {
    "samples": SamplesSettings(num_images=3, num_sampling_steps=2, bits=(4,)),
    "atlas": AtlasSettings(resolution=3, num_images=2, num_sampling_steps=2),
    "frechet": FrechetSettings(num_images=5, num_sampling_steps=2, bits=(4,)),
}


def surface(count: int | None = None, dimensions: int = 2, shift: float = 10.0) -> SurfaceResult:
    """Of a parabola over 5 x 3 cells (or 5), above zero; the first items only, or all."""
    subject = QuadraticSubject(0.1 * random_hessians())
    subject.constants += shift
    settings = SurfaceSettings(dimensions=dimensions, resolution=5, resolution_b=3)  # pyright: ignore[reportArgumentType]
    return computed(subject, "surface", settings, count)


def lpf(count: int | None = None) -> LpfResult:
    """Of the base and three pairs."""
    subject = QuadraticSubject(random_hessians())
    return computed(subject, "lpf", LpfSettings(num_perturbations=6), count)


def radius(count: int | None = None) -> RadiusResult:
    """Three sizes along two directions."""
    settings = RadiusSettings(sizes=(0.5, 1.0, 2.0), num_directions=2)
    return computed(QuadraticSubject(random_hessians()), "radius", settings, count)


def sharpness(count: int | None = None) -> SharpnessResult:
    """Two balls, two steps."""
    settings = SharpnessSettings(radii=(0.01, 0.1), num_ascent_steps=2)
    return computed(QuadraticSubject(random_hessians()), "sharpness", settings, count)


def blocks(count: int | None = None) -> BlocksResult:
    """Of the three modules of a quadratic subject."""
    settings = BlocksSettings(blocks=("0", "1", "2"), num_perturbations=4, lpf_sigma=0.1)
    return computed(
        QuadraticSubject(random_hessians(), random_slopes()), "blocks", settings, count
    )


def similarity(count: int | None = None) -> SimilarityResult:
    """Of three random networks, in two batches at two levels."""
    networks = [random_network(TINY, seed) for seed in range(3)]
    subject = digits_subject(8, model=networks[0])
    subject.partners = tuple(FlatWeights(network).origin for network in networks[1:])
    blocks = ("input_blocks.0", "out.2")
    settings = SimilaritySettings(levels=(0.2, 0.8), num_batches=2, blocks=blocks)
    return computed(subject, "similarity", settings, count)


def rescaling(count: int | None = None) -> RescalingResult:
    """Three factors and two pairs a mode."""
    settings = RescalingSettings(factors=(0.5, 1.0, 2.0), num_perturbations=4)
    return computed(digits_subject(3), "rescaling", settings, count)


def curvature(count: int | None = None) -> CurvatureResult:
    """Two eigenvalues and three probes."""
    settings = CurvatureSettings(num_eigenvalues=2, num_probes=3, num_lanczos_steps=8)
    return computed(QuadraticSubject(random_hessians()), "curvature", settings, count)


def quantization(count: int | None = None) -> QuantizationResult:
    """At 32, 8, 6 and 4 bits."""
    return computed(
        QuadraticSubject(random_hessians()), "quantization", QuantizationSettings(), count
    )


def sensitivity(count: int | None = None) -> SensitivityResult:
    """Of the convolution and the linear map of a quadratic subject."""
    settings = SensitivitySettings(layers=("0.weight", "2.weight"), bits=2)
    return computed(QuadraticSubject(random_hessians()), "sensitivity", settings, count)


def exposure(count: int | None = None) -> ExposureResult:
    """Five steps, one chunk of eight images of 64 pixels, or none."""
    draw = np.random.default_rng(0)
    norms = {name: draw.normal(8, 1, (5, 8)) for name in ("sampling", "training")}
    norms["errors"] = draw.uniform(0.5, 1, (5, 8))
    known = {"dimension": np.array(64), "forward_std": np.linspace(0.1, 1, 5)}
    known["grey_step"] = np.array(0.125)
    done = {} if count == 0 else {0: {**norms, **known}}
    return EXPOSURE.assemble(ExposureSettings(num_sampling_steps=5, num_images=8), done)


def samples(count: int | None = None) -> SamplesResult:
    """Three images at 32 and 4 bits; the first item alone is none yet."""
    settings = SETTINGS["samples"]
    if count is not None and count < 2:
        return SAMPLES.assemble(settings, {})
    return computed(digits_subject(2), "samples", settings)


def nearby(count: int | None = None) -> NearbyResult:
    """Ten images in two chunks, beside the checkpoint."""
    settings = NearbySettings(num_images=10, num_sampling_steps=2, a=0.25, b=-0.5)
    return computed(digits_subject(2), "nearby", settings, count)


def atlas(count: int | None = None) -> AtlasResult:
    """Two images at each of nine points."""
    return computed(digits_subject(2), "atlas", SETTINGS["atlas"], count)


def frechet(count: int | None = None) -> FrechetResult:
    """The reference and five images at 32 and 4 bits."""
    return computed(digits_subject(2), "frechet", SETTINGS["frechet"], count)


RESULTS = {
    "surface": surface,
    "lpf": lpf,
    "radius": radius,
    "sharpness": sharpness,
    "blocks": blocks,
    "similarity": similarity,
    "rescaling": rescaling,
    "curvature": curvature,
    "quantization": quantization,
    "sensitivity": sensitivity,
    "exposure": exposure,
    "samples": samples,
    "nearby": nearby,
    "atlas": atlas,
    "frechet": frechet,
}

PROVENANCE = {
    "measure": "?",
    "checkpoint": "digits/adm",
    "checkpoint_digest": "0" * 64,
    "key": "k",
    "panel": {"dataset": "digits", "split": "held_out", "size": 4, "seed": 0},
    "settings": {},
    "state": "done",
    "evaluations": [3, 3],
    "environment": {"torch": "x", "device": "cpu"},
    "computed_at": "2025-11-12T08:00:00+00:00",
    "seconds": 1.5,
}


def measured_item(
    measure: str, result: Any, checkpoint: str = "digits/adm", settings: Any = None
) -> Measured:
    """A result as if it came from the store, of a checkpoint that was never written."""
    family, _, name = checkpoint.partition("/")
    card = card_of(family=family, name=name, method=name)
    settings = settings or SETTINGS.get(measure) or MEASURES[measure].settings_type()
    fewest = MEASURES[measure].min_partners(settings)
    others = [card_of(family=family, name=f"other-{k}") for k in range(fewest)]
    request = make_request(measure, card, settings, Panel(size=4), others)
    known = {**PROVENANCE, "checkpoint": checkpoint, "measure": measure}
    return Measured(known, request, card, result)
