"""Similarity is how alike what several checkpoints compute is, however far apart they lie.

Block by block at each noise level, the CKA of their activations on the panel's images; at each
level, how far apart the noises are that they predict; and the distance of their weights. Two runs
may lie far apart and compute the same, as networks that permute their channels do: CKA does not
see a permutation, and a distance sees nothing else.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from flatdiff.checkpoints.tensors import block_names
from flatdiff.landscape.cka import (
    FEWEST_IMAGES,
    cka,
    hsic_table,
    jackknife_error,
    mean_cka,
)
from flatdiff.measures.base import Item, Measure, not_diffusion
from flatdiff.measures.statistics import mean_and_error
from flatdiff.settings import require
from flatdiff.system.arrays import Arrays

if TYPE_CHECKING:  # a subject of a test answers what it is asked, and no more
    from flatdiff.landscape.measurable import Measurable

MAX_LEVELS = 20
MAX_BATCHES = 64
MAX_BLOCKS = 500


@dataclass(frozen=True, kw_only=True)
class SimilaritySettings:
    """At which noise levels, of which blocks, in how many batches of the panel's images."""

    levels: tuple[float, ...] = (0.1, 0.3, 0.5, 0.7, 0.9)  # timesteps as shares of T, ascending
    num_batches: int = 8  # errors are over them; each wants four images
    # Where none is named, every block of the checkpoint is filled in (`request.completed`).
    blocks: tuple[str, ...] = field(default=(), metadata={"filled_in": block_names})

    def __post_init__(self) -> None:
        levels = tuple(float(level) for level in self.levels)
        fits = 0 < len(levels) <= MAX_LEVELS and all(0 <= level <= 1 for level in levels)
        rising = all(a < b for a, b in pairwise(levels))
        expected = f"1 to {MAX_LEVELS} shares of T in [0, 1], ascending"
        require(fits and rising, "levels", expected, self.levels)
        count = self.num_batches
        fits = isinstance(count, int) and 2 <= count <= MAX_BATCHES
        require(fits, "num_batches", f"an integer in [2, {MAX_BATCHES}]", count)
        blocks = tuple(self.blocks)
        named = all(isinstance(name, str) for name in blocks)
        fits = named and len(set(blocks)) == len(blocks) <= MAX_BLOCKS
        require(fits, "blocks", f"at most {MAX_BLOCKS} names that differ", blocks)
        object.__setattr__(self, "levels", levels)
        object.__setattr__(self, "blocks", blocks)


@dataclass(frozen=True)
class SimilarityResult:
    """Of M checkpoints, the one that was asked and the further ones in their order.

    NaN where not computed yet, and where a block gives the same for all images. Errors are over
    batches of images, noise levels and weights being what they are.
    """

    levels: NDArray[np.float64]  # (L,), timesteps as shares of T
    blocks: tuple[str, ...]  # (B,), from the input to the output
    cka: NDArray[np.float64]  # (L, B, M, M), 1 where they differ by a rotation alone
    cka_stderr: NDArray[np.float64]  # (L, B, M, M)
    mean_cka: NDArray[np.float64]  # (M, M), over the levels and blocks that have one
    mean_cka_stderr: NDArray[np.float64]  # (M, M)
    disagreement: NDArray[np.float64]  # (L, M, M), mean squared difference of predicted noises
    disagreement_stderr: NDArray[np.float64]  # (L, M, M)
    distance: NDArray[np.float64]  # (M, M), of the weights, as a share of the first one's norm
    num_checkpoints: int  # M; 0 before anything is done


def _items(settings: SimilaritySettings) -> Sequence[Item]:
    """A batch of each level, then the next batch."""
    levels = range(len(settings.levels))
    batches = [("batch", b, k) for b in range(settings.num_batches) for k in levels]
    return [("weights",), *batches]


