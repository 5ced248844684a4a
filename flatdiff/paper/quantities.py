"""The columns of a study: numbers read from a checkpoint's results, and the paper's own."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np

from flatdiff.measures.frechet import FrechetSettings
from flatdiff.measures.lpf import LpfSettings
from flatdiff.measures.samples import SamplesSettings
from flatdiff.measures.surface import SurfaceSettings
from flatdiff.measures.surfaces.result import SurfaceResult
from flatdiff.paper.reported import (
    TABLE_1,
    TABLE_2,
    TABLE_3,
    TABLE_5,
    Reported,
    by_method,
    flatness_by_method,
    rounded_by_method,
)
from flatdiff.reports.columns import COLUMNS, Column, Value, at_bits

CIFAR10, TOWER, FFHQ = "CIFAR-10", "LSUN Tower", "FFHQ"
DATA = (CIFAR10, TOWER, FFHQ)  # the paper's, by its names
STEPS = (20, 100)  # T' of the paper's Tables 2 and 4


@dataclass(frozen=True)
class Quantity:
    """A number of each checkpoint, and the paper's."""

    column: Column
    reported: Mapping[str, Reported] = field(default_factory=dict)  # by the paper's data
    named: str = ""  # what the paper reports, by its name there


def _highest_rise(result: SurfaceResult) -> Value:
    """Over the loss at the checkpoint, in the plane."""
    if not np.isfinite(result.loss).any():
        return float("nan"), float("nan")
    cell = np.unravel_index(np.nanargmax(result.loss), result.loss.shape)
    return float(result.loss[cell] - result.base_loss), float(result.rise_stderr[cell])


SURFACE = SurfaceSettings(mode="interpolated")
GRIDS = SamplesSettings(num_sampling_steps=20)
FRECHET = {20: FrechetSettings(), 100: FrechetSettings(num_sampling_steps=100, num_images=512)}

_known = {column.title: column for column in COLUMNS}
LPF_RISE, SLOPE, GAP = (
    _known[title] for title in ("LPF rise, absolute", "slope over distance", "|mean gap of ‖ε‖|")
)
LOSS_RISES = tuple(_known[f"loss rise at {bits} bit"] for bits in (8, 4))
LPF = Column(
    "LPF, absolute",
    "sharpness",
    "lpf",
    LpfSettings(),
    lambda r: (r.lpf, r.total_stderr),
)
LPF_RELATIVE = replace(
    LPF, title="LPF, filter-relative", settings=LpfSettings(mode="filter_relative")
)
SQUARED_GAP = replace(
    GAP,
    title="|mean gap of ‖ε‖²|",
    value=lambda r: (abs(r.mean_squared_gap), r.mean_squared_gap_stderr),
)
PLANE_RISE = Column("highest rise in the plane", "sharpness", "surface", SURFACE, _highest_rise)
PIXELS = Column(
    "mean change of a pixel at 8 bit", "benefit", "samples", GRIDS, at_bits("pixel_change", 8)
)


def _frechet(name: str, bits: int, what: str) -> dict[int, Column]:
    """By T'; the paper's is FID."""
    return {
        steps: Column(
            f"proxy Fréchet, T′ = {steps}, {what}",
            "benefit",
            "frechet",
            FRECHET[steps],
            at_bits(name, bits),
        )
        for steps in STEPS
    }


FRECHET_32 = _frechet("frechet", 32, "32 bit")
FRECHET_8 = _frechet("frechet", 8, "8 bit")
FRECHET_RISE = _frechet("rise", 8, "change at 8 bit")


def fid(steps: int) -> Quantity:
    """Table 2's."""
    reported = {name: by_method(TABLE_2, f"{name}, {steps}", "{:.2f}") for name in DATA}
    return Quantity(FRECHET_32[steps], reported, f"FID in {steps} steps")


_ROUNDED = ("FID in {} steps", "FID at 8 bit in {} steps", "change of FID in {} steps")


def rounded(steps: int) -> tuple[Quantity, ...]:
    """Table 4's: before, after and between."""
    columns = (FRECHET_32[steps], FRECHET_8[steps], FRECHET_RISE[steps])
    return tuple(
        Quantity(column, {CIFAR10: rounded_by_method(steps, position)}, named.format(steps))
        for position, (column, named) in enumerate(zip(columns, _ROUNDED, strict=True))
    )


LPF_CIFAR10 = Quantity(LPF, {CIFAR10: flatness_by_method(TABLE_3)}, "LPF")
LPF_TOWER = Quantity(LPF, {TOWER: flatness_by_method(TABLE_5)}, "LPF")
GAP_CIFAR10 = Quantity(SQUARED_GAP, {CIFAR10: by_method(TABLE_1, "gap of ‖ε‖")}, "gap")
