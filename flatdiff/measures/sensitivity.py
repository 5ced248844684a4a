"""Sensitivity of a layer: how much the loss rises when this layer alone is rounded.

A layer is a tensor of at least two dimensions (a convolution, a linear map, an embedding); biases
and the affine parameters of norms have fewer. Layers are rounded one at a time, the rest stay in
float32, so the rises say where precision matters and need not add up to the whole network's.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from flatdiff.checkpoints.tensors import layer_names
from flatdiff.errors import CheckpointError
from flatdiff.landscape.quantization import SchemeOptions, require_bits
from flatdiff.measures.base import Item, Measure
from flatdiff.measures.statistics import mean, standard_error
from flatdiff.settings import require
from flatdiff.system.arrays import Arrays

if TYPE_CHECKING:  # a subject of a test answers what it is asked, and no more
    from flatdiff.landscape.measurable import Measurable

MAX_LAYERS = 2000


@dataclass(frozen=True, kw_only=True)
class SensitivitySettings(SchemeOptions):
    """How a layer is rounded, and which layers; `tensors.layer_names` lists a checkpoint's."""

    bits: int = 4
    # By their names in the state dict. Where none is named, every layer of each checkpoint is
    # filled in (`request.completed`), and a printed command leaves them out.
    layers: tuple[str, ...] = field(default=(), metadata={"filled_in": layer_names})

    def __post_init__(self) -> None:
        super().__post_init__()
        require_bits(self.bits)
        layers = tuple(self.layers)
        object.__setattr__(self, "layers", layers)
        fits = len(layers) <= MAX_LAYERS and all(isinstance(name, str) for name in layers)
        require(fits, "layers", f"at most {MAX_LAYERS} names of tensors", layers)
        require(len(set(layers)) == len(layers), "layers", "names that differ", layers)


@dataclass(frozen=True)
class SensitivityResult:
    """One entry a layer, in the order asked for; NaN where not computed yet."""

    layers: tuple[str, ...]
    parameters: NDArray[np.float64]  # weights in the layer
    rise: NDArray[np.float64]  # loss with this layer rounded - loss at 32 bits
    rise_stderr: NDArray[np.float64]  # paired by panel member
    relative_error: NDArray[np.float64]  # ||w_q - w|| / ||w||, of the layer's own weights
    loss: float  # at 32 bits, mean over the panel
    stderr: float  # of loss, over panel members


def _items(settings: SensitivitySettings) -> Sequence[Item]:
    return [("base",), *(("layer", index) for index in range(len(settings.layers)))]


def _evaluate(subject: "Measurable", settings: SensitivitySettings, item: Item) -> Arrays:
    if item == ("base",):
        return {"losses": subject.losses()}
    layer, scheme = settings.layers[item[1]], settings.at(settings.bits)
    if layer not in subject.shapes:
        known = ", ".join(name for name, shape in subject.shapes.items() if len(shape) >= 2)
        raise CheckpointError(f"the network has no layer {layer!r}; its layers: {known}")
    with subject.quantized(scheme, (layer,)):
        losses = subject.losses()
    return {
        "losses": losses,
        "relative_error": np.array(subject.quantization_error(scheme, (layer,))),
        "parameters": np.array(np.prod(subject.shapes[layer])),
    }


def _assemble(settings: SensitivitySettings, done: Mapping[int, Arrays]) -> SensitivityResult:
    names = ("parameters", "rise", "rise_stderr", "relative_error")
    columns = {name: np.full(len(settings.layers), np.nan) for name in names}
    base = done[0]["losses"] if 0 in done else np.array([])
    for position in sorted(set(done) - {0}):
        arrays, index = done[position], position - 1
        for name in ("parameters", "relative_error"):
            columns[name][index] = float(arrays[name])
        if 0 in done:
            change = arrays["losses"] - base
            columns["rise"][index] = mean(change)
            columns["rise_stderr"][index] = standard_error(change)
    return SensitivityResult(
        layers=settings.layers, **columns, loss=mean(base), stderr=standard_error(base)
    )


MEASURE = Measure(
    name="sensitivity",
    question="Which layers cannot do without their bits?",
    version=1,
    settings_type=SensitivitySettings,
    items=_items,
    evaluate=_evaluate,
    assemble=_assemble,
    image_forwards=lambda settings, item, panel_size: panel_size,
)
