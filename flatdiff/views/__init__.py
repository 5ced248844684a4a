"""How each measure is shown: figures, table, reading and caveat; a new one is named here."""

from typing import Any

import pandas as pd

from flatdiff.views import (
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
from flatdiff.views.base import Picture, Section, View
from flatdiff.views.style import Series

__all__ = ["SECTIONS", "Picture", "Section", "Series", "View", "table"]

SECTIONS: dict[str, Section] = {
    "surface": surface.SECTION,
    "lpf": lpf.SECTION,
    "radius": radius.SECTION,
    "rescaling": rescaling.SECTION,
    "curvature": curvature.SECTION,
    "exposure": exposure.SECTION,
    "quantization": quantization.SECTION,
    "sensitivity": sensitivity.SECTION,
    "samples": samples.SECTION,
    "nearby": nearby.SECTION,
    "frechet": frechet.SECTION,
}


def table(measure: str, result: Any) -> pd.DataFrame:
    """Every number of a result in rows; the columns are those of its CSV file."""
    return SECTIONS[measure].table(result)
