"""The measures flatdiff knows; to add one, write its file and name it here."""

from typing import Any

from flatdiff.measures import (
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
    surface,
)
from flatdiff.measures.base import Measure

MEASURES: dict[str, Measure[Any, Any]] = {
    measure.name: measure
    for measure in (
        surface.MEASURE,
        lpf.MEASURE,
        radius.MEASURE,
        rescaling.MEASURE,
        curvature.MEASURE,
        exposure.MEASURE,
        quantization.MEASURE,
        sensitivity.MEASURE,
        samples.MEASURE,
        nearby.MEASURE,
        frechet.MEASURE,
    )
}
