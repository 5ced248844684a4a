"""Which block of a network is sharp: its loss with one block perturbed, the others left alone.

A block is a part of the network by its depth (`tensors.blocks_of`). Of each one: how the loss
rises under Gaussian noise on its weights (LPF) and when they are rounded, the largest eigenvalue
of its diagonal block of the Hessian, and its share of SAM's first step of ascent,
||g_k||^2 / ||g||^2. The noise on all blocks is one draw, cut in parts, so that what the parts cost
can be added up and held against what the whole costs.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from flatdiff.checkpoints.tensors import block_names, blocks_of
from flatdiff.errors import CheckpointError
from flatdiff.landscape.noise import LPF_MODES, LpfMode
from flatdiff.landscape.quantization import SchemeOptions, require_bits
from flatdiff.measures.base import NO_BASE, Item, Measure, base_arrays
from flatdiff.measures.curvature import GRADIENT_FORWARDS, PRODUCT_FORWARDS
from flatdiff.measures.statistics import crossed_mean, mean, panel_error, standard_error
from flatdiff.settings import require, require_finite, require_one_of, require_seed
from flatdiff.system.arrays import Arrays

if TYPE_CHECKING:  # a subject of a test answers what it is asked, and no more
    from flatdiff.landscape.measurable import Measurable, Names

MAX_BLOCKS = 500
MAX_SIGMA = 1.0
WHOLE = -1  # in the place of a block's number: all of them
UNKNOWN = (float("nan"), float("nan"))
BENT = ("parameters", "eigenvalue", "residual", "gradient_norm")  # of the items of the Hessian


@dataclass(frozen=True, kw_only=True)
class BlocksSettings(SchemeOptions):
    """How much noise, how few bits, and which blocks."""

    mode: LpfMode = "filter_relative"
    lpf_sigma: float = 0.05
    num_perturbations: int = 16  # of each block; even, as they come in antithetic pairs
    bits: int = 3
    num_lanczos_steps: int = 6  # products of each block's Hessian; more find more of the top
    seed: int = 0
    # Where none is named, every block of each checkpoint is filled in (`request.completed`).
    blocks: tuple[str, ...] = field(default=(), metadata={"filled_in": block_names})

    def __post_init__(self) -> None:
        super().__post_init__()
        object.__setattr__(self, "lpf_sigma", float(self.lpf_sigma))
        object.__setattr__(self, "blocks", tuple(self.blocks))
        require_one_of("mode", self.mode, LPF_MODES)
        require_finite("lpf_sigma", self.lpf_sigma, above=0)
        require(self.lpf_sigma <= MAX_SIGMA, "lpf_sigma", f"at most {MAX_SIGMA:g}", self.lpf_sigma)
        count = self.num_perturbations
        fits = isinstance(count, int) and 4 <= count <= 1000 and count % 2 == 0
        require(fits, "num_perturbations", "an even integer in [4, 1000]", count)
        steps = self.num_lanczos_steps
        fits = isinstance(steps, int) and 2 <= steps <= 100
        require(fits, "num_lanczos_steps", "an integer in [2, 100]", steps)
        require_bits(self.bits)
        require_seed("seed", self.seed)
        named = all(isinstance(name, str) for name in self.blocks)
        fits = named and len(set(self.blocks)) == len(self.blocks) <= MAX_BLOCKS
        require(fits, "blocks", f"at most {MAX_BLOCKS} names that differ", self.blocks)

    @property
    def num_pairs(self) -> int:
        """Antithetic pairs."""
        return self.num_perturbations // 2


@dataclass(frozen=True)
class BlocksResult:
    """One entry a block, from the input to the output; NaN where not computed yet.

    Errors of rises are over other noise and other panels where there is noise, else over panels.
    """

    blocks: tuple[str, ...]
    parameters: NDArray[np.float64]  # (K,), weights in the block
    noise_rise: NDArray[np.float64]  # (K,), rise of the loss under noise on the block alone
    noise_stderr: NDArray[np.float64]
    rounding_rise: NDArray[np.float64]  # (K,), with the block alone rounded
    rounding_stderr: NDArray[np.float64]
    eigenvalue: NDArray[np.float64]  # (K,), largest Ritz value: the block's top is no lower
    eigenvalue_error: NDArray[np.float64]  # (K,): an eigenvalue is that near
    ascent_share: NDArray[np.float64]  # (K,), of ||g||^2; they add up to 1
    whole_noise_rise: float  # of all blocks together, under the same noise
    whole_noise_stderr: float
    whole_rounding_rise: float
    whole_rounding_stderr: float
    loss: float  # at the checkpoint itself
    stderr: float  # of loss, over panel members


def _items(settings: BlocksSettings) -> Sequence[Item]:
    """The rise of every block by a first pair, then the rest of the noise, then the Hessian."""
    blocks = range(len(settings.blocks))
    parts = (*blocks, WHOLE)
    noise = [("noise", k, pair) for pair in range(settings.num_pairs) for k in parts]
    rounded, bent = [("rounded", k) for k in parts], [("bent", k) for k in blocks]
    return [("base",), *noise[: len(parts)], *rounded, *noise[len(parts) :], *bent]


def _evaluate(subject: "Measurable", settings: BlocksSettings, item: Item) -> Arrays:
    if item == ("base",):
        return base_arrays(subject)
    names = _tensors_of(subject, settings, item[1])
    match item:
        case ("noise", _, int(pair)):
            return {"losses": _under_noise(subject, settings, names, pair)}
        case ("rounded", _):
            with subject.quantized(settings.at(settings.bits), names):
                return {"losses": subject.losses()}
    return _bent(subject, settings, names)


def _bent(subject: "Measurable", settings: BlocksSettings, names: "Names") -> Arrays:
    """What the loss's first two derivatives by some tensors say."""
    curvature = subject.curvature.within(names)
    found = curvature.lanczos(settings.num_lanczos_steps, settings.seed)
    return {
        "eigenvalue": np.array(found.nodes[-1]),
        "residual": np.array(found.residuals[-1]),
        "gradient_norm": np.array(curvature.gradient_norm()),
        "parameters": np.array(sum(int(np.prod(subject.shapes[name])) for name in names)),
    }


