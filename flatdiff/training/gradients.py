"""The gradient of a step is that of its batch's mean loss, whoever computes which rows of it.

With SAM each shard of the batch climbs by its own gradient (m-sharpness, Foret et al. 2021,
arXiv 2010.01412, Sec. 4.1), and the step takes the mean of the gradients found up there. One shard
is the whole batch; with a shard a process or more, the first pass back waits for nobody.
"""

import contextlib
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from flatdiff.checkpoints.recipe import Recipe
from flatdiff.diffusion.dropout import take_part
from flatdiff.diffusion.own_flags import OwnFlags
from flatdiff.diffusion.own_loss import LossModule
from flatdiff.diffusion.process import DiffusionProcess, TrainingLosses
from flatdiff.diffusion.unet import Stage
from flatdiff.training.batches import DROPOUT, Batch, seed_of
from flatdiff.training.execution import Execution, shards_of_process
from flatdiff.training.sam import ascend, descend
from flatdiff.training.world import World


class StepGradient:
    """Leaves each step's gradient in the parameters of a network."""

    def __init__(
        self,
        model: nn.Module,
        process: DiffusionProcess,
        recipe: Recipe,
        execution: Execution,
        world: World,
    ) -> None:
        """Get a network ready.

        Raises:
            SettingsError: the batch cannot be shared out evenly.
        """
        self._model, self._recipe, self._execution, self._world = model, recipe, execution, world
        self._num_shards = shards_of_process(recipe, execution, world.size)
        self._process = process
        self._parameters = list(model.parameters())
        self._device = self._parameters[0].device
        for module in model.modules():
            if isinstance(module, Stage):
                module.recomputed = execution.recompute_activations
        if execution.compile_network:
            model.compile()
        self._called = _callable(model, recipe)
        self._shared = DistributedDataParallel(self._called) if world.size > 1 else None

    def __call__(self, batch: Batch, step: int) -> TrainingLosses:
        """Replace the gradients; losses are those of the whole batch, at the weights themselves.

        Args:
            batch: the whole one.
            step: decides the dropout masks.
        """
        self._replace_gradients([None] * len(self._parameters))
        shards = _cut(self._world.rows(len(batch)), self._num_shards)
        losses = [self._of_shard(batch, step, rows, rows == shards[-1]) for rows in shards]
        return _terms(self._world.gathered(torch.cat(losses)), self._process)

    def _of_shard(self, batch: Batch, step: int, rows: range, last: bool) -> Tensor:
        """Add a shard's gradient; processes agree on the sum after the last one."""
        if self._recipe.method != "sam":
            return self._backward(batch, step, rows, agree=last)
        others = [parameter.grad for parameter in self._parameters]
        self._replace_gradients([None] * len(others))
        losses = self._backward(batch, step, rows, agree=self._recipe.sam_shards == 1)
        saved = ascend(self._parameters, self._recipe.sam_rho)
        self._replace_gradients(others)
        try:
            self._backward(batch, step, rows, agree=last)
        finally:
            descend(self._parameters, saved)
        return losses

    def _backward(self, batch: Batch, step: int, rows: range, agree: bool) -> Tensor:
        """Add the gradient of some rows, part by part; their losses, (rows, terms)."""
        parts = _cut(rows, self._execution.accumulate)
        return torch.cat(
            [self._of_part(batch, step, part, agree and part == parts[-1]) for part in parts]
        )

    def _of_part(self, batch: Batch, step: int, rows: range, agree: bool) -> Tensor:
        """One pass forth and back; the same dropout mask however often it is called."""
        part = batch.part(rows, self._device)
        torch.manual_seed(seed_of(self._recipe.seed, DROPOUT, step))
        take_part(self._model, rows, len(batch))
        apart = self._shared.no_sync() if self._shared and not agree else contextlib.nullcontext()
        with apart:
            losses = self._losses(part)
            weighted = losses.loss if part.weights is None else losses.loss * part.weights
            # Processes take the mean of their gradients, which makes this the batch's mean loss.
            (weighted.sum() * (self._world.size / len(batch))).backward()
        terms = (losses.loss, losses.mse, losses.vb)
        return torch.stack([term.detach() for term in terms if term is not None], dim=1)

    def _losses(self, part: Batch) -> TrainingLosses:
        if part.uniform is not None:
            losses = self._computed(part.x_start, part.y, part.noise, part.uniform)
            return TrainingLosses(losses, None, None)

        def network(x: Tensor, timesteps: Tensor) -> Tensor:
            return self._computed(x, timesteps, part.y)

        return self._process.training_losses(network, part.x_start, part.t, part.noise, part.x_t)

    def _computed(self, images: Tensor, *more: Tensor | None) -> Tensor:
        """What the network says, or a loss of its own, in float32."""
        if self._execution.channels_last:
            images = images.contiguous(memory_format=torch.channels_last)
        enabled = self._recipe.precision == "bfloat16"
        with torch.autocast(self._device.type, torch.bfloat16, enabled=enabled):
            return (self._shared or self._called)(images, *more).float()

    def _replace_gradients(self, gradients: Sequence[Tensor | None]) -> None:
        for parameter, gradient in zip(self._parameters, gradients, strict=True):
            parameter.grad = gradient


def _callable(model: nn.Module, recipe: Recipe) -> nn.Module:
    """The network, or the loss of its own that it has."""
    flags = recipe.flags
    if isinstance(flags, OwnFlags) and flags.own_loss:
        return LossModule(flags, model)
    return model


def _cut(rows: range, count: int) -> list[range]:
    """Consecutive parts of one size."""
    size = len(rows) // count
    return [rows[i * size : (i + 1) * size] for i in range(count)]


def _terms(columns: Tensor, process: DiffusionProcess) -> TrainingLosses:
    """Back from (B, terms); see `DiffusionProcess.training_losses` for which there are."""
    loss, *others = columns.unbind(dim=1)
    if process.flags.use_kl:
        return TrainingLosses(loss, None, others[0])
    return TrainingLosses(loss, *others, *[None] * (2 - len(others)))
