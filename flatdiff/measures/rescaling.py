"""Rescaling tells real flatness from faked: the same function from weights of another size.

The convolutions that feed a group norm are multiplied by a factor, which changes nothing that the
network computes (`landscape/rescaling.py`), and LPF is measured under noise of both modes, the
same noise for every factor. Absolute noise calls the larger weights flatter (Dinh et al. 2017,
arXiv 1703.04933); noise in units of each filter's size does not (Li et al. 2018, arXiv
1712.09913). What the loss itself moves by is the norm's eps.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from flatdiff.diffusion.any_flags import Flags
from flatdiff.diffusion.own_flags import OwnFlags
from flatdiff.landscape.noise import LPF_MODES
from flatdiff.measures.base import Item, Measure
from flatdiff.measures.lpf import MAX_SIGMA
from flatdiff.measures.statistics import mean, standard_error
from flatdiff.settings import require, require_finite, require_seed
from flatdiff.system.arrays import Arrays

if TYPE_CHECKING:  # a subject of a test answers what it is asked, and no more
    from flatdiff.landscape.measurable import Measurable

MAX_FACTOR = 1024.0  # and its inverse; below, eps takes over, above, nothing new happens
MAX_FACTORS = 50


def factors_up_to(largest: int) -> tuple[float, ...]:
    """Powers of two from the inverse of the largest to the largest, itself one.

    >>> factors_up_to(4)
    (0.25, 0.5, 1.0, 2.0, 4.0)
    """
    exponent = largest.bit_length() - 1
    return tuple(2.0**k for k in range(-exponent, exponent + 1))


@dataclass(frozen=True, kw_only=True)
class RescalingSettings:
    """Which factors, and the noise under which LPF is measured at each."""

    factors: tuple[float, ...] = factors_up_to(4)  # ascending; 1 is the checkpoint as it is
    lpf_sigma: float = 0.01  # of absolute noise, and of noise in units of each filter's size
    num_perturbations: int = 40  # a factor and mode; even, as they come in antithetic pairs
    seed: int = 0

    def __post_init__(self) -> None:
        factors = self.factors
        fits = 2 <= len(factors) <= MAX_FACTORS and 1 in factors
        fits = fits and all(1 / MAX_FACTOR <= factor <= MAX_FACTOR for factor in factors)
        expected = f"2 to {MAX_FACTORS} numbers in [1/{MAX_FACTOR:g}, {MAX_FACTOR:g}] with 1"
        require(fits, "factors", expected, factors)
        require(list(factors) == sorted(set(factors)), "factors", "ascending, each once", factors)
        object.__setattr__(self, "factors", tuple(float(factor) for factor in factors))
        object.__setattr__(self, "lpf_sigma", float(self.lpf_sigma))
        require_finite("lpf_sigma", self.lpf_sigma)
        require(self.lpf_sigma <= MAX_SIGMA, "lpf_sigma", f"at most {MAX_SIGMA:g}", self.lpf_sigma)
        count = self.num_perturbations
        valid = isinstance(count, int) and 4 <= count <= 100_000 and count % 2 == 0
        require(valid, "num_perturbations", "an even integer in [4, 100000]", count)
        require_seed("seed", self.seed)

    @property
    def reference(self) -> int:
        """Where factor 1 stands."""
        return self.factors.index(1.0)


@dataclass(frozen=True)
class RescalingResult:
    """Curves over the factors (F,), by mode of the noise in the order of `LPF_MODES`.

    NaN where not computed yet. The panel is frozen, so errors are those of the noise.
    """

    factors: NDArray[np.float64]  # (F,)
    loss: NDArray[np.float64]  # (F,), without noise: a mean over the panel
    loss_change: NDArray[np.float64]  # (F,), from factor 1
    largest_change: NDArray[np.float64]  # (F,), of any panel member's loss, without its sign
    lpf: NDArray[np.float64]  # (modes, F), mean perturbed loss
    stderr: NDArray[np.float64]  # (modes, F), of lpf, over antithetic pairs
    change: NDArray[np.float64]  # (modes, F), of lpf from factor 1, under the same noise
    change_stderr: NDArray[np.float64]  # (modes, F), paired
    num_perturbations: NDArray[np.int64]  # (modes, F), done so far


def _unfit(flags: Flags) -> str:
    if isinstance(flags, OwnFlags):
        return "which of its tensors feed a norm and nothing else is not known"
    return ""


def _items(settings: RescalingSettings) -> Sequence[Item]:
    """Factor by factor: a worker keeps one rescaled network at a time."""
    pairs = settings.num_perturbations // 2
    return [
        item
        for f in range(len(settings.factors))
        for item in [
            ("factor", f),
            *(("pair", f, mode, k) for mode in range(len(LPF_MODES)) for k in range(pairs)),
        ]
    ]


def _evaluate(subject: "Measurable", settings: RescalingSettings, item: Item) -> Arrays:
    twin = subject.rescaled(settings.factors[item[1]])
    if item[0] == "factor":
        return {"losses": twin.losses()}
    _, _, mode, k = item
    delta = twin.noise_direction(settings.seed, k, LPF_MODES[mode])
    pair = []
    for sign in (1.0, -1.0):
        with twin.at((sign * settings.lpf_sigma, delta)):
            pair.append(mean(twin.losses()))
    return {"perturbed": np.array(pair)}


def _assemble(settings: RescalingSettings, done: Mapping[int, Arrays]) -> RescalingResult:
    by_item = {item: done[p] for p, item in enumerate(_items(settings)) if p in done}
    count, reference = range(len(settings.factors)), settings.reference
    losses = [
        by_item[item]["losses"] if (item := ("factor", f)) in by_item else None for f in count
    ]
    moved = [_moved(own, losses[reference]) for own in losses]
    noisy = [[_pairs(by_item, mode, f) for f in count] for mode in range(len(LPF_MODES))]
    lpf = [[np.array(list(own.values())) for own in row] for row in noisy]
    change = [[_paired(own, row[reference]) for own in row] for row in noisy]
    return RescalingResult(
        factors=np.array(settings.factors),
        loss=np.array([np.nan if own is None else mean(own) for own in losses]),
        loss_change=np.array([mean(own) for own in moved]),
        largest_change=np.array([np.abs(own).max() if len(own) else np.nan for own in moved]),
        lpf=_each(mean, lpf),
        stderr=_each(standard_error, lpf),
        change=_each(mean, change),
        change_stderr=_each(standard_error, change),
        num_perturbations=np.array([[2 * len(own) for own in row] for row in lpf]),
    )


def _moved(own: NDArray | None, base: NDArray | None) -> NDArray[np.float64]:
    """Change of each panel member's loss; empty where one of the two is unknown."""
    return np.array([]) if own is None or base is None else own.astype(np.float64) - base


def _pairs(by_item: Mapping[Item, Arrays], mode: int, f: int) -> dict[int, float]:
    """Mean loss of each antithetic pair that is done, by its number."""
    return {
        item[3]: mean(arrays["perturbed"])
        for item, arrays in by_item.items()
        if item[:3] == ("pair", f, mode)
    }


def _paired(own: Mapping[int, float], base: Mapping[int, float]) -> NDArray[np.float64]:
    """Change under the noise that both have."""
    return np.array([own[k] - base[k] for k in own if k in base])


def _each(
    of: Callable[[NDArray], float], rows: Sequence[Sequence[NDArray]]
) -> NDArray[np.float64]:
    return np.array([[of(values) for values in row] for row in rows])


MEASURE = Measure(
    name="rescaling",
    question="Does its flatness survive a change of the weights that changes nothing else?",
    version=1,
    settings_type=RescalingSettings,
    items=_items,
    evaluate=_evaluate,
    assemble=_assemble,
    unfit=_unfit,
    image_forwards=lambda settings, item, panel_size: panel_size * (1 + (item[0] == "pair")),
)
