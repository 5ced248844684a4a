"""Results made by hand, whole and partial, one of every measure."""

import numpy as np

from flatdiff.measures.exposure import MEASURE as EXPOSURE
from flatdiff.measures.exposure import ExposureResult, ExposureSettings
from flatdiff.measures.lpf import LpfResult, LpfSettings
from flatdiff.measures.quantization import QuantizationResult, QuantizationSettings
from flatdiff.measures.samples import MEASURE as SAMPLES
from flatdiff.measures.samples import SamplesResult, SamplesSettings
from flatdiff.measures.surface import SurfaceResult, SurfaceSettings
from tests.subjects import QuadraticSubject, computed, digits_subject, random_hessians


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


def quantization(count: int | None = None) -> QuantizationResult:
    """At 32, 8, 6 and 4 bits."""
    return computed(
        QuadraticSubject(random_hessians()), "quantization", QuantizationSettings(), count
    )


def exposure(count: int | None = None) -> ExposureResult:
    """Five steps, one chunk of eight images of 64 pixels, or none."""
    draw = np.random.default_rng(0)
    norms = {name: draw.normal(8, 1, (5, 8)) for name in ("sampling", "training")}
    done = {} if count == 0 else {0: {**norms, "dimension": np.array(64)}}
    return EXPOSURE.assemble(ExposureSettings(num_sampling_steps=5, num_images=8), done)


def samples(count: int | None = None) -> SamplesResult:
    """Three images at 32 and 4 bits; the first item alone is none yet."""
    settings = SamplesSettings(num_images=3, num_sampling_steps=2, bits=(4,))
    if count is not None and count < 2:
        return SAMPLES.assemble(settings, {})
    return computed(digits_subject(2), "samples", settings)


RESULTS = {
    "surface": surface,
    "lpf": lpf,
    "quantization": quantization,
    "exposure": exposure,
    "samples": samples,
}
