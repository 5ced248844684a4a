"""A candidate is one way to read weights: flags that fit their shapes, of which one set is true.

Heads, attention order, the diffusion process and what is predicted, the noise or the image
(predict_xstart), leave no trace in names and shapes. Here are the
values that published ADM networks have, next to those that somebody gave.
"""

import dataclasses
import itertools
from collections.abc import Iterator, Mapping
from typing import Any

from flatdiff.diffusion.flags import AdmFlags
from flatdiff.errors import SettingsError

HEAD_CHANNELS = (32, 64, 128)
NUM_HEADS = (1, 2, 4, 8)
SCHEDULES = ("linear", "cosine")
# Longer processes are told their timesteps as they are; rescaled ones would be as good as these.
PROCESSES: tuple[Mapping[str, Any], ...] = (
    {"diffusion_steps": 1000, "rescale_timesteps": False},
    {"diffusion_steps": 4000, "rescale_timesteps": False},
)
STANDARD_STEPS = 1000  # to which timesteps are rescaled
OPEN = (
    "num_heads",
    "num_heads_upsample",
    "num_head_channels",
    "use_new_attention_order",
    "noise_schedule",
    "diffusion_steps",
    "rescale_timesteps",
    "predict_xstart",
)
# What is around a network and no part of it.
AROUND: Mapping[str, Any] = {**PROCESSES[0], "noise_schedule": "linear", "predict_xstart": False}


def candidates(given: AdmFlags, jointly: bool = True) -> list[AdmFlags]:
    """All that compute differently, the given one first, each beside its `twin`.

    Args:
        given: as somebody stated the flags.
        jointly: with other attention and another process at once, not only one of them.
    """
    found: dict[tuple[Any, ...], AdmFlags] = {}
    for attention, process in itertools.product(_attentions(given), _processes()):
        if attention and process and not jointly:
            continue
        try:
            flags = dataclasses.replace(given, **attention, **process)
        except SettingsError:  # heads that do not divide the widths
            continue
        found.setdefault(_reading(flags), flags)
    return [one for flags in found.values() for one in (flags, twin(flags))]


def twin(flags: AdmFlags) -> AdmFlags:
    """The same network, whose output is the image where it was the noise, or the other way."""
    return dataclasses.replace(flags, predict_xstart=not flags.predict_xstart)


def _attentions(given: AdmFlags) -> Iterator[Mapping[str, Any]]:
    yield {}
    heads: list[Mapping[str, int]] = [{}]
    heads += [{"num_head_channels": size} for size in HEAD_CHANNELS]
    heads += [
        {"num_heads": count, "num_heads_upsample": -1, "num_head_channels": -1}
        for count in NUM_HEADS
    ]
    for order in (given.use_new_attention_order, not given.use_new_attention_order):
        yield from ({**change, "use_new_attention_order": order} for change in heads)


def _processes() -> Iterator[Mapping[str, Any]]:
    yield {}
    for schedule, process in itertools.product(SCHEDULES, PROCESSES):
        yield {"noise_schedule": schedule, **process}


def _reading(flags: AdmFlags) -> tuple[Any, ...]:
    """Equal for flags that make the same of every input."""
    before, after = _heads(flags, flags.num_heads), _heads(flags, flags.num_heads_upsample)
    # One head is cut into query, key and value alike in both orders.
    several = max(before + after) > 1
    rescaled = flags.rescale_timesteps and flags.diffusion_steps != STANDARD_STEPS
    order = flags.use_new_attention_order if several else None
    return before, after, order, flags.noise_schedule, flags.diffusion_steps, rescaled


def _heads(flags: AdmFlags, num_heads: int) -> tuple[int, ...]:
    """At each level that attends, and in the middle."""
    widths = [int(m * flags.num_channels) for m in flags.channel_multipliers]
    attended = [w for i, w in enumerate(widths) if 2**i in flags.attention_downsamplings]
    count = flags.num_heads if num_heads == -1 else num_heads
    size = flags.num_head_channels
    return tuple(count if size == -1 else width // size for width in [*attended, widths[-1]])


def differing_flags(flags: AdmFlags, other: AdmFlags) -> dict[str, Any]:
    """What of the open flags is otherwise in the first than in the second, and matters.

    Where head channels decide, the number of heads says nothing.
    """
    names = [name for name in OPEN if getattr(flags, name) != getattr(other, name)]
    if flags.diffusion_steps == other.diffusion_steps == STANDARD_STEPS:
        names = [name for name in names if name != "rescale_timesteps"]
    if flags.num_head_channels != -1:
        names = [name for name in names if not name.startswith("num_heads")]
    elif other.num_head_channels != -1 and "num_heads" not in names:
        names.insert(0, "num_heads")
    return {name: getattr(flags, name) for name in names}


def spelled(values: Mapping[str, Any]) -> str:
    """As guided-diffusion's command line has it.

    >>> spelled({"noise_schedule": "cosine", "num_heads": 4})
    '--noise_schedule cosine --num_heads 4'
    """
    return " ".join(f"--{name} {value}" for name, value in values.items())
