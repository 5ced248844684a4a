"""The measures flatdiff knows; to add one, write its file and name it here."""

from typing import Any

from flatdiff.measures import exposure, lpf, quantization, samples, surface
from flatdiff.measures.base import Measure

MEASURES: dict[str, Measure[Any, Any]] = {
    measure.name: measure
    for measure in (
        surface.MEASURE,
        lpf.MEASURE,
        exposure.MEASURE,
        quantization.MEASURE,
        samples.MEASURE,
    )
}
