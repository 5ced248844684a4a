"""Activations are what the modules of a network give for the panel's images at one noise level.

All images get the same timestep here, as what a module gives depends on it far more than on the
image: what two checkpoints have in common is asked level by level. Kept are the inner products of
images alone, taken as a module gives its output: the activations of all blocks of a large network
have no room beside each other.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from flatdiff.landscape.objective import NoisePrediction, Objective, PanelTensors

Gram = Float[Tensor, "n n"]


@torch.inference_mode()
def activation_grams(
    objective: Objective,
    tensors: PanelTensors,
    level: float,
    rows: slice,
    names: Sequence[str],
) -> tuple[Mapping[str, Gram], Float[Tensor, "n _"]]:
    """Inner products of what some modules give, and what the network predicts, a row an image.

    Args:
        objective: of a diffusion network, at the weights that it is asked about.
        tensors: images, noises and labels of the panel; its timesteps are not looked at.
        level: the timestep as a share of T, in [0, 1].
        rows: which members.
        names: of modules; one that the network lacks, or does not call, is left out.
    """
    assert isinstance(objective, NoisePrediction), "a network with a loss of its own has no levels"
    process, x_start = objective.process, tensors.x_start[rows]
    step = round(level * (process.num_steps - 1))
    t = torch.full((len(x_start),), step, dtype=torch.int64, device=x_start.device)
    x_t = process.q_sample(x_start, t, tensors.noise[rows])
    labels = None if tensors.y is None else tensors.y[rows]
    with _heard(objective.module, names) as found:
        out: Tensor = objective.module(x_t, process.network_timesteps(t), labels)
    return found, out[:, : x_start.shape[1]].flatten(1)  # without a variance that is learned


def gram(features: Float[Tensor, "n _"]) -> Gram:
    """Inner products of images, in float64; features are centred, which changes no HSIC."""
    centred = features - features.mean(dim=0)
    return (centred @ centred.T).double()


@contextmanager
def _heard(network: nn.Module, names: Sequence[str]) -> Iterator[dict[str, Tensor]]:
    """Inside: each module's output is turned into inner products as it comes."""
    found: dict[str, Tensor] = {}

    def hear(name: str, _module: nn.Module, _inputs: Any, out: Tensor) -> None:
        found[name] = gram(out.flatten(1).float())

    modules = dict(network.named_modules())
    handles = [
        modules[name].register_forward_hook(partial(hear, name))
        for name in names
        if name in modules
    ]
    try:
        yield found
    finally:
        for handle in handles:
            handle.remove()
