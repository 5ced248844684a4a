"""A measure is a question that splits into items, each answered alone by a few numbers.

An item is the smallest piece of work (one grid cell, one pair of weight perturbations, a few
images); the engine groups items into tiles, in the order given here, and `assemble` turns whatever
is done so far into a result. All of it is pure: settings in, arrays out.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Generic, TypeVar

import numpy as np

from flatdiff.diffusion.any_flags import Flags
from flatdiff.system.arrays import Arrays

if TYPE_CHECKING:  # a subject of a test answers what it is asked, and no more
    from flatdiff.landscape.measurable import Measurable

Settings = TypeVar("Settings")
Result = TypeVar("Result")

Item = tuple[Any, ...]  # plain data: a word for its kind, then integers


@dataclass(frozen=True)
class Measure(Generic[Settings, Result]):
    """One measure, as the registry holds it."""

    name: str
    question: str  # that it answers, for a person
    version: int  # raised when the same settings would give other numbers
    settings_type: type[Settings]
    items: Callable[[Settings], Sequence[Item]]
    evaluate: Callable[["Measurable", Settings, Item], Arrays]
    # Items done so far, by their position in `items`; absent ones are unknown, not zero.
    assemble: Callable[[Settings, Mapping[int, Arrays]], Result]
    # Images that pass the network for one item, given the panel's size: the unit of cost.
    image_forwards: Callable[[Settings, Item, int], int]
    # Positions of the items that are needed as far as is known, in the order of computing; None:
    # every item is needed. A plan grows only when all of it is done, and what follows depends on
    # nothing else, so that the result is the same however many workers there were.
    plan: Callable[[Settings, Mapping[int, Arrays]], Sequence[int]] | None = None
    # What every item needs and a worker keeps; its time is nobody's.
    prepare: Callable[["Measurable", Settings], object] | None = None
    # How many items, the first of the plan, make a picture, where fewer show nothing.
    sketched: Callable[[Settings], int] = lambda _: 0
    # Fewest further checkpoints that the settings speak of, as ends of an axis.
    min_partners: Callable[[Settings], int] = lambda _: 0
    # Why a network cannot be asked, as half a sentence; "" where it can.
    unfit: Callable[[Flags], str] = lambda _: ""

    def needed(self, settings: Settings, done: Mapping[int, Arrays]) -> Sequence[int]:
        """Positions of the items that are needed as far as is known."""
        if self.plan is None:
            return range(len(self.items(settings)))
        return self.plan(settings, done)


def not_diffusion(flags: Flags) -> str:
    """Why a network has neither samples nor timesteps; "" where it has. See `Measure.unfit`."""
    if flags.is_diffusion:
        return ""
    return "it is a network with a loss of its own, and no diffusion model to take samples from"


def complete(positions: Sequence[int], done: Mapping[int, Arrays]) -> bool:
    """Whether all of a plan's stage is done."""
    return all(position in done for position in positions)


def base_arrays(subject: "Measurable") -> Arrays:
    """The checkpoint itself: what every perturbed loss is compared with."""
    losses, bounds = subject.losses_and_bounds()
    return {
        "losses": losses,
        "vb": np.array([]) if bounds is None else bounds,  # bits/dim
        "timesteps": subject.timesteps,
        "num_steps": np.array(subject.num_steps),
    }


# What is known of the checkpoint before its own item is done.
NO_BASE: Arrays = {
    "losses": np.array([]),
    "vb": np.array([]),
    "timesteps": np.array([], np.int64),
    "num_steps": np.array(1),
}


def stream_seed(seed: int, *path: int) -> int:
    """An independent seed for each place in a measurement, equal for every checkpoint."""
    state = np.random.SeedSequence((seed, *path)).generate_state(1, np.uint64)[0]
    return int(state >> np.uint64(1))


def chunks(total: int, size: int) -> list[int]:
    """The sizes of consecutive chunks of a total.

    >>> chunks(20, 8)
    [8, 8, 4]
    """
    return [min(size, total - start) for start in range(0, total, size)]
