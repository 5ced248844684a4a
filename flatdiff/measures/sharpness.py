"""Sharpness is how far the loss rises at the worst weights within a ball around the checkpoint.

It is what SAM minimises (Foret et al. 2021, arXiv 2010.01412): max L(theta + delta) - L(theta)
over ||delta|| <= rho, reached for by gradient ascent, so that what is found is a lower bound. One
step is SAM's own. In an adaptive ball (ASAM, Kwon et al. 2021, arXiv 2102.11600) every weight
counts by its own size, which rescaling cannot fake. The ascent climbs the frozen panel's loss.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray

from flatdiff.measures.base import NO_BASE, Item, Measure, base_arrays
from flatdiff.measures.curvature import GRADIENT_FORWARDS
from flatdiff.measures.statistics import mean, panel_error, standard_error
from flatdiff.settings import require, require_ascending, require_one_of
from flatdiff.system.arrays import Arrays

if TYPE_CHECKING:  # a subject of a test answers what it is asked, and no more
    from flatdiff.landscape.measurable import Measurable

Ball = Literal["norm", "adaptive"]
BALLS: tuple[Ball, ...] = ("norm", "adaptive")

MAX_RADIUS = 10.0  # far beyond any weights
MAX_RADII = 40


def radii_up_to(largest: float) -> tuple[float, ...]:
    """A tenth, a fifth, two fifths and all of the largest.

    >>> radii_up_to(0.005)
    (0.0005, 0.001, 0.002, 0.005)
    """
    return tuple(round(share * largest, 12) for share in (0.1, 0.2, 0.4, 1.0))


@dataclass(frozen=True, kw_only=True)
class SharpnessSettings:
    """Which ball, how large, and how long to climb."""

    ball: Ball = "norm"
    # Ascending; shares of ||theta||, or root mean squares of what weights change by. The paper's
    # rho of 0.1 is 0.0005.
    radii: tuple[float, ...] = radii_up_to(0.005)
    num_ascent_steps: int = 10

    def __post_init__(self) -> None:
        require_one_of("ball", self.ball, BALLS)
        radii = require_ascending("radii", self.radii, most=MAX_RADII, largest=MAX_RADIUS)
        object.__setattr__(self, "radii", radii)
        count = self.num_ascent_steps
        fits = isinstance(count, int) and 1 <= count <= 100
        require(fits, "num_ascent_steps", "an integer in [1, 100]", count)


@dataclass(frozen=True)
class SharpnessResult:
    """By radius (S,); NaN where not done. Errors are over other panels, at the same weights.

    Another panel has other worst weights: the ascent knows the panel that it is measured on.
    """

    radii: NDArray[np.float64]  # (S,)
    rise: NDArray[np.float64]  # (S,), the highest on the way
    rise_stderr: NDArray[np.float64]  # (S,)
    first_rise: NDArray[np.float64]  # (S,), after one step: SAM's own estimate
    first_rise_stderr: NDArray[np.float64]  # (S,)
    relative_norms: NDArray[np.float64]  # (S,), ||delta|| / ||theta|| at the highest
    by_step: NDArray[np.float64]  # (S, steps), rise after each step
    base_loss: float
    base_stderr: float  # over panel members
    # (S, N): each member's rise at the highest.
    member_rises: NDArray[np.float64] = field(metadata={"json": False})


def _items(settings: SharpnessSettings) -> Sequence[Item]:
    return [("base",), *(("radius", k) for k in range(len(settings.radii)))]


def _evaluate(subject: "Measurable", settings: SharpnessSettings, item: Item) -> Arrays:
    if item == ("base",):
        return base_arrays(subject)
    losses, norms = [], []
    radius, adaptive = settings.radii[item[1]], settings.ball == "adaptive"
    for delta in subject.ascent(radius, settings.num_ascent_steps, adaptive=adaptive):
        with subject.at((1.0, delta)):
            losses.append(subject.losses())
        norms.append(subject.relative_norm(delta))
    return {"losses": np.stack(losses), "relative_norms": np.array(norms)}


def _assemble(settings: SharpnessSettings, done: Mapping[int, Arrays]) -> SharpnessResult:
    base, size = done.get(0, NO_BASE), len(settings.radii)
    losses, timesteps = base["losses"].astype(np.float64), base["timesteps"]
    rise, error, first, first_error, norms = np.full((5, size), np.nan)
    by_step = np.full((size, settings.num_ascent_steps), np.nan)
    members = np.full((size, len(losses)), np.nan)
    for position, arrays in done.items() if len(losses) else ():
        if (k := position - 1) < 0:
            continue
        climbed = arrays["losses"].astype(np.float64) - losses  # (steps, N)
        by_step[k] = climbed.mean(axis=1)
        # A step beyond the ground where the loss is a number says nothing of the ball.
        known = np.where(np.isfinite(by_step[k]), by_step[k], -np.inf)
        best = int(np.argmax(known))
        members[k], norms[k] = climbed[best], arrays["relative_norms"][best]
        rise[k], error[k] = by_step[k, best], panel_error(climbed[best], timesteps)
        first[k], first_error[k] = by_step[k, 0], panel_error(climbed[0], timesteps)
    return SharpnessResult(
        radii=np.array(settings.radii),
        rise=rise,
        rise_stderr=error,
        first_rise=first,
        first_rise_stderr=first_error,
        relative_norms=norms,
        by_step=by_step,
        base_loss=mean(base["losses"]),
        base_stderr=standard_error(base["losses"]),
        member_rises=members,
    )


MEASURE = Measure(
    name="sharpness",
    question="How far does the loss rise at the worst weights nearby?",
    version=1,
    settings_type=SharpnessSettings,
    items=_items,
    evaluate=_evaluate,
    assemble=_assemble,
    image_forwards=lambda settings, item, panel_size: (
        panel_size
        * (1 if item == ("base",) else settings.num_ascent_steps * (GRADIENT_FORWARDS + 1))
    ),
)
