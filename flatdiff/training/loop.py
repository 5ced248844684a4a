"""Training is a generator of step records; saving, showing and stopping belong to the caller.

A step is a pure function of the state before it, the recipe and the step's number: data order,
timesteps, noise and dropout are drawn from (seed, step), so a state needs no generator inside and
a run continued from any step has the bits of one that was never stopped.
"""

import math
from collections.abc import Collection, Iterator
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel

from flatdiff.checkpoints.averages import AVERAGES, RAW, WeightKind
from flatdiff.checkpoints.recipe import Precision, Recipe
from flatdiff.diffusion.networks import build_network
from flatdiff.diffusion.process import DiffusionProcess
from flatdiff.errors import TrainingError
from flatdiff.images.image_set import ImageSet
from flatdiff.training.adam import Adam
from flatdiff.training.averaging import new_averages, update_averages
from flatdiff.training.batches import INIT, draw_batch, seed_of
from flatdiff.training.execution import Execution
from flatdiff.training.gradients import StepGradient
from flatdiff.training.timestep_sampler import TimestepSampler, make_sampler
from flatdiff.training.world import ALONE, World


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

    model: nn.Module
    averages: dict[WeightKind, AveragedModel]
    optimizer: Adam
    sampler: TimestepSampler
    step: int = 0


PLAIN = Execution()


def new_state(recipe: Recipe, device: torch.device, execution: Execution = PLAIN) -> TrainingState:
    """A fresh network with the initial weights of this seed, its averages and Adam."""
    torch.manual_seed(seed_of(recipe.seed, INIT))
    model = build_network(recipe.flags).to(device)
    if execution.channels_last:
        model.to(memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue]
    return TrainingState(
        model=model,
        averages=new_averages(model, recipe),
        optimizer=Adam(model.parameters(), recipe.learning_rate, fused=execution.fused_adam),
        sampler=make_sampler(recipe.timestep_sampler, recipe.flags.diffusion_steps),
    )


def train(
    state: TrainingState,
    recipe: Recipe,
    data: ImageSet,
    execution: Execution = PLAIN,
    world: World = ALONE,
) -> Iterator[StepRecord]:
    """Train until `recipe.steps`, changing the state in place; one record a step.

    In a world of several processes each has such a state, and all stay equal.

    Raises:
        SettingsError: the batch cannot be shared out evenly.
        TrainingError: the loss is not finite; the state is the one before that step.
    """
    process = DiffusionProcess(recipe.flags)
    state.model.train()
    gradient = StepGradient(state.model, process, recipe, execution, world)
    while state.step < recipe.steps:
        batch = draw_batch(recipe, data, process, state.step, state.sampler)
        losses = gradient(batch, state.step)
        loss = batch.mean(losses.loss)
        _require_finite("loss", loss, state, recipe)
        _require_finite("norm of the gradient", _gradient_norm(state.model), state, recipe)
        state.optimizer.step()
        _take_in(state, recipe)
        state.sampler.update(batch.t, losses.loss)
        mse, vb = (None if x is None else batch.mean(x) for x in (losses.mse, losses.vb))
        yield StepRecord(state.step, loss, mse, vb)


def _take_in(state: TrainingState, recipe: Recipe) -> None:
    """Count a step and average its weights."""
    state.step += 1
    update_averages(state.averages, state.model, recipe, state.step)


def _gradient_norm(model: nn.Module) -> float:
    gradients = [p.grad for p in model.parameters() if p.grad is not None]
    return nn.utils.get_total_norm(gradients).item()


def _require_finite(what: str, value: float, state: TrainingState, recipe: Recipe) -> None:
    if not math.isfinite(value):
        raise TrainingError(
            f"the {what} became {value} at step {state.step + 1} with learning rate "
            f"{recipe.learning_rate:g}; try a smaller learning rate"
            + (f" or sam_rho below {recipe.sam_rho:g}" if recipe.method == "sam" else "")
        )


def weights_of(state: TrainingState) -> dict[WeightKind, nn.Module]:
    """All sets of weights of a run, by kind."""
    return {RAW: state.model} | {kind: mean.module for kind, mean in state.averages.items()}


def pick_precision(device: torch.device) -> Precision:
    """bfloat16 where the hardware multiplies it natively, else float32."""
    if device.type == "cuda":
        return "bfloat16" if torch.cuda.is_bf16_supported() else "float32"
    native = torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported()
    return "bfloat16" if native else "float32"


def num_averaged(state: TrainingState, kind: WeightKind) -> int | None:
    """How many models an average holds, where its card says so."""
    told = kind != RAW and AVERAGES[kind].tells_count
    return int(state.averages[kind].n_averaged) if told else None


def _parts(state: TrainingState) -> dict[str, nn.Module]:
    """The network and its averages by the names that they have in a file."""
    return {"model": state.model, **state.averages}


def tensors_of(state: TrainingState) -> dict[str, Tensor]:
    """Every tensor of a state under a flat name; Adam's by parameter index."""
    tensors = {
        f"{part}/{key}": value.contiguous()
        for part, module in _parts(state).items()
        for key, value in module.state_dict().items()
    }
    tensors |= {f"adam/{name}": value for name, value in state.optimizer.tensors().items()}
    return tensors | {f"sampler/{n}": value for n, value in state.sampler.tensors().items()}


def restore(
    state: TrainingState, tensors: dict[str, Tensor], anew: Collection[WeightKind] = ()
) -> None:
    """Fill a fresh state.

    Args:
        state: of the recipe that goes on.
        tensors: as `tensors_of` gave them.
        anew: averages that begin again; they stay as they are in a fresh state.

    Raises:
        KeyError: a tensor is missing.
        RuntimeError: one has another shape.
    """
    for part, module in _parts(state).items():
        if part not in anew:
            module.load_state_dict(_below(f"{part}/", tensors))
    state.sampler.restore(_below("sampler/", tensors))
    state.optimizer.restore(_below("adam/", tensors))


def _below(prefix: str, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    return {k.removeprefix(prefix): v for k, v in tensors.items() if k.startswith(prefix)}
