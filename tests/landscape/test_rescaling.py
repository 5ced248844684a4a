"""Rescaling: exactly the layers that may have any size, found by trying every one of them."""

import copy
import dataclasses
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from flatdiff.checkpoints.recipe import PRESETS
from flatdiff.diffusion.flags import AdmFlags
from flatdiff.diffusion.unet import AdmUNet
from flatdiff.landscape.rescaling import rescalable
from tests.subjects import digits_subject
from tests.tiny import gaussian, random_network

DIGITS = dataclasses.replace(PRESETS["digits"].flags, dropout=0.0)
NETWORKS = {
    "digits": DIGITS,
    # Resized by convolutions of their own, and the timestep added before the norm.
    "plain": dataclasses.replace(DIGITS, resblock_updown=False, use_scale_shift_norm=False),
}


def without_eps(flags: AdmFlags) -> AdmUNet:
    """Random weights, and norms that divide by nothing but the spread."""
    model = random_network(flags)
    for module in model.modules():
        if isinstance(module, nn.GroupNorm):
            module.eps = 0.0
    return model


def output(model: AdmUNet) -> Tensor:
    """For two noisy images at two timesteps."""
    with torch.no_grad():
        return model(gaussian(2, 1, 8, 8, seed=3), torch.tensor([20.0, 700.0]))


def scaled(model: AdmUNet, names: tuple[str, ...], factor: float) -> AdmUNet:
    """A copy with some tensors multiplied."""
    other = copy.deepcopy(model)
    with torch.no_grad():
        for name in names:
            other.get_parameter(name).mul_(factor)
    return other


def chosen(model: AdmUNet) -> tuple[str, ...]:
    """The tensors of a network that may be rescaled."""
    names = [name for name, _ in model.named_parameters()]
    return rescalable(names, use_scale_shift_norm=model.flags.use_scale_shift_norm)


@pytest.mark.parametrize("network", NETWORKS)
@pytest.mark.parametrize("factor", [0.25, 3.0, 64.0])
def test_the_function_stays(network: str, factor: float) -> None:
    """The network itself says so, at any factor, when its norms have no eps."""
    model = without_eps(NETWORKS[network])
    torch.testing.assert_close(output(scaled(model, chosen(model), factor)), output(model))


def test_no_other_layer_could_be_rescaled() -> None:
    """Each layer alone, tried: what is chosen changes nothing, everything else changes a lot."""
    model = without_eps(DIGITS)
    truth = output(model)
    layers = {name.rpartition(".")[0] for name, _ in model.named_parameters()}
    free = set()
    for layer in layers:
        names = tuple(f"{layer}.{kind}" for kind in ("weight", "bias"))
        moved = (output(scaled(model, names, 2.0)) - truth).abs().max().item()
        assert moved < 1e-5 or moved > 1e-3, f"{layer} is undecided: {moved}"
        if moved < 1e-5:
            free.update(names)
    assert free == set(chosen(model))


def test_a_bias_has_to_follow_its_weight() -> None:
    """Where a group has two channels; where it has one, the norm takes a bias off altogether."""
    for mult, matters in (("1", False), ("2", True)):
        model = without_eps(dataclasses.replace(DIGITS, channel_mult=mult))
        weights = tuple(name for name in chosen(model) if name.endswith("weight"))
        moved = (output(scaled(model, weights, 4.0)) - output(model)).abs().max().item()
        assert (moved > 1e-3) == matters


def test_a_rescaled_subject_is_one_of_rescaled_weights() -> None:
    """Against a network that was multiplied here, tensor by tensor; the original stays."""
    model = random_network(DIGITS)
    other = scaled(model, chosen(model), 4.0)
    expected = digits_subject(3, model=copy.deepcopy(other))
    subject = digits_subject(3, model=model)
    before = subject.weights.theta.clone()
    twin = subject.rescaled(4.0)
    assert torch.equal(twin.weights.origin, expected.weights.origin)
    assert (twin.losses() == expected.losses()).all()
    for mode in ("absolute", "filter_relative"):
        noise: Any = [s.noise_direction(3, 1, mode) for s in (twin, expected)]
        assert torch.equal(*noise)
    assert torch.equal(subject.weights.theta, before)
    assert subject.weights.theta.data_ptr() != twin.weights.theta.data_ptr()


def test_a_cancel_reaches_the_rescaled_network() -> None:
    """A worker sets what is called before each pass, also after the copy was made."""

    class Ended(Exception):  # noqa: N818  (no error)
        pass

    def end() -> None:
        raise Ended

    subject = digits_subject(3)
    twin = subject.rescaled(2.0)
    subject.between_calls = end
    with pytest.raises(Ended):
        twin.losses()