def _evaluate(subject: "Measurable", settings: SimilaritySettings, item: Item) -> Arrays:
    if item == ("weights",):
        return {"distance": _distances(subject)}
    _, batch, k = item
    count = len(subject.timesteps) // settings.num_batches
    expected = f"at least {FEWEST_IMAGES * settings.num_batches} images"
    require(count >= FEWEST_IMAGES, "the panel", expected, len(subject.timesteps))
    rows, level = slice(batch * count, (batch + 1) * count), settings.levels[k]
    grams, noises = list[list[NDArray[np.float64]]](), list[NDArray[np.float32]]()
    for index in range(1 + len(subject.partners)):
        terms = [(1.0, subject.partner_offset(index - 1))] if index else []
        with subject.at(*terms):
            found, eps = subject.activation_grams(level, rows, settings.blocks)
        flat = np.zeros((count, count))  # of a block that is not called
        grams.append([found.get(block, flat) for block in settings.blocks])
        noises.append(eps)
    tables = [hsic_table(of_block) for of_block in zip(*grams, strict=True)]
    return {"hsic": np.array(tables), "disagreement": _squared_differences(noises)}


def _squared_differences(noises: Sequence[NDArray[np.float32]]) -> NDArray[np.float64]:
    """Mean over images and pixels, (M, M)."""
    rows = [[np.square(a - b).mean(dtype=np.float64) for b in noises] for a in noises]
    return np.array(rows)


def _distances(subject: "Measurable") -> NDArray[np.float64]:
    """(M, M)."""
    count = 1 + len(subject.partners)
    offsets = [None, *(subject.partner_offset(k) for k in range(count - 1))]
    found = np.zeros((count, count))
    for i in range(1, count):
        for j in range(i):
            between = offsets[i] if offsets[j] is None else offsets[i] - offsets[j]
            found[i, j] = found[j, i] = subject.relative_norm(between)
    return found


def _assemble(settings: SimilaritySettings, done: Mapping[int, Arrays]) -> SimilarityResult:
    items = _items(settings)
    by_level: list[list[Arrays]] = [[] for _ in settings.levels]
    for position in sorted(done):
        if items[position][0] == "batch":
            by_level[items[position][2]].append(done[position])
    size = next((len(a["disagreement"]) for own in by_level for a in own), 0)
    size = size or len(done.get(0, {}).get("distance", ()))
    shape = (len(settings.blocks), size, size)
    tables = [_stacked(own, "hsic", shape) for own in by_level]
    rounds = min(map(len, tables))  # of batches that every level has
    together = np.concatenate([table[:rounds] for table in tables], axis=1)
    apart = [mean_and_error(_stacked(own, "disagreement", shape[1:])) for own in by_level]
    return SimilarityResult(
        levels=np.array(settings.levels),
        blocks=settings.blocks,
        cka=np.array([cka(table) for table in tables]),
        cka_stderr=np.array([jackknife_error(table, cka) for table in tables]),
        mean_cka=mean_cka(together),
        mean_cka_stderr=jackknife_error(together, mean_cka),
        disagreement=np.array([found for found, _ in apart]),
        disagreement_stderr=np.array([error for _, error in apart]),
        distance=done[0]["distance"] if 0 in done else np.full(shape[1:], np.nan),
        num_checkpoints=size,
    )


def _stacked(batches: Sequence[Arrays], name: str, shape: tuple[int, ...]) -> NDArray[np.float64]:
    """(batches, ...); one row that is not known where there is none yet."""
    rows = [arrays[name] for arrays in batches]
    return np.array(rows) if rows else np.full((1, *shape), np.nan)


def _forwards(settings: SimilaritySettings, item: Item, panel_size: int) -> int:
    """Of the first checkpoint alone: how many there are is no setting."""
    return 1 if item == ("weights",) else max(1, panel_size // settings.num_batches)


MEASURE = Measure(
    name="similarity",
    question="How alike is what several checkpoints compute?",
    version=1,
    settings_type=SimilaritySettings,
    items=_items,
    evaluate=_evaluate,
    assemble=_assemble,
    image_forwards=_forwards,
    min_partners=lambda _: 1,
    unfit=not_diffusion,
)
