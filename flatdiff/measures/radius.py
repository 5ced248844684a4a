"""A radius curve is the loss against the size of a perturbation, over random directions.

Noise `sphere`: u is one Gaussian vector over all parameters divided by its L2 norm, and the loss
is taken at theta + gamma u (Cha et al. 2021, arXiv 2102.08604; paper Fig. 5). Noise `absolute` and
`filter_relative`: delta = sigma times Gaussian noise as in LPF, so that the curve is LPF over
sigma. Directions come in antithetic pairs (+, -), and are the same for every checkpoint and size.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from flatdiff.landscape.noise import NOISES, Noise
from flatdiff.measures.base import NO_BASE, Item, Measure, base_arrays
from flatdiff.measures.comparison import Rises
from flatdiff.measures.statistics import crossed_mean, mean, mean_and_error, standard_error
from flatdiff.measures.timesteps import by_timestep
from flatdiff.settings import require, require_ascending, require_one_of, require_seed
from flatdiff.system.arrays import Arrays

if TYPE_CHECKING:  # a subject of a test answers what it is asked, and no more
    from flatdiff.landscape.measurable import Measurable

MAX_SIZE = 1e6  # far beyond any weights, far below what float32 can hold
MAX_SIZES = 100


def even_sizes(largest: float, count: int) -> tuple[float, ...]:
    """Evenly spaced sizes up to the largest, without 0.

    >>> even_sizes(1.0, 4)
    (0.25, 0.5, 0.75, 1.0)
    """
    return tuple(float(largest * k / count) for k in range(1, count + 1))


@dataclass(frozen=True, kw_only=True)
class RadiusSettings:
    """Which noise, which sizes, and how many directions."""

    noise: Noise = "sphere"
    sizes: tuple[float, ...] = even_sizes(10.0, 8)  # ascending; gamma, or sigma of Gaussian noise
    num_directions: int = 16  # antithetic pairs
    seed: int = 0

    def __post_init__(self) -> None:
        require_one_of("noise", self.noise, NOISES)
        sizes = require_ascending("sizes", self.sizes, most=MAX_SIZES, largest=MAX_SIZE)
        object.__setattr__(self, "sizes", sizes)
        count = self.num_directions
        fits = isinstance(count, int) and 2 <= count <= 10_000
        require(fits, "num_directions", "an integer in [2, 10000]", count)
        require_seed("seed", self.seed)


@dataclass(frozen=True)
class RadiusResult:
    """Curves over the sizes (S,); errors are over directions on this panel, and over panels."""

    sizes: NDArray[np.float64]  # (S,)
    relative_norms: NDArray[np.float64]  # (S,), mean ||delta|| / ||theta||
    loss: NDArray[np.float64]  # (S,), mean over directions and signs
    stderr: NDArray[np.float64]  # (S,), of loss and of gap, over directions
    gap: NDArray[np.float64]  # (S,), loss - base_loss
    gap_panel_stderr: NDArray[np.float64]  # (S,), of gap, over other panels
    gap_total_stderr: NDArray[np.float64]  # (S,), of gap, over other directions and panels
    curves: NDArray[np.float64]  # (2 directions, S), loss along + and - of each in turn
    base_loss: float
    base_stderr: float  # over panel members
    slope: float  # of gap over relative_norms: least squares through the origin
    slope_stderr: float  # over directions
    slope_panel_stderr: float  # over other panels
    slope_total_stderr: float  # over other directions and panels
    num_directions: int  # done so far
    timestep_edges: NDArray[np.float64]  # (11,), of ten equal bins
    gap_by_timestep: NDArray[np.float64]  # (10, S), rise of the loss of the members in each
    gap_by_timestep_stderr: NDArray[np.float64]  # (10, S), over directions
    timesteps: NDArray[np.int64]  # (N,), of the panel members, in [0, num_steps)
    num_steps: int
    # (directions, S, N): rise of each panel member's loss, for paired comparisons.
    member_gaps: NDArray[np.float64] = field(metadata={"json": False})

    @property
    def rises(self) -> Rises:
        """At the largest size, by direction and panel member."""
        return Rises(self.member_gaps[:, -1], self.timesteps)

    @property
    def slopes(self) -> Rises:
        """Over relative_norms, by direction and panel member."""
        return Rises(_member_slopes(self.member_gaps, self.relative_norms), self.timesteps)


def _items(settings: RadiusSettings) -> Sequence[Item]:
    return [("base",), *(("direction", k) for k in range(settings.num_directions))]


def _evaluate(subject: "Measurable", settings: RadiusSettings, item: Item) -> Arrays:
    if item == ("base",):
        return base_arrays(subject)
    direction = subject.noise_direction(settings.seed, item[1], settings.noise)
    rows = []
    for size in settings.sizes:
        for sign in (1.0, -1.0):
            with subject.at((sign * size, direction)):
                rows.append(subject.losses())
    losses = np.stack(rows).reshape(len(settings.sizes), 2, -1)
    return {"losses": losses, "relative_norm": np.array(subject.relative_norm(direction))}


def _assemble(settings: RadiusSettings, done: Mapping[int, Arrays]) -> RadiusResult:
    base, sizes = done.get(0, NO_BASE), np.array(settings.sizes)
    directions = [arrays for position, arrays in sorted(done.items()) if position > 0]
    curves = _curves(directions, len(sizes))  # (directions, S, 2)
    loss, stderr = mean_and_error(curves.mean(axis=2))
    base_loss, num_steps = mean(base["losses"]), int(base["num_steps"])
    relative = sizes * mean(np.array([arrays["relative_norm"] for arrays in directions]))
    gaps = _member_gaps(base, directions, len(sizes))
    rises = by_timestep(gaps, base["timesteps"], num_steps)
    slopes = ((curves.mean(axis=2) - base_loss) @ relative) / (relative @ relative)
    crossed = [crossed_mean(gaps[:, k], base["timesteps"]) for k in range(len(sizes))]
    along = crossed_mean(_member_slopes(gaps, relative), base["timesteps"])
    return RadiusResult(
        sizes=sizes,
        relative_norms=relative,
        loss=loss,
        stderr=stderr,
        gap=loss - base_loss,
        gap_panel_stderr=np.array([each.panel_stderr for each in crossed]),
        gap_total_stderr=np.array([each.stderr for each in crossed]),
        curves=curves.transpose(0, 2, 1).reshape(-1, len(sizes)),
        base_loss=base_loss,
        base_stderr=standard_error(base["losses"]),
        slope=mean(slopes),
        slope_stderr=standard_error(slopes),
        slope_panel_stderr=along.panel_stderr,
        slope_total_stderr=along.stderr,
        num_directions=len(directions),
        timestep_edges=rises.edges,
        gap_by_timestep=rises.gap.T,
        gap_by_timestep_stderr=rises.stderr.T,
        timesteps=base["timesteps"],
        num_steps=num_steps,
        member_gaps=gaps,
    )


def _member_slopes(
    gaps: NDArray[np.float64], relative_norms: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Least squares through the origin, (directions, S, N) to (directions, N)."""
    return np.tensordot(gaps, relative_norms / (relative_norms @ relative_norms), axes=(1, 0))


def _curves(directions: Sequence[Arrays], num_sizes: int) -> NDArray[np.float64]:
    """Mean losses over the panel, (directions, S, 2)."""
    rows = [arrays["losses"].mean(axis=2, dtype=np.float64) for arrays in directions]
    return np.array(rows).reshape(len(rows), num_sizes, 2)


def _member_gaps(
    base: Arrays, directions: Sequence[Arrays], num_sizes: int
) -> NDArray[np.float64]:
    """(directions, S, N), mean over the two signs; empty until the checkpoint itself is done."""
    losses = base["losses"].astype(np.float64)
    if not len(losses):
        return np.zeros((0, num_sizes, 0))
    rows = [arrays["losses"].mean(axis=1, dtype=np.float64) - losses for arrays in directions]
    return np.array(rows).reshape(len(rows), num_sizes, len(losses))


MEASURE = Measure(
    name="radius",
    question="How high is the loss at a given distance from the weights?",
    version=1,
    settings_type=RadiusSettings,
    items=_items,
    evaluate=_evaluate,
    assemble=_assemble,
    image_forwards=lambda settings, item, panel_size: (
        panel_size * (1 if item == ("base",) else 2 * len(settings.sizes))
    ),
)
