"""A reading is a result as a person reads it: a few rows of text, every number with its error.

What stands under a chart on its page, in the sheet and in reports; `tables.py` has every digit.
"""

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pandas as pd

from flatdiff.measures.curvature import LPF_SIGMAS, CurvatureResult
from flatdiff.measures.exposure import ExposureResult
from flatdiff.measures.frechet import FrechetResult
from flatdiff.measures.lpf import LpfResult
from flatdiff.measures.quantization import QuantizationResult
from flatdiff.measures.radius import RadiusResult
from flatdiff.measures.samples import SamplesResult
from flatdiff.measures.surface import SurfaceResult
from flatdiff.views.estimates import with_error

Row = dict[str, str]


def surface_checks(result: SurfaceResult) -> list[Row]:
    """What says whether a surface can be believed."""
    highest = np.nanmax(result.loss) if np.isfinite(result.loss).any() else np.nan
    return [
        {
            "loss at the checkpoint": with_error(result.base_loss, result.base_stderr),
            "noise floor": f"{result.noise_floor:.3g}",
            "highest rise": f"{highest - result.base_loss:.3g}",
            "points computed": f"{result.num_evaluations:,}",
            "interpolation error": f"{result.error_estimate:.2g}",
            "not a number": f"{result.nonfinite_fraction:.1%}",
            "|cosine| of the axes": f"{abs(result.axes_cosine):.4f}",
            "a = 1 is, of ‖θ‖": f"{result.relative_step:.3f}",
        }
    ]


def lpf_scores(result: LpfResult) -> list[Row]:
    """Loss, LPF and its rise."""
    return [
        {
            "loss": f"{result.loss:.4f}",
            "LPF": with_error(result.lpf, result.stderr),
            "rise": with_error(result.gap, result.stderr),
            "perturbations": f"{result.num_perturbations}",
            "‖δ‖ / ‖θ‖": f"{result.relative_perturbation_norm:.3f}",
        }
    ]


def radius_slope(result: RadiusResult) -> list[Row]:
    """The rise over the distance in one number, and at the largest size."""
    return [
        {
            "slope over ‖δ‖ / ‖θ‖": with_error(result.slope, result.slope_stderr),
            "largest size": f"{result.sizes[-1]:g}",
            "rise there": with_error(result.gap[-1], result.stderr[-1]),
            "directions": f"{result.num_directions}",
        }
    ]


def curvature_numbers(result: CurvatureResult) -> list[Row]:
    """What a checkpoint's curvature comes to."""
    row = {
        "top eigenvalue": with_error(result.eigenvalues[0], result.eigenvalue_errors[0]),
        "lowest": with_error(result.lowest_eigenvalue, result.lowest_eigenvalue_error),
        "trace": with_error(result.trace, result.trace_stderr),
        "negative, %": with_error(100 * result.negative_share, 100 * result.negative_share_stderr),
        "‖gradient‖": f"{result.gradient_norm:.3g}" if math.isfinite(result.gradient_norm) else "",
    }
    for sigma in LPF_SIGMAS:
        row[f"LPF rise, σ {sigma:g}"] = with_error(*result.predicted_lpf_rise(sigma))
    return [row]


def exposure_gaps(result: ExposureResult) -> list[Row]:
    """Every gap with its standard error."""
    if not result.num_images:
        return []
    above = result.training[0] >= result.sqrt_dimension
    gaps = {
        "mean gap of ‖ε‖": (result.mean_gap, result.mean_gap_stderr),
        "summed over steps": (result.summed_gap, result.summed_gap_stderr),
        "mean gap of ‖ε‖²": (result.mean_squared_gap, result.mean_squared_gap_stderr),
    }
    return [
        {
            **{name: with_error(*gap, signed=True) for name, gap in gaps.items()},
            "images": f"{result.num_images}",
            "training < √d at step 0": "no" if above else "yes",
        }
    ]


def quantization_sizes(result: QuantizationResult) -> list[Row]:
    """A row a bit width that is computed: error, rise and bytes."""
    return [
        {
            "bits": str(bits),
            "‖Δθ‖ / ‖θ‖": f"{result.relative_error[k]:.2%}",
            "loss − loss at 32 bits": with_error(
                result.rise[k], result.rise_stderr[k], signed=True
            )
            if k
            else "",
            "file": f"{result.file_bytes[k] / 1e6:.2f} MB",
            "packed": f"{result.packed_bytes[k] / 1e6:.2f} MB",
            "smaller": f"{result.file_bytes[0] / result.file_bytes[k]:.2f} ×",
        }
        for k, bits in enumerate(result.bits)
        if result.file_bytes[k] > 0
    ]


def pixel_changes(result: SamplesResult) -> list[Row]:
    """A row a bit width."""
    changes = zip(result.bits, result.pixel_change, result.pixel_change_stderr, strict=True)
    return [
        {
            "bits": str(bits),
            "images": str(result.images.shape[1]),
            "mean change of a pixel, of 255": with_error(change, error) if k else "",
        }
        for k, (bits, change, error) in enumerate(changes)
    ]


def frechet_distances(result: FrechetResult) -> list[Row]:
    """A row a bit width, every number with its standard error."""
    return [
        {
            "bits": str(bits),
            "Fréchet": with_error(result.frechet[k], result.frechet_stderr[k]),
            "over 32 bits": with_error(result.rise[k], result.rise_stderr[k], signed=True)
            if k
            else "",
            "kernel distance": with_error(result.kernel[k], result.kernel_stderr[k]),
            "precision": with_error(result.precision[k], result.precision_stderr[k]),
            "recall": with_error(result.recall[k], result.recall_stderr[k]),
        }
        for k, bits in enumerate(result.bits)
    ]


# Sensitivity has no reading: its table is one row a layer as it is.
READINGS: dict[str, Callable[[Any], list[Row]]] = {
    "surface": surface_checks,
    "lpf": lpf_scores,
    "radius": radius_slope,
    "curvature": curvature_numbers,
    "exposure": exposure_gaps,
    "quantization": quantization_sizes,
    "samples": pixel_changes,
    "frechet": frechet_distances,
}


def reading(measure: str, results: Sequence[tuple[str, Any]]) -> pd.DataFrame:
    """All rows of some checkpoints, (title, result) each; empty where the measure has none."""
    rows = READINGS.get(measure, lambda _: [])
    return pd.DataFrame(
        [{"checkpoint": title, **row} for title, result in results for row in rows(result)]
    )
