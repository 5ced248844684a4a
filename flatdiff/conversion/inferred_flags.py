"""An architecture is what the shapes of a network's tensors say of its flags.

Widths, depth, where attention stands, classes and whether the variance is learned are written in
names and shapes. Image size, heads, attention order and the whole diffusion process are not: those
come from a preset, from flags, or from guided-diffusion's defaults.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from flatdiff.checkpoints.header import MAX_TENSORS
from flatdiff.checkpoints.tensors import Shapes
from flatdiff.diffusion.flags import AdmFlags
from flatdiff.errors import CheckpointError, SettingsError

UNKNOWN: tuple[int, ...] = ()


@dataclass(frozen=True)
class Claims:
    """Flags that somebody states."""

    source: str  # in a sentence, such as "--flags"
    flags: Mapping[str, Any]  # in guided-diffusion's spelling


@dataclass(frozen=True)
class Architecture:
    """A network by its shapes; what they leave open, because tensors are missing, is None."""

    shapes: Shapes

    @property
    def num_channels(self) -> int | None:
        """The width that every other is a multiple of."""
        return self._size("time_embed.0.weight", 1)

    @property
    def in_channels(self) -> int | None:
        """Of an image."""
        return self._size("input_blocks.0.0.weight", 1)

    @property
    def num_classes(self) -> int | None:
        """None where the network is unconditional."""
        return self._size("label_emb.weight", 0)

    @property
    def learn_sigma(self) -> bool | None:
        """Whether the network has twice as many channels going out as coming in.

        Raises:
            CheckpointError: it has neither as many nor twice as many.
        """
        before, after = self.in_channels, self._size("out.2.weight", 0)
        if before is None or after is None:
            return None
        if after not in (before, 2 * before):
            raise CheckpointError(
                f"an ADM network has as many channels going out as coming in, or twice as many "
                f"(learn_sigma); the file has {before} in and {after} out"
            )
        return after == 2 * before

    @cached_property
    def num_output_blocks(self) -> int:
        """Of the decoder: one more a level than num_res_blocks."""
        known = (n for n in range(MAX_TENSORS) if self._output_width(n) is None)
        return next(known, 0)

    @cached_property
    def _ends(self) -> list[int]:
        """The blocks after which the decoder grows, coarse to fine."""
        return [n for n in range(self.num_output_blocks) if self._resizer(n) is not None]

    @property
    def num_res_blocks(self) -> int | None:
        """A level."""
        count = self._ends[0] + 1 if self._ends else self.num_output_blocks
        return count - 1 if count > 1 else None

    @property
    def widths(self) -> list[int] | None:
        """Channels at each level, finest first."""
        if not self.num_output_blocks:
            return None
        lasts = [*self._ends, self.num_output_blocks - 1]
        found = [self._output_width(n) for n in reversed(lasts)]
        return [width for width in found if width is not None]

    @property
    def attention_downsamplings(self) -> frozenset[int] | None:
        """Levels that attend, as factors of downsampling."""
        if not self.num_output_blocks:
            return None
        lasts = reversed([*self._ends, self.num_output_blocks - 1])
        levels = enumerate(lasts)
        return frozenset(2**level for level, n in levels if self._attends(n))

    @property
    def use_scale_shift_norm(self) -> bool | None:
        """Whether the timestep scales as well as shifts."""
        block = "middle_block.0"
        heard = self._size(f"{block}.emb_layers.1.weight", 0)
        width = self._size(f"{block}.out_layers.3.weight", 0)
        return None if heard is None or width is None else heard == 2 * width

    @property
    def resblock_updown(self) -> bool | None:
        """Whether residual blocks resize; None also where a single level resizes nothing."""
        return self._resizer(self._ends[0]) == "block" if self._ends else None

    def _output_width(self, n: int) -> int | None:
        return self._size(f"output_blocks.{n}.0.out_layers.3.weight", 0)

    def _attends(self, n: int) -> bool:
        return f"output_blocks.{n}.1.qkv.weight" in self.shapes

    def _resizer(self, n: int) -> str | None:
        """What ends a block of the decoder by growing its image."""
        last = f"output_blocks.{n}.{2 if self._attends(n) else 1}"
        if f"{last}.conv.weight" in self.shapes:
            return "convolution"
        return "block" if f"{last}.in_layers.2.weight" in self.shapes else None

    def _size(self, name: str, dimension: int) -> int | None:
        shape = self.shapes.get(name, UNKNOWN)
        return shape[dimension] if len(shape) > dimension else None

    def flags(self, image_size: int) -> dict[str, Any]:
        """Every flag that the shapes determine, for images of so many pixels a side.

        Raises:
            CheckpointError: see `learn_sigma`.
        """
        found = {
            "in_channels": self.in_channels,
            "num_channels": self.num_channels,
            "num_res_blocks": self.num_res_blocks,
            "channel_mult": self._channel_mult(),
            "attention_resolutions": self._attention_resolutions(image_size),
            "learn_sigma": self.learn_sigma,
            "use_scale_shift_norm": self.use_scale_shift_norm,
            "resblock_updown": self.resblock_updown,
            "class_cond": self.num_classes is not None,
        }
        return {name: value for name, value in found.items() if value is not None}

    def _channel_mult(self) -> str | None:
        widths, base = self.widths, self.num_channels
        if not widths or not base:
            return None
        return ",".join(multiplier(width, base) for width in widths)

    def _attention_resolutions(self, image_size: int) -> str | None:
        factors = self.attention_downsamplings
        if factors is None:
            return None
        return ",".join(str(image_size // f) for f in sorted(factors) if image_size >= f)


def multiplier(width: int, base: int) -> str:
    """The factor that makes one width of another when the product is cut to an integer.

    >>> multiplier(256, 128), multiplier(128, 256), multiplier(416, 96)
    ('2', '0.5', '4.333333333333333')
    """
    factor = width / base
    if int(factor * base) < width:
        factor = math.nextafter(factor, math.inf)
    return f"{factor:g}" if float(f"{factor:g}") == factor else repr(factor)


def resolve(architecture: Architecture, claims: Sequence[Claims], defaults: AdmFlags) -> AdmFlags:
    """The flags of a file: as claimed, else as its tensors say, else as by default.

    Args:
        architecture: what the tensors say.
        claims: what preset, card and person say, the later over the earlier; one of them must say
            the image size.
        defaults: for what neither says.

    Raises:
        SettingsError: a flag is unknown or out of range, or claims contradict the tensors; both
            values are named.
        CheckpointError: see `Architecture.learn_sigma`.
    """
    stated = {name: (value, c.source) for c in claims for name, value in c.flags.items()}
    given = {name: value for name, (value, _) in stated.items()}
    found = architecture.flags(_whole(given["image_size"]))
    own = {**{k: v for k, v in defaults.to_json().items() if k != "num_classes"}, **found}
    # A name that nobody knows is told first: it may be a misspelt one of the others.
    AdmFlags.from_guided_diffusion({**given, **own}, architecture.num_classes)
    conflicts = [
        f"{name} is {found[name]} in the file and {value} by {source}"
        for name, (value, source) in stated.items()
        if name in found and not _same(name, value, {**own, "image_size": given["image_size"]})
    ]
    if conflicts:
        raise SettingsError(
            f"the file is another network: {'; '.join(conflicts)}; leave out or correct what is "
            "wrong"
        )
    return AdmFlags.from_guided_diffusion({**own, **given}, architecture.num_classes)


def _whole(image_size: Any) -> int:
    """Checked on its own, since every attention level is counted from it."""
    return AdmFlags(image_size=image_size, channel_mult="1", attention_resolutions="").image_size


def _same(name: str, value: Any, own: Mapping[str, Any]) -> bool:
    """Whether a claim says what the tensors say, perhaps in other words."""
    if name not in ("channel_mult", "attention_resolutions"):
        return value == own[name]
    theirs, ours = (
        AdmFlags.from_guided_diffusion({**own, **change}, None) for change in ({name: value}, {})
    )
    if name == "channel_mult":
        base = ours.num_channels
        cut = ([int(m * base) for m in f.channel_multipliers] for f in (theirs, ours))
        return next(cut) == next(cut)
    levels = {2**level for level in range(len(ours.channel_multipliers))}
    return theirs.attention_downsamplings & levels == ours.attention_downsamplings & levels
