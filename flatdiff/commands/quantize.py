"""`quantize`: a checkpoint as a file of small integers, and what that saves."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro

from flatdiff.checkpoints.card import read_card
from flatdiff.checkpoints.tensors import read_shapes, read_tensors
from flatdiff.landscape.quantization import Scheme
from flatdiff.landscape.quantized_file import file_sizes, quantized_file
from flatdiff.settings import require
from flatdiff.system.files import atomic_write, checkpoint_root


@dataclass(frozen=True, kw_only=True)
class QuantizeOptions:
    """What is quantised and where the file goes."""

    checkpoint: str
    """<family>/<name>."""
    out: Path
    """.safetensors."""

    def __post_init__(self) -> None:
        expected = "a file ending in .safetensors"
        require(self.out.suffix == ".safetensors", "--out", expected, self.out.name)


def quantize(
    target: Annotated[QuantizeOptions, tyro.conf.arg(name="")],
    scheme: Annotated[Scheme, tyro.conf.arg(name="")],
) -> int:
    """Write a checkpoint's weights as int8 with scales and zero points, one byte a weight."""
    root = checkpoint_root()
    card = read_card(root, target.checkpoint)
    content = quantized_file(card, read_tensors(root, card), scheme)
    atomic_write(target.out, content)
    shapes = read_shapes(root, card)
    (before, _), (after, packed) = (
        file_sizes(card, shapes, each) for each in (Scheme(bits=32), scheme)
    )
    print(f"{target.checkpoint}, {scheme}")
    print(f"float32 {before:,} bytes, quantised {after:,} bytes, {before / after:.2f} times less")
    if scheme.bits < 8:
        print(f"packed to {scheme.bits} bits a weight it would be {packed:,} bytes")
    print(f"written: {target.out}")
    return 0