def _tensors_of(subject: "Measurable", settings: BlocksSettings, k: int) -> "Names":
    """Of a block by its number; of all blocks that are asked for."""
    known = blocks_of(subject.shapes)
    asked = settings.blocks if k == WHOLE else settings.blocks[k : k + 1]
    for block in asked:
        if block not in known:
            raise CheckpointError(f"the network has no block {block!r}; it has {', '.join(known)}")
    return tuple(name for block in asked for name in known[block])


def _under_noise(
    subject: "Measurable", settings: BlocksSettings, names: "Names", pair: int
) -> NDArray[np.float64]:
    """Of each panel member, (N,), the mean of a pair."""
    drawn = subject.noise_direction(settings.seed, pair, settings.mode)
    delta, losses = subject.within(drawn, names), []
    for sign in (1.0, -1.0):
        with subject.at((sign * settings.lpf_sigma, delta)):
            losses.append(subject.losses().astype(np.float64))
    return np.mean(losses, axis=0)


def _assemble(settings: BlocksSettings, done: Mapping[int, Arrays]) -> BlocksResult:
    items, base = _items(settings), done.get(0, NO_BASE)
    known = {items[position]: arrays for position, arrays in done.items()}
    blocks = range(len(settings.blocks))
    noise = {k: _noise_rise(settings, known, base, k) for k in (*blocks, WHOLE)}
    rounding = {k: _rounding_rise(known, base, k) for k in (*blocks, WHOLE)}
    bent = {name: _column(known, blocks, name) for name in BENT}
    return BlocksResult(
        blocks=settings.blocks,
        parameters=bent["parameters"],
        noise_rise=np.array([noise[k][0] for k in blocks]),
        noise_stderr=np.array([noise[k][1] for k in blocks]),
        rounding_rise=np.array([rounding[k][0] for k in blocks]),
        rounding_stderr=np.array([rounding[k][1] for k in blocks]),
        eigenvalue=bent["eigenvalue"],
        eigenvalue_error=bent["residual"],
        ascent_share=_shares(bent["gradient_norm"] ** 2),
        whole_noise_rise=noise[WHOLE][0],
        whole_noise_stderr=noise[WHOLE][1],
        whole_rounding_rise=rounding[WHOLE][0],
        whole_rounding_stderr=rounding[WHOLE][1],
        loss=mean(base["losses"]),
        stderr=standard_error(base["losses"]),
    )


def _column(known: Mapping[Item, Arrays], blocks: range, name: str) -> NDArray[np.float64]:
    """A number of the Hessian's items, by block."""
    return np.array(
        [float(known["bent", k][name]) if ("bent", k) in known else np.nan for k in blocks]
    )


def _shares(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Of their sum; NaN until all are known, and where there is nothing to share."""
    total = values.sum()
    return values / (total if total > 0 else np.nan)


def _noise_rise(
    settings: BlocksSettings, known: Mapping[Item, Arrays], base: Arrays, k: int
) -> tuple[float, float]:
    """Mean over the pairs that are there, and its error."""
    asked = (("noise", k, pair) for pair in range(settings.num_pairs))
    losses = [known[item]["losses"] for item in asked if item in known]
    if not losses or not base["losses"].size:
        return UNKNOWN
    found = crossed_mean(np.array(losses) - base["losses"], base["timesteps"])
    return found.value, found.stderr


def _rounding_rise(known: Mapping[Item, Arrays], base: Arrays, k: int) -> tuple[float, float]:
    """And its error over panels."""
    if ("rounded", k) not in known or not base["losses"].size:
        return UNKNOWN
    change = known["rounded", k]["losses"].astype(np.float64) - base["losses"]
    return mean(change), panel_error(change, base["timesteps"])


def _forwards(settings: BlocksSettings, item: Item, panel_size: int) -> int:
    passes = {"base": 1, "noise": 2, "rounded": 1}
    bent = GRADIENT_FORWARDS + settings.num_lanczos_steps * PRODUCT_FORWARDS
    return panel_size * passes.get(item[0], bent)


MEASURE = Measure(
    name="blocks",
    question="Which part of the network is sharp, and does rounding hurt the same part?",
    version=1,
    settings_type=BlocksSettings,
    items=_items,
    evaluate=_evaluate,
    assemble=_assemble,
    image_forwards=_forwards,
)
