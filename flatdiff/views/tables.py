"""A table is a result in rows: what a CSV file holds, and what stands under every chart."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pandas as pd

from flatdiff.landscape.noise import LPF_MODES
from flatdiff.measures.curvature import LPF_SIGMAS, CurvatureResult
from flatdiff.measures.exposure import ExposureResult
from flatdiff.measures.frechet import COLUMNS, FrechetResult
from flatdiff.measures.lpf import LpfResult
from flatdiff.measures.nearby import NearbyResult
from flatdiff.measures.quantization import QuantizationResult
from flatdiff.measures.radius import RadiusResult
from flatdiff.measures.rescaling import RescalingResult
from flatdiff.measures.samples import SamplesResult
from flatdiff.measures.sensitivity import SensitivityResult
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


def radius_table(result: RadiusResult) -> pd.DataFrame:
    """One row a size."""
    columns = ("sizes", "relative_norms", "loss", "stderr", "gap")
    return pd.DataFrame({name: getattr(result, name) for name in columns})


def rescaling_table(result: RescalingResult) -> pd.DataFrame:
    """One row a factor."""
    names = ("factors", "loss", "loss_change", "largest_change")
    table = pd.DataFrame({name: getattr(result, name) for name in names})
    for mode, of_mode in enumerate(LPF_MODES):
        for name in ("lpf", "stderr", "change", "change_stderr", "num_perturbations"):
            table[f"{of_mode}_{name}"] = getattr(result, name)[mode]
    return table


def curvature_table(result: CurvatureResult) -> pd.DataFrame:
    """One row; the density is in the other files."""
    row: dict[str, float] = {}
    for rank, value in enumerate(result.eigenvalues):
        row[f"eigenvalue_{rank + 1}"] = value
        row[f"eigenvalue_{rank + 1}_error"] = result.eigenvalue_errors[rank]
    for name in ("lowest_eigenvalue", "trace", "negative_share"):
        error = "error" if name == "lowest_eigenvalue" else "stderr"
        row[name] = getattr(result, name)
        row[f"{name}_{error}"] = getattr(result, f"{name}_{error}")
    for sigma in LPF_SIGMAS:
        rise, stderr = result.predicted_lpf_rise(sigma)
        row |= {f"lpf_rise_{sigma:g}": rise, f"lpf_rise_{sigma:g}_stderr": stderr}
    names = ("loss", "gradient_norm", "num_probes")
    return pd.DataFrame([row | {name: getattr(result, name) for name in names}])


def exposure_table(result: ExposureResult) -> pd.DataFrame:
    """One row a step of the respaced process."""
    names = ("sampling", "training", "gap", "chain_std", "delta")
    columns = [column for name in names for column in (name, f"{name}_stderr")]
    table = pd.DataFrame({name: getattr(result, name) for name in columns})
    return table.rename_axis("step").reset_index()


def quantization_table(result: QuantizationResult) -> pd.DataFrame:
    """One row a bit width."""
    losses = ("bits", "loss", "stderr", "rise", "rise_stderr")
    columns = (*losses, "relative_error", "file_bytes", "packed_bytes")
    return pd.DataFrame({name: getattr(result, name) for name in columns})


def sensitivity_table(result: SensitivityResult) -> pd.DataFrame:
    """One row a layer, the most sensitive first, those not computed yet last."""
    columns = ("parameters", "rise", "rise_stderr", "relative_error")
    table = pd.DataFrame({name: getattr(result, name) for name in columns})
    table.insert(0, "layer", pd.Series(result.layers, dtype=str))
    return table.sort_values("rise", ascending=False, ignore_index=True)


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


def nearby_table(result: NearbyResult) -> pd.DataFrame:
    """One row."""
    row = {"a": result.a, "b": result.b, "relative_distance": result.relative_distance}
    return pd.DataFrame([{**row, "num_images": len(result.images)}])


def frechet_table(result: FrechetResult) -> pd.DataFrame:
    """One row a bit width."""
    columns = ("bits", "num_images", "num_reference", *COLUMNS, "label")
    return pd.DataFrame({name: getattr(result, name) for name in columns})


TABLES: dict[str, Callable[[Any], pd.DataFrame]] = {
    "surface": surface_table,
    "lpf": lpf_table,
    "radius": radius_table,
    "rescaling": rescaling_table,
    "curvature": curvature_table,
    "exposure": exposure_table,
    "quantization": quantization_table,
    "sensitivity": sensitivity_table,
    "samples": samples_table,
    "nearby": nearby_table,
    "frechet": frechet_table,
}


def all_numbers(measure: str, results: Sequence[tuple[str, Any]]) -> pd.DataFrame:
    """The tables of some checkpoints below each other, (title, result) each."""
    tables = [TABLES[measure](result).assign(checkpoint=title) for title, result in results]
    return pd.concat(tables).set_index("checkpoint").reset_index()
