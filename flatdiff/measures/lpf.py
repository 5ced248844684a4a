"""LPF is the mean loss under Gaussian noise on the weights: the loss surface, low-pass filtered.

(L * N(0, sigma^2 I))(theta), estimated from M perturbations in antithetic pairs (+delta, -delta)
(Bisla et al. 2022, arXiv 2201.08025; paper Table 3). Lower is flatter. In mode `filter_relative`
the noise of each weight is in units of its filter's size, which rescaling a layer before a norm
does not change; in mode `absolute` it is not. Perturbations may stop early, at a requested
relative standard error; the losses of panel members tell at which timesteps the loss rises.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from flatdiff.landscape.noise import LPF_MODES, LpfMode
from flatdiff.measures.base import NO_BASE, Item, Measure, base_arrays, complete
from flatdiff.measures.comparison import Rises
from flatdiff.measures.statistics import crossed_mean, mean, standard_error, t_quantile
from flatdiff.measures.timesteps import by_timestep
from flatdiff.settings import require, require_finite, require_one_of, require_seed
from flatdiff.system.arrays import Arrays

if TYPE_CHECKING:  # a subject of a test answers what it is asked, and no more
    from flatdiff.landscape.measurable import Measurable

FIRST_PAIRS = 8  # before the error is looked at for the first time
MAX_SIGMA = 1e6  # far beyond any weights, far below what float32 can hold


@dataclass(frozen=True, kw_only=True)
class LpfSettings:
    """Which noise, how much, and how often."""

    mode: LpfMode = "absolute"
    lpf_sigma: float = 0.01
    num_perturbations: int = 100  # at most; even, as they come in antithetic pairs
    relative_stderr: float = 0.0  # enough once the standard error is this share of LPF; 0 = never
    seed: int = 0

    def __post_init__(self) -> None:
        for name in ("lpf_sigma", "relative_stderr"):  # 0 and 0.0 have one key
            object.__setattr__(self, name, float(getattr(self, name)))
        require_one_of("mode", self.mode, LPF_MODES)
        require_finite("lpf_sigma", self.lpf_sigma)
        require(self.lpf_sigma <= MAX_SIGMA, "lpf_sigma", f"at most {MAX_SIGMA:g}", self.lpf_sigma)
        count = self.num_perturbations
        valid = isinstance(count, int) and 4 <= count <= 100_000 and count % 2 == 0
        require(valid, "num_perturbations", "an even integer in [4, 100000]", count)
        share = self.relative_stderr
        require(0 <= share < 1, "relative_stderr", "in [0, 1)", share)
        require_seed("seed", self.seed)

    @property
    def num_pairs(self) -> int:
        """Antithetic pairs."""
        return self.num_perturbations // 2


@dataclass(frozen=True)
class LpfResult:
    """The estimate with its errors: over the noise, as the panel is frozen, and over panels."""

    lpf: float  # mean perturbed loss
    stderr: float  # of lpf and of gap, over antithetic pairs
    ci_low: float  # 95 % interval of lpf on this panel, Student's t
    ci_high: float
    panel_stderr: float  # of lpf, over other panels
    total_stderr: float  # of lpf, over other noise and other panels
    loss: float  # at the checkpoint itself
    gap: float  # lpf - loss
    gap_panel_stderr: float  # of gap, over other panels
    gap_total_stderr: float  # of gap, over other noise and other panels
    vb: float  # variational bound at the checkpoint, bits/dim; NaN without learned variance
    num_perturbations: int  # done so far
    relative_perturbation_norm: float  # mean ||delta|| / ||theta||
    perturbed_losses: NDArray[np.float64]  # (M,), + and - of each pair in turn
    timestep_edges: NDArray[np.float64]  # (11,), of ten equal bins
    gap_by_timestep: NDArray[np.float64]  # (10,), rise of the loss of the members in each
    gap_by_timestep_stderr: NDArray[np.float64]  # (10,), over antithetic pairs
    timesteps: NDArray[np.int64]  # (N,), of the panel members, in [0, num_steps)
    num_steps: int
    # (pairs, N): rise of each panel member's loss under each pair, for paired comparisons.
    pair_gaps: NDArray[np.float64] = field(metadata={"json": False})

    @property
    def rises(self) -> Rises:
        """By antithetic pair and panel member."""
        return Rises(self.pair_gaps, self.timesteps)


def _items(settings: LpfSettings) -> Sequence[Item]:
    return [("base",), *(("pair", k) for k in range(settings.num_pairs))]


def _evaluate(subject: "Measurable", settings: LpfSettings, item: Item) -> Arrays:
    if item == ("base",):
        return base_arrays(subject)
    delta = subject.noise_direction(settings.seed, item[1], settings.mode)
    pair = []
    for sign in (1.0, -1.0):
        with subject.at((sign * settings.lpf_sigma, delta)):
            pair.append(subject.losses())
    norm = settings.lpf_sigma * subject.relative_norm(delta)
    return {"losses": np.stack(pair), "relative_norm": np.array(norm)}


def _assemble(settings: LpfSettings, done: Mapping[int, Arrays]) -> LpfResult:
    base = done.get(0, NO_BASE)
    pairs = [arrays for position, arrays in sorted(done.items()) if position > 0]
    perturbed = np.array([pair["losses"].mean(axis=1, dtype=np.float64) for pair in pairs])
    lpf, stderr, loss = *_estimate(pairs), mean(base["losses"])
    half = stderr * t_quantile(max(len(pairs) - 1, 1))
    gaps, timesteps = _pair_gaps(base, pairs), base["timesteps"]
    num_steps = int(base["num_steps"])
    rises, gap = by_timestep(gaps, timesteps, num_steps), crossed_mean(gaps, timesteps)
    whole = crossed_mean(gaps + base["losses"], timesteps)
    return LpfResult(
        lpf=lpf,
        stderr=stderr,
        ci_low=lpf - half,
        ci_high=lpf + half,
        panel_stderr=whole.panel_stderr,
        total_stderr=whole.stderr,
        loss=loss,
        gap=lpf - loss,
        gap_panel_stderr=gap.panel_stderr,
        gap_total_stderr=gap.stderr,
        vb=mean(base["vb"]),
        num_perturbations=2 * len(pairs),
        relative_perturbation_norm=mean(np.array([pair["relative_norm"] for pair in pairs])),
        perturbed_losses=perturbed.ravel(),
        timestep_edges=rises.edges,
        gap_by_timestep=rises.gap,
        gap_by_timestep_stderr=rises.stderr,
        timesteps=timesteps,
        num_steps=num_steps,
        pair_gaps=gaps,
    )


def _estimate(pairs: Sequence[Arrays]) -> tuple[float, float]:
    """Mean perturbed loss and its standard error over pairs."""
    means = np.array([mean(pair["losses"]) for pair in pairs])
    return mean(means), standard_error(means)


def _pair_gaps(base: Arrays, pairs: Sequence[Arrays]) -> NDArray[np.float64]:
    """(pairs, N); without rows until the checkpoint itself is done."""
    losses = base["losses"].astype(np.float64)
    if not len(losses):
        return np.zeros((0, 0))
    rows = [pair["losses"].mean(axis=0, dtype=np.float64) - losses for pair in pairs]
    return np.array(rows).reshape(len(rows), len(losses))


def _plan(settings: LpfSettings, done: Mapping[int, Arrays]) -> Sequence[int]:
    """The error is looked at after 8 pairs, 12, 18, and so on: looking often ends too early."""
    pairs = FIRST_PAIRS
    while settings.relative_stderr and pairs < settings.num_pairs:
        stage = range(1 + pairs)
        if not complete(stage, done) or _enough(settings, [done[k] for k in stage[1:]]):
            return stage
        pairs = pairs * 3 // 2
    return range(1 + settings.num_pairs)


def _enough(settings: LpfSettings, pairs: Sequence[Arrays]) -> bool:
    lpf, stderr = _estimate(pairs)
    return stderr <= settings.relative_stderr * lpf


MEASURE = Measure(
    name="lpf",
    question="How high is the loss under Gaussian noise on the weights?",
    version=2,
    settings_type=LpfSettings,
    items=_items,
    evaluate=_evaluate,
    assemble=_assemble,
    image_forwards=lambda settings, item, panel_size: panel_size * (1 if item == ("base",) else 2),
    plan=_plan,
)
