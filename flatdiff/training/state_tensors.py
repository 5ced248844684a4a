"""A training state as named tensors: what a file keeps of it, beside the number of its step."""

import torch
from torch import Tensor

from flatdiff.training.loop import TrainingState

_ADAM = ("step", "exp_avg", "exp_avg_sq")


def tensors_of(state: TrainingState) -> dict[str, Tensor]:
    """Every tensor of a state under a flat name; Adam's by parameter index."""
    named = {"model": state.model, "ema": state.ema, "swa": state.swa}
    tensors = {
        f"{part}/{key}": value.contiguous()
        for part, module in named.items()
        for key, value in module.state_dict().items()
    }
    for index, slots in state.optimizer.state_dict()["state"].items():
        tensors |= {f"adam/{index}/{slot}": slots[slot].contiguous() for slot in _ADAM}
    return tensors | {f"sampler/{n}": value for n, value in state.sampler.tensors().items()}


def restore(state: TrainingState, tensors: dict[str, Tensor]) -> None:
    """Fill a fresh state.

    Raises:
        KeyError: a tensor is missing.
        RuntimeError: one has another shape.
    """
    for part, module in {"model": state.model, "ema": state.ema, "swa": state.swa}.items():
        module.load_state_dict(_below(f"{part}/", tensors))
    state.sampler.restore(_below("sampler/", tensors))
    adam = state.optimizer.state_dict()
    indices = {int(name.split("/")[0]) for name in _below("adam/", tensors)}
    parameters = list(state.model.parameters())
    adam["state"] = {
        i: {slot: _laid_out(tensors[f"adam/{i}/{slot}"], parameters[i]) for slot in _ADAM}
        for i in indices
    }
    state.optimizer.load_state_dict(adam)


def _below(prefix: str, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    return {k.removeprefix(prefix): v for k, v in tensors.items() if k.startswith(prefix)}


def _laid_out(tensor: Tensor, like: Tensor) -> Tensor:
    """In memory as a parameter is, where it has its shape; a step's number has not."""
    return torch.empty_like(like).copy_(tensor) if tensor.shape == like.shape else tensor
