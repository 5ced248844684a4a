"""A measure is a question that splits into items, each answered alone by a few numbers.

An item is the smallest piece of work (one grid cell, one pair of weight perturbations, a few
images); the engine groups items into tiles, in the order given here, and `assemble` turns whatever
is done so far into a result. All of it is pure: settings in, arrays out.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

from flatdiff.system.arrays import Arrays

if TYPE_CHECKING:
    from flatdiff.landscape.subject import Subject

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
    evaluate: Callable[["Subject", Settings, Item], Arrays]
    # Items done so far, by their position in `items`; absent ones are unknown, not zero.
    assemble: Callable[[Settings, Mapping[int, Arrays]], Result]
    # Images that pass the network for one item, given the panel's size: the unit of cost.
    image_forwards: Callable[[Settings, Item, int], int]
    # Positions of the items that are needed as far as is known, in the order of computing; None:
    # every item is needed. A plan grows only when all of it is done, and what follows depends on
    # nothing else, so that the result is the same however many workers there were.
    plan: Callable[[Settings, Mapping[int, Arrays]], Sequence[int]] | None = None
    # What every item needs and a worker keeps; its time is nobody's.
    prepare: Callable[["Subject", Settings], object] | None = None
    # Fewest further checkpoints that the settings speak of, as ends of an axis.
    min_partners: Callable[[Settings], int] = lambda _: 0

    def needed(self, settings: Settings, done: Mapping[int, Arrays]) -> Sequence[int]:
        """Positions of the items that are needed as far as is known."""
        if self.plan is None:
            return range(len(self.items(settings)))
        return self.plan(settings, done)


def complete(positions: Sequence[int], done: Mapping[int, Arrays]) -> bool:
    """Whether all of a plan's stage is done."""
    return all(position in done for position in positions)


def base_arrays(subject: "Subject") -> Arrays:
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


def standard_error(values: NDArray[Any]) -> float:
    """Of the mean of independent values, (n,); NaN for fewer than two or not finite ones."""
    values = np.asarray(values, dtype=np.float64)
    if len(values) < 2 or not np.isfinite(values).all():
        return float("nan")
    return float(values.std(ddof=1) / np.sqrt(len(values)))


def panel_error(losses: NDArray[Any], timesteps: NDArray[Any]) -> float:
    """Standard deviation of the panel's mean loss over other draws of the panel.

    A panel has one timestep in each equal bin of [0, T), so its mean moves less than the spread of
    its members suggests. By successive differences in the order of the timesteps (Wolter 2007,
    Introduction to Variance Estimation, 8.2.1, estimator v2): neighbours share the timestep's
    level and differ by image and noise alone.

    Args:
        losses: of the members, (n,).
        timesteps: theirs, (n,).

    Returns:
        NaN for fewer than two members or not finite losses.
    """
    n = len(losses)
    if n < 2 or not np.isfinite(losses).all():
        return float("nan")
    steps = np.diff(np.asarray(losses, dtype=np.float64)[np.argsort(timesteps, kind="stable")])
    return float(np.sqrt((steps**2).sum() / (2 * n * (n - 1))))


def mean_and_error(
    values: NDArray[Any],
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Along the first axis, (n, ...) to two of (...); NaN where unknown."""
    shape = values.shape[1:]
    columns = values.reshape(len(values), int(np.prod(shape))).T
    means, errors = (np.array([of(column) for column in columns]) for of in (mean, standard_error))
    return means.reshape(shape), errors.reshape(shape)


def mean(values: NDArray[Any]) -> float:
    """In float64; NaN where there is nothing to average."""
    return float(np.mean(values, dtype=np.float64)) if np.size(values) else float("nan")


def chunks(total: int, size: int) -> list[int]:
    """The sizes of consecutive chunks of a total.

    >>> chunks(20, 8)
    [8, 8, 4]
    """
    return [min(size, total - start) for start in range(0, total, size)]
