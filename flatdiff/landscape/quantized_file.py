"""A quantised file holds a checkpoint as small integers, with all that is needed to read it back.

One safetensors file: `<name>` the codes of a tensor (int8, or uint8 where asymmetric, one byte
each), `<name>.scale` and, where asymmetric, `<name>.zero_point` one number a grid. Its metadata
hold the scheme, the network's flags, and name and digest of the float32 weights it was made from.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load, save

from flatdiff.checkpoints.card import Card
from flatdiff.checkpoints.header import read_header
from flatdiff.checkpoints.tensors import Shapes, Tensors
from flatdiff.diffusion.any_flags import Flags, flags_from_json
from flatdiff.errors import CheckpointError
from flatdiff.landscape.quantization import (
    FULL_PRECISION_BITS,
    QuantizedTensor,
    Scheme,
    dequantize,
    num_grids,
    quantize,
)
from flatdiff.settings import canonical_json, from_mapping, require

FORMAT_VERSION = 1
METADATA_KEY = "flatdiff"  # one entry, so that equal content is equal bytes
SCALE, ZERO_POINT = ".scale", ".zero_point"
# What the description of a damaged file raises, by what is wrong with it.
MALFORMED = (ValueError, KeyError, TypeError, AttributeError, RecursionError, OSError)


@dataclass(frozen=True)
class QuantizedFile:
    """What a quantised file says, and the weights it stands for."""

    scheme: Scheme
    flags: Flags
    source: str  # "<family>/<name>" of the float32 checkpoint
    source_digest: str  # SHA-256 of its weights
    tensors: Tensors


def quantized_file(card: Card, tensors: Tensors, scheme: Scheme) -> bytes:
    """A checkpoint as a quantised file.

    Raises:
        SettingsError: the scheme has 32 bits, and so no integers.
        CheckpointError: a weight is NaN or infinite.
    """
    require(scheme.bits != FULL_PRECISION_BITS, "bits", "in [2, 8] for a file", scheme.bits)
    coded = {name: quantize(values, scheme) for name, values in tensors.items()}
    return _serialized(card, coded, scheme)


def read_quantized_file(path: Path) -> QuantizedFile:
    """Back from `quantized_file`; the weights are `fake_quantize`'s, bit by bit.

    Raises:
        CheckpointError: the file is damaged or no quantised file of this format.
    """
    try:
        facts = json.loads(read_header(path).metadata[METADATA_KEY])
        require(facts["format_version"] == FORMAT_VERSION, "format", "1", facts["format_version"])
        return QuantizedFile(
            scheme=from_mapping(Scheme, facts["scheme"], "scheme"),
            flags=flags_from_json(facts["flags"]),
            source=facts["source"],
            source_digest=facts["source_digest"],
            tensors=_dequantized(load(path.read_bytes())),
        )
    except (CheckpointError, SafetensorError, *MALFORMED) as error:
        raise CheckpointError(f"{path} is no quantised file of flatdiff: {error}") from None


def file_sizes(card: Card, shapes: Shapes, scheme: Scheme) -> tuple[int, int]:
    """Bytes of a checkpoint's file, and what it would need with codes packed to their width.

    The file is quantised, or weights.safetensors at 32 bits, where there is nothing to pack. Both
    follow from names and shapes alone, so that nothing need be quantised to know them.
    """
    if scheme.bits == FULL_PRECISION_BITS:
        whole = len(save({name: np.zeros(shape, np.float32) for name, shape in shapes.items()}))
        return whole, whole
    blank = {name: _blank(shape, scheme) for name, shape in shapes.items()}
    counts = [tensor.codes.size for tensor in blank.values()]
    saved = sum(count - -(-count * scheme.bits // 8) for count in counts)
    whole = len(_serialized(card, blank, scheme))
    return whole, whole - saved


def _serialized(card: Card, tensors: Mapping[str, QuantizedTensor], scheme: Scheme) -> bytes:
    arrays: dict[str, NDArray] = {}
    for name, tensor in tensors.items():
        arrays[name] = tensor.codes
        arrays[name + SCALE] = tensor.scale
        if not scheme.symmetric:
            arrays[name + ZERO_POINT] = tensor.zero_point
    facts = {
        "format_version": FORMAT_VERSION,
        "scheme": asdict(scheme),
        "flags": card.flags.to_json(),
        "source": card.id,
        "source_digest": card.digest,
    }
    return save(arrays, {METADATA_KEY: canonical_json(facts)})


def _dequantized(arrays: Mapping[str, NDArray]) -> Tensors:
    names = [name for name in arrays if not name.endswith((SCALE, ZERO_POINT))]
    tensors = {}
    for name in names:
        scale = arrays[name + SCALE]
        zero_point = arrays.get(name + ZERO_POINT, np.zeros(scale.shape, np.uint8))
        if scale.ndim != 1 or zero_point.shape != scale.shape:
            raise CheckpointError(
                f"the scales and zero points of {name} are no lists of one length"
            )
        tensors[name] = dequantize(QuantizedTensor(arrays[name], scale, zero_point))
    return tensors


def _blank(shape: tuple[int, ...], scheme: Scheme) -> QuantizedTensor:
    """Codes of nothing, with the room that the codes of something take."""
    grids = num_grids(shape, scheme)
    dtype = np.int8 if scheme.symmetric else np.uint8
    return QuantizedTensor(
        np.zeros(shape, dtype), np.zeros(grids, np.float32), np.zeros(grids, np.uint8)
    )
