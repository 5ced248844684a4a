"""The columns of the claim's table: what is measured of a checkpoint, and from which result."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from flatdiff.checkpoints.card import Card
from flatdiff.measures.curvature import CurvatureSettings
from flatdiff.measures.exposure import ExposureSettings
from flatdiff.measures.frechet import FrechetSettings
from flatdiff.measures.lpf import LpfSettings
from flatdiff.measures.quantization import QuantizationSettings
from flatdiff.measures.radius import RadiusSettings
from flatdiff.measures.request import Request, make_request

Value = tuple[float, float]  # and its standard error


@dataclass(frozen=True)
class Column:
    """One number a checkpoint."""

    title: str
    group: Literal["sharpness", "benefit"]  # in every column, less is better
    measure: str
    settings: Any
    value: Callable[[Any], Value]  # of a finished result


def at_bits(name: str, bits: int) -> Callable[[Any], Value]:
    """A number of a result that has one a bit width."""

    def value(result: Any) -> Value:
        position = result.bits.index(bits)
        return getattr(result, name)[position], getattr(result, f"{name}_stderr")[position]

    return value


COLUMNS = (
    Column(
        "LPF rise, absolute",
        "sharpness",
        "lpf",
        LpfSettings(),
        lambda r: (r.gap, r.gap_total_stderr),
    ),
    Column(
        "LPF rise, filter-relative",
        "sharpness",
        "lpf",
        LpfSettings(mode="filter_relative"),
        lambda r: (r.gap, r.gap_total_stderr),
    ),
    Column(
        "slope over distance",
        "sharpness",
        "radius",
        RadiusSettings(),
        lambda r: (r.slope, r.slope_total_stderr),
    ),
    Column(
        "top eigenvalue",
        "sharpness",
        "curvature",
        CurvatureSettings(),
        lambda r: (float(r.eigenvalues[0]), r.top_error),
    ),
    Column(
        "Hessian trace",
        "sharpness",
        "curvature",
        CurvatureSettings(),
        lambda r: (r.trace, r.trace_total_stderr),
    ),
    Column(
        "|mean gap of ‖ε‖|",
        "benefit",
        "exposure",
        ExposureSettings(),
        lambda r: (abs(r.mean_gap), r.mean_gap_stderr),
    ),
    Column(
        "loss rise at 8 bit",
        "benefit",
        "quantization",
        QuantizationSettings(),
        at_bits("rise", 8),
    ),
    Column(
        "loss rise at 4 bit",
        "benefit",
        "quantization",
        QuantizationSettings(),
        at_bits("rise", 4),
    ),
    Column(
        "proxy Fréchet, 32 bit", "benefit", "frechet", FrechetSettings(), at_bits("frechet", 32)
    ),
    Column("proxy Fréchet, 8 bit", "benefit", "frechet", FrechetSettings(), at_bits("frechet", 8)),
)


def requests_of(card: Card) -> Mapping[str, Request]:
    """What the columns need of a checkpoint, each measurement once; by title of the column."""
    return {c.title: make_request(c.measure, card, c.settings) for c in COLUMNS}
