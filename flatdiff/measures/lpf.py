"""LPF is the mean loss under Gaussian noise on the weights: the loss surface, low-pass filtered.

(L * N(0, sigma^2 I))(theta), estimated from M perturbations in antithetic pairs (+delta, -delta)
(Bisla et al. 2022, arXiv 2201.08025; paper Table 3). Lower is flatter. In mode `filter_relative`
the noise of each weight is in units of its filter's size, which rescaling a layer before a norm
does not change; in mode `absolute` it is not.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from scipy.special import stdtrit

from flatdiff.config import LPF_MODES, LpfMode, require, require_finite, require_seed
from flatdiff.measures.base import Arrays, Item, Measure, mean, standard_error

if TYPE_CHECKING:
    from flatdiff.subject import Subject

CONFIDENCE = 0.95
MAX_SIGMA = 1e6  # far beyond any weights, far below what float32 can hold


@dataclass(frozen=True, kw_only=True)
class LpfSettings:
    """Which noise, how much, and how often."""

    mode: LpfMode = "absolute"
    lpf_sigma: float = 0.01
    num_perturbations: int = 100  # an even number: they come in antithetic pairs
    seed: int = 0

    def __post_init__(self) -> None:
        object.__setattr__(self, "lpf_sigma", float(self.lpf_sigma))  # 0 and 0.0 have one key
        require(self.mode in LPF_MODES, "mode", " or ".join(LPF_MODES), self.mode)
        require_finite("lpf_sigma", self.lpf_sigma)
        require(self.lpf_sigma <= MAX_SIGMA, "lpf_sigma", f"at most {MAX_SIGMA:g}", self.lpf_sigma)
        count = self.num_perturbations
        valid = isinstance(count, int) and 4 <= count <= 100_000 and count % 2 == 0
        require(valid, "num_perturbations", "an even integer in [4, 100000]", count)
        require_seed("seed", self.seed)

    @property
    def num_pairs(self) -> int:
        """Antithetic pairs."""
        return self.num_perturbations // 2


@dataclass(frozen=True)
class LpfResult:
    """The estimate with its error; the panel is frozen, so the error is that of the noise."""

    lpf: float  # mean perturbed loss
    stderr: float  # of lpf and of gap, over antithetic pairs
    ci_low: float  # 95 % interval of lpf, Student's t
    ci_high: float
    loss: float  # at the checkpoint itself
    gap: float  # lpf - loss
    vb: float  # variational bound at the checkpoint, bits/dim; NaN without learned variance
    num_perturbations: int  # done so far
    relative_perturbation_norm: float  # mean ||delta|| / ||theta||
    perturbed_losses: NDArray[np.float64]  # (M,), + and - of each pair in turn


def _items(settings: LpfSettings) -> Sequence[Item]:
    return [("base",), *(("pair", k) for k in range(settings.num_pairs))]


def _evaluate(subject: "Subject", settings: LpfSettings, item: Item) -> Arrays:
    if item == ("base",):
        bounds = subject.variational_bounds()
        return {
            "losses": subject.losses(),
            "vb": np.array([]) if bounds is None else bounds,
        }
    delta = subject.noise_direction(settings.seed, item[1], settings.mode)
    pair = []
    for sign in (1.0, -1.0):
        with subject.at((sign * settings.lpf_sigma, delta)):
            pair.append(subject.losses())
    norm = settings.lpf_sigma * subject.relative_norm(delta)
    return {"losses": np.stack(pair), "relative_norm": np.array(norm)}


def _assemble(settings: LpfSettings, done: Mapping[int, Arrays]) -> LpfResult:
    base = done.get(0, {"losses": np.array([]), "vb": np.array([])})
    pairs = [arrays for position, arrays in sorted(done.items()) if position > 0]
    perturbed = np.array([pair["losses"].mean(axis=1, dtype=np.float64) for pair in pairs])
    pair_means = perturbed.mean(axis=1) if pairs else np.array([])
    lpf, stderr, loss = mean(pair_means), standard_error(pair_means), mean(base["losses"])
    half = stderr * float(stdtrit(max(len(pairs) - 1, 1), (1 + CONFIDENCE) / 2))
    return LpfResult(
        lpf=lpf,
        stderr=stderr,
        ci_low=lpf - half,
        ci_high=lpf + half,
        loss=loss,
        gap=lpf - loss,
        vb=mean(base["vb"]),
        num_perturbations=2 * len(pairs),
        relative_perturbation_norm=mean(np.array([pair["relative_norm"] for pair in pairs])),
        perturbed_losses=perturbed.ravel(),
    )


MEASURE = Measure(
    name="lpf",
    question="How high is the loss under Gaussian noise on the weights?",
    version=1,
    settings_type=LpfSettings,
    items=_items,
    evaluate=_evaluate,
    assemble=_assemble,
    image_forwards=lambda settings, item, panel_size: 2 * panel_size,
)
