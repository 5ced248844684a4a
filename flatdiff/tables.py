"""A table is a result in rows: what a CSV file holds, and what stands under every chart."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd

from flatdiff.measures.exposure import ExposureResult
from flatdiff.measures.lpf import LpfResult
from flatdiff.measures.quantization import QuantizationResult
from flatdiff.measures.samples import SamplesResult
from flatdiff.measures.surface import SurfaceResult


def surface_table(result: SurfaceResult) -> pd.DataFrame:
    """One row a computed cell."""
    b, a = np.meshgrid(result.b, result.a, indexing="ij")
    table = pd.DataFrame(
        {
            "a": a.ravel(),
            "b": b.ravel(),
            "loss": result.loss.ravel(),
            "stderr": result.stderr.ravel(),
            "rise": (result.loss - result.base_loss).ravel(),
            "rise_stderr": result.rise_stderr.ravel(),
        }
    )
    return table.loc[result.computed.ravel()]


def lpf_table(result: LpfResult) -> pd.DataFrame:
    """One row."""
    columns = (
        "lpf",
        "stderr",
        "ci_low",
        "ci_high",
        "loss",
        "gap",
        "num_perturbations",
        "relative_perturbation_norm",
    )
    return pd.DataFrame([{name: getattr(result, name) for name in columns}])


def exposure_table(result: ExposureResult) -> pd.DataFrame:
    """One row a step of the respaced process."""
    columns = ("sampling", "sampling_stderr", "training", "training_stderr", "gap", "gap_stderr")
    table = pd.DataFrame({name: getattr(result, name) for name in columns})
    return table.rename_axis("step").reset_index()


def quantization_table(result: QuantizationResult) -> pd.DataFrame:
    """One row a bit width."""
    columns = ("bits", "loss", "stderr", "rise", "rise_stderr", "relative_error")
    return pd.DataFrame({name: getattr(result, name) for name in columns})


def samples_table(result: SamplesResult) -> pd.DataFrame:
    """One row a bit width."""
    return pd.DataFrame(
        {
            "bits": result.bits,
            "num_images": result.images.shape[1],
            "pixel_change": result.pixel_change,
            "pixel_change_stderr": result.pixel_change_stderr,
        }
    )


TABLES: dict[str, Callable[[Any], pd.DataFrame]] = {
    "surface": surface_table,
    "lpf": lpf_table,
    "exposure": exposure_table,
    "quantization": quantization_table,
    "samples": samples_table,
}
