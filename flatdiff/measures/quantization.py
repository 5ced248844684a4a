"""Loss under quantisation: what the loss becomes when the weights are rounded to few bits.

Direct rounding after training, without calibration (paper Table 4); rounding is one perturbation
of the weights among all that flatness speaks of, and its size is reported beside the loss.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from flatdiff.config import FULL_PRECISION_BITS, require
from flatdiff.measures.base import Arrays, Item, Measure, mean, standard_error

if TYPE_CHECKING:
    from flatdiff.subject import Subject


@dataclass(frozen=True, kw_only=True)
class QuantizationSettings:
    """Which bit widths; one scale a tensor, symmetric, from the largest weight."""

    bits: tuple[int, ...] = (32, 8, 6, 4)

    def __post_init__(self) -> None:
        object.__setattr__(self, "bits", reference_first(self.bits))


def reference_first(bits: Sequence[Any]) -> tuple[int, ...]:
    """32 bits, which everything is compared with, then the widths asked for.

    >>> reference_first([8, 4])
    (32, 8, 4)

    Raises:
        SettingsError: naming the width that is none.
    """
    chosen = tuple(width for width in bits if width != FULL_PRECISION_BITS)
    for width in chosen:
        require(isinstance(width, int) and 2 <= width <= 8, "bits", "in [2, 8] or 32", width)
    require(len(set(chosen)) == len(chosen), "bits", "widths that differ", list(bits))
    return (FULL_PRECISION_BITS, *chosen)


@dataclass(frozen=True)
class QuantizationResult:
    """One entry a bit width, in the order asked for; NaN where not computed yet."""

    bits: tuple[int, ...]
    loss: NDArray[np.float64]  # mean over the panel
    stderr: NDArray[np.float64]  # of loss, over panel members
    rise: NDArray[np.float64]  # loss - loss at 32 bits
    rise_stderr: NDArray[np.float64]  # paired by panel member
    relative_error: NDArray[np.float64]  # ||theta_q - theta|| / ||theta||


def _items(settings: QuantizationSettings) -> Sequence[Item]:
    return [("bits", bits) for bits in settings.bits]


def _evaluate(subject: "Subject", settings: QuantizationSettings, item: Item) -> Arrays:
    with subject.quantized(item[1]):
        losses = subject.losses()
    return {"losses": losses, "relative_error": np.array(subject.quantization_error(item[1]))}


def _assemble(settings: QuantizationSettings, done: Mapping[int, Arrays]) -> QuantizationResult:
    loss, stderr, rise, rise_stderr, error = (
        np.full(len(settings.bits), np.nan) for _ in range(5)
    )
    for position, arrays in done.items():
        losses = arrays["losses"]
        loss[position], stderr[position] = mean(losses), standard_error(losses)
        error[position] = float(arrays["relative_error"])
        if 0 in done:
            change = losses - done[0]["losses"]
            rise[position], rise_stderr[position] = mean(change), standard_error(change)
    return QuantizationResult(settings.bits, loss, stderr, rise, rise_stderr, error)


MEASURE = Measure(
    name="quantization",
    question="How much does the loss rise when the weights are rounded to few bits?",
    version=1,
    settings_type=QuantizationSettings,
    items=_items,
    evaluate=_evaluate,
    assemble=_assemble,
    image_forwards=lambda settings, item, panel_size: panel_size,
)
