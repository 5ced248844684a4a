"""The measures flatdiff knows; to add one, write its file and name it here.

base              what a measure is: settings, items, evaluate, assemble
statistics        means, rank correlations and their errors
request           one measurement that somebody wants, and its key
comparison        is A flatter than B, with an interval
timesteps         at which noise levels a loss rises
surface           loss along one or two directions
surfaces          where it is taken, what it shows, and samples at its points (nearby, atlas)
lpf               mean loss under weight noise
radius            loss against the size of a perturbation
sharpness         loss at the worst weights within a ball
blocks            loss with one block of the network perturbed
similarity        how alike what several checkpoints compute is
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
    blocks,
    curvature,
    exposure,
    frechet,
    lpf,
    quantization,
    radius,
    rescaling,
    samples,
    sensitivity,
    sharpness,
    similarity,
    surface,
)
from flatdiff.measures.base import Measure
from flatdiff.measures.surfaces import atlas, nearby

MEASURES: dict[str, Measure[Any, Any]] = {
    measure.name: measure
    for measure in (
        surface.MEASURE,
        lpf.MEASURE,
        radius.MEASURE,
        sharpness.MEASURE,
        blocks.MEASURE,
        similarity.MEASURE,
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
