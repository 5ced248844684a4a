"""How each measure is shown: figures, table, reading and caveat; a new one is named here.

base                what a section is made of; estimates as text
verdict             the one line that a page says of its picture
style               colours, dashes, symbols, margins
surface, lpf, radius, sharpness, blocks, similarity, rescaling, curvature, exposure, quantization,
sensitivity, samples, frechet    each as the measure of its name is shown
surfaces            how the loss over a line or a plane is drawn, and samples at its points
perturbation_sizes  every change of the weights on one axis
training            losses along a run
evaluations         flatness and samples along a run
teaching            what the pages to teach with draw
"""

from typing import Any

import pandas as pd

from flatdiff.views import (
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
from flatdiff.views.base import Picture, Section, View
from flatdiff.views.style import Series
from flatdiff.views.surfaces import atlas, nearby

__all__ = ["SECTIONS", "Picture", "Section", "Series", "View", "table"]

SECTIONS: dict[str, Section] = {
    "surface": surface.SECTION,
    "lpf": lpf.SECTION,
    "radius": radius.SECTION,
    "sharpness": sharpness.SECTION,
    "blocks": blocks.SECTION,
    "similarity": similarity.SECTION,
    "rescaling": rescaling.SECTION,
    "curvature": curvature.SECTION,
    "exposure": exposure.SECTION,
    "quantization": quantization.SECTION,
    "sensitivity": sensitivity.SECTION,
    "samples": samples.SECTION,
    "nearby": nearby.SECTION,
    "atlas": atlas.SECTION,
    "frechet": frechet.SECTION,
}


def table(measure: str, result: Any) -> pd.DataFrame:
    """Every number of a result in rows; the columns are those of its CSV file."""
    return SECTIONS[measure].table(result)
