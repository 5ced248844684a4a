"""Training is a generator of step records; saving, showing and stopping belong to the caller.

A step is a pure function of the state before it, the recipe and the step's number: data order,
timesteps, noise and dropout are drawn from (seed, step), so a state needs no generator inside and
a run continued from any step has the bits of one that was never stopped.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel

from flatdiff.averaging import is_swa_step, make_ema, make_swa
from flatdiff.data import ImageSet
from flatdiff.diffusion import DiffusionProcess, TrainingLosses
from flatdiff.errors import TrainingError
from flatdiff.recipe import Recipe
from flatdiff.sam import ascend, descend
from flatdiff.unet import AdmUNet

# Independent streams of randomness within one seed.
_INIT, _ORDER, _STEP, _DROPOUT = range(4)


@dataclass(frozen=True)
class StepRecord:
    """What one step did."""

    step: int  # steps taken, counting this one
    loss: float  # mean over the batch, before the step
    mse: float | None
    vb: float | None


@dataclass
class TrainingState:
    """Everything that a step changes."""

    model: AdmUNet
    ema: AveragedModel
    swa: AveragedModel
    optimizer: torch.optim.Adam
    step: int = 0


@dataclass(frozen=True)
class Batch:
    """One step's data, the same for every method with the same seed."""

    x_start: Tensor  # (B, C, H, W)
    t: Tensor  # (B,)
    noise: Tensor  # (B, C, H, W)
    x_t: Tensor  # (B, C, H, W)
    y: Tensor | None  # (B,)


def new_state(recipe: Recipe, device: torch.device) -> TrainingState:
    """A fresh network with the initial weights of this seed, its averages and Adam."""
    torch.manual_seed(_seed_of(recipe.seed, _INIT))
    model = AdmUNet(recipe.flags).to(device)
    return TrainingState(
        model=model,
        ema=make_ema(model, recipe.ema_decay),
        swa=make_swa(model),
        optimizer=torch.optim.Adam(model.parameters(), lr=recipe.learning_rate),
    )


def train(state: TrainingState, recipe: Recipe, data: ImageSet) -> Iterator[StepRecord]:
    """Train until `recipe.steps`, changing the state in place; one record a step.

    Raises:
        TrainingError: the loss is not finite; the state is the one before that step.
    """
    process = DiffusionProcess(recipe.flags)
    state.model.train()
    while state.step < recipe.steps:
        batch = draw_batch(recipe, data, process, state.step)
        losses = _update(state, recipe, process, batch)
        state.step += 1
        state.ema.update_parameters(state.model)
        if is_swa_step(recipe, state.step):
            state.swa.update_parameters(state.model)
        yield StepRecord(
            state.step, losses.loss.mean().item(), _mean(losses.mse), _mean(losses.vb)
        )


def draw_batch(recipe: Recipe, data: ImageSet, process: DiffusionProcess, step: int) -> Batch:
    """The data of one step; `step` counts from 0.

    Input perturbation (Ning et al. 2023, arXiv 2301.11706): x_t is built from noise + gamma xi,
    while the target stays the unperturbed noise.
    """
    generator = torch.Generator().manual_seed(_seed_of(recipe.seed, _STEP, step))
    indices = _epoch_order(recipe, len(data), step)
    x_start = data.images(indices)
    if recipe.random_flip:
        flip = torch.rand(len(x_start), generator=generator) < 0.5
        x_start = torch.where(flip[:, None, None, None], x_start.flip(-1), x_start)
    t = torch.randint(process.num_steps, (len(x_start),), generator=generator)
    noise = torch.randn(x_start.shape, generator=generator)
    shown = noise
    if recipe.method == "ip":
        shown = noise + recipe.input_perturbation * torch.randn(noise.shape, generator=generator)
    y = data.labels_for(recipe.flags.num_classes, indices)
    return Batch(x_start, t, noise, process.q_sample(x_start, t, shown), y)


def _epoch_order(recipe: Recipe, num_images: int, step: int) -> Tensor:
    """Indices of one batch: each epoch is a fresh permutation, batches run across its borders."""
    first = step * recipe.batch_size
    positions = np.arange(first, first + recipe.batch_size)
    orders = {
        epoch: np.random.Generator(
            np.random.PCG64(_seed_of(recipe.seed, _ORDER, int(epoch)))
        ).permutation(num_images)
        for epoch in np.unique(positions // num_images)
    }
    return torch.tensor([orders[p // num_images][p % num_images] for p in positions])


def _update(
    state: TrainingState, recipe: Recipe, process: DiffusionProcess, batch: Batch
) -> TrainingLosses:
    """One optimizer step; with SAM, the gradient of the perturbed weights."""
    parameters = list(state.model.parameters())
    losses = _backward(state, recipe, process, batch)
    if recipe.method == "sam":
        saved = ascend(parameters, recipe.sam_rho)
        try:
            _backward(state, recipe, process, batch)
        finally:
            descend(parameters, saved)
    norm = nn.utils.get_total_norm([p.grad for p in parameters if p.grad is not None])
    _require_finite("norm of the gradient", norm.item(), state, recipe)
    state.optimizer.step()
    return losses


def _backward(
    state: TrainingState, recipe: Recipe, process: DiffusionProcess, batch: Batch
) -> TrainingLosses:
    """Gradients of the batch's mean loss; the same dropout mask however often it is called."""
    device = next(state.model.parameters()).device
    torch.manual_seed(_seed_of(recipe.seed, _DROPOUT, state.step))
    state.optimizer.zero_grad()
    y = batch.y.to(device) if batch.y is not None else None

    def network(x: Tensor, timesteps: Tensor) -> Tensor:
        enabled = recipe.precision == "bfloat16"
        with torch.autocast(device.type, torch.bfloat16, enabled=enabled):
            output = state.model(x, timesteps, y)
        return output.float()

    losses = process.training_losses(
        network, *(part.to(device) for part in (batch.x_start, batch.t, batch.noise, batch.x_t))
    )
    loss = losses.loss.mean()
    _require_finite("loss", loss.item(), state, recipe)
    loss.backward()
    return losses


def _require_finite(what: str, value: float, state: TrainingState, recipe: Recipe) -> None:
    if not math.isfinite(value):
        raise TrainingError(
            f"the {what} became {value} at step {state.step + 1} with learning rate "
            f"{recipe.learning_rate:g}; try a smaller learning rate"
            + (f" or sam_rho below {recipe.sam_rho:g}" if recipe.method == "sam" else "")
        )


def weights_of(state: TrainingState) -> dict[str, nn.Module]:
    """The three sets of weights of a run, by kind."""
    return {"raw": state.model, "ema": state.ema.module, "swa": state.swa.module}


def _mean(values: Tensor | None) -> float | None:
    return None if values is None else values.mean().item()


def _seed_of(*entropy: int) -> int:
    """A 63-bit seed that differs for every combination of integers."""
    return int(np.random.SeedSequence(entropy).generate_state(1, np.uint64)[0] >> np.uint64(1))
