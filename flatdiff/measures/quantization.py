"""Loss under quantisation: what the loss becomes when the weights are rounded to few bits.

Direct rounding after training, without calibration (paper Table 4); rounding is one perturbation
of the weights among all that flatness speaks of, and its size is reported beside the loss, with
what the checkpoint's file shrinks to.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from flatdiff.landscape.quantization import FULL_PRECISION_BITS, SchemeOptions, require_bits
from flatdiff.landscape.quantized_file import file_sizes
from flatdiff.measures.base import Item, Measure
from flatdiff.measures.statistics import mean, standard_error
from flatdiff.settings import require
from flatdiff.system.arrays import Arrays

if TYPE_CHECKING:  # a subject of a test answers what it is asked, and no more
    from flatdiff.landscape.measurable import Measurable


@dataclass(frozen=True, kw_only=True)
class QuantizationSettings(SchemeOptions):
    """Which bit widths, and the options that all of them share."""

    bits: tuple[int, ...] = (32, 8, 6, 4)

    def __post_init__(self) -> None:
        super().__post_init__()
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
        require_bits(width)
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
    file_bytes: NDArray[np.float64]  # of the exported file, one byte a weight; float32 at 32 bits
    packed_bytes: NDArray[np.float64]  # the same with codes packed to their width
    # (bits, N): rise of each panel member's loss, for paired comparisons.
    member_rises: NDArray[np.float64] = field(metadata={"json": False})


def _items(settings: QuantizationSettings) -> Sequence[Item]:
    return [("bits", bits) for bits in settings.bits]


def _evaluate(subject: "Measurable", settings: QuantizationSettings, item: Item) -> Arrays:
    scheme = settings.at(item[1])
    with subject.quantized(scheme):
        losses = subject.losses()
    whole, packed = file_sizes(subject.card, subject.shapes, scheme)
    return {
        "losses": losses,
        "relative_error": np.array(subject.quantization_error(scheme)),
        "file_bytes": np.array(whole),
        "packed_bytes": np.array(packed),
    }


def _assemble(settings: QuantizationSettings, done: Mapping[int, Arrays]) -> QuantizationResult:
    names = ("loss", "stderr", "rise", "rise_stderr", "relative_error")
    sizes = ("file_bytes", "packed_bytes")
    columns = {name: np.full(len(settings.bits), np.nan) for name in (*names, *sizes)}
    base = done[0]["losses"] if 0 in done else np.array([])
    member_rises = np.full((len(settings.bits), len(base)), np.nan)
    for position, arrays in done.items():
        losses = arrays["losses"]
        known = {"loss": mean(losses), "stderr": standard_error(losses)}
        known |= {name: float(arrays[name]) for name in ("relative_error", *sizes)}
        if 0 in done:
            member_rises[position] = change = losses - base
            known |= {"rise": mean(change), "rise_stderr": standard_error(change)}
        for name, value in known.items():
            columns[name][position] = value
    return QuantizationResult(bits=settings.bits, **columns, member_rises=member_rises)


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
