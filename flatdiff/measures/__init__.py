"""The measures flatdiff knows; to add one, write its file and name it here.

base              what a measure is: settings, items, evaluate, assemble
statistics        means, rank correlations and their errors
request           one measurement that somebody wants, and its key
comparison        is A flatter than B, with an interval
timesteps         at which noise levels a loss rises
surface           loss along one or two directions
surfaces          where it is taken, and what it shows
nearby            samples at a point of a surface
atlas             samples at every point of a coarse grid over one
lpf               mean loss under weight noise
radius            loss against the size of a perturbation
sharpness         loss at the worst weights within a ball
blocks            loss with one block of the network perturbed
rescaling         flatness from rescaled weights
curvature         eigenvalues, trace and density of the Hessian
exposure          exposure bias: norms of the predicted noise, and delta
quantization      loss at few bits
sensitivity       the same, layer by layer
samples           images at several bit widths
frechet           how far samples are from real images
along_run         a small LPF and a few samples of a run's weights as it goes
"""

from typing import Any

from flatdiff.measures import (
    atlas,
    blocks,
    curvature,
    exposure,
    frechet,
    lpf,
    nearby,
    quantization,
    radius,
    rescaling,
    samples,
    sensitivity,
    sharpness,
    surface,
)
from flatdiff.measures.base import Measure

MEASURES: dict[str, Measure[Any, Any]] = {
    measure.name: measure
    for measure in (
        surface.MEASURE,
        lpf.MEASURE,
        radius.MEASURE,
        sharpness.MEASURE,
        blocks.MEASURE,
        rescaling.MEASURE,
        curvature.MEASURE,
        exposure.MEASURE,
        quantization.MEASURE,
        sensitivity.MEASURE,
        samples.MEASURE,
        nearby.MEASURE,
        atlas.MEASURE,
        frechet.MEASURE,
    )
}
