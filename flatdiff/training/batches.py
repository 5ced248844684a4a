"""A batch is what one step of training is fed, drawn from (seed, step) alone.

Every process of a world draws the same whole batch and computes its own rows of it, so that no
number depends on how many share the work.
"""

import dataclasses
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from flatdiff.checkpoints.recipe import Recipe
from flatdiff.diffusion.process import DiffusionProcess
from flatdiff.images.image_set import ImageSet
from flatdiff.training.timestep_sampler import TimestepSampler, Uniform

# Independent streams of randomness within one seed.
INIT, ORDER, STEP, DROPOUT = range(4)


@dataclass(frozen=True)
class Batch:
    """One step's data, the same for every method with the same seed."""

    x_start: Tensor  # (B, C, H, W)
    t: Tensor  # (B,)
    noise: Tensor  # (B, C, H, W)
    x_t: Tensor  # (B, C, H, W)
    y: Tensor | None  # (B,)
    weights: Tensor | None = None  # (B,), of each loss in the mean; None: 1
    uniform: Tensor | None = None  # (B,), in [0, 1), for a loss of the network's own

    def __len__(self) -> int:
        return len(self.t)

    def part(self, rows: range, device: torch.device) -> "Batch":
        """Some rows, on a device."""
        here = slice(rows.start, rows.stop)
        parts = {
            field.name: value[here].to(device)
            for field in dataclasses.fields(self)
            if (value := getattr(self, field.name)) is not None
        }
        return dataclasses.replace(self, **parts)

    def mean(self, values: Tensor) -> float:
        """Of a loss term (B,), weighted."""
        weighted = values if self.weights is None else values * self.weights.to(values.device)
        return weighted.mean().item()


def draw_batch(
    recipe: Recipe,
    data: ImageSet,
    process: DiffusionProcess,
    step: int,
    sampler: TimestepSampler | None = None,
) -> Batch:
    """The data of one step; `step` counts from 0, timesteps are uniform without a sampler.

    Input perturbation (Ning et al. 2023, arXiv 2301.11706): x_t is built from noise + gamma xi,
    while the target stays the unperturbed noise.
    """
    generator = torch.Generator().manual_seed(seed_of(recipe.seed, STEP, step))
    indices = _epoch_order(recipe, len(data), step)
    x_start = data.images(indices)
    if recipe.random_flip:
        flip = torch.rand(len(x_start), generator=generator) < 0.5
        x_start = torch.where(flip[:, None, None, None], x_start.flip(-1), x_start)
    sampler = sampler or Uniform(process.num_steps)
    t, weights = sampler.draw(len(x_start), generator)
    noise = torch.randn(x_start.shape, generator=generator)
    shown = noise
    if recipe.method == "ip":
        shown = noise + recipe.input_perturbation * torch.randn(noise.shape, generator=generator)
    y = data.labels_for(recipe.flags.num_classes, indices)
    uniform = None
    if not recipe.flags.is_diffusion:  # drawn last: the other draws are as they ever were
        uniform = torch.rand(len(t), generator=generator)
    return Batch(x_start, t, noise, process.q_sample(x_start, t, shown), y, weights, uniform)


def _epoch_order(recipe: Recipe, num_images: int, step: int) -> Tensor:
    """Indices of one batch: each epoch is a fresh permutation, batches run across its borders."""
    first = step * recipe.batch_size
    positions = np.arange(first, first + recipe.batch_size)
    orders = {
        epoch: _permutation(recipe.seed, int(epoch), num_images)
        for epoch in np.unique(positions // num_images)
    }
    return torch.tensor([orders[p // num_images][p % num_images] for p in positions])


@lru_cache(maxsize=2)  # a batch is seldom of more; each of a large dataset takes megabytes
def _permutation(seed: int, epoch: int, num_images: int) -> NDArray[np.int64]:
    """Of one epoch; drawn at each step, it would take as long as a small network's step."""
    generator = np.random.Generator(np.random.PCG64(seed_of(seed, ORDER, epoch)))
    order = generator.permutation(num_images)
    order.flags.writeable = False  # it is everybody's
    return order


def seed_of(*entropy: int) -> int:
    """A 63-bit seed that differs for every combination of integers."""
    return int(np.random.SeedSequence(entropy).generate_state(1, np.uint64)[0] >> np.uint64(1))
