"""A step's gradient, cut into parts and shards in every way, against autograd's in one piece."""

import dataclasses
import math
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.func import functional_call

from flatdiff.checkpoints.recipe import PRESETS, BaseMethod, Recipe
from flatdiff.diffusion.flags import AdmFlags
from flatdiff.diffusion.process import DiffusionProcess
from flatdiff.diffusion.unet import AdmUNet
from flatdiff.images.image_set import load_images
from flatdiff.training.batches import Batch, draw_batch
from flatdiff.training.execution import Execution
from flatdiff.training.gradients import StepGradient
from flatdiff.training.loop import new_state
from flatdiff.training.world import ALONE
from tests.tiny import CPU, TINY, random_network, tiny_recipe

DROPS = dataclasses.replace(PRESETS["digits"].flags, dropout=0.4)  # with attention, two levels
NEVER_DROPS = dataclasses.replace(TINY, dropout=0.0)


def batch_of(recipe: Recipe) -> Batch:
    """Of digits."""
    data = load_images("digits", "train", 8, 1)
    return draw_batch(recipe, data, DiffusionProcess(recipe.flags), 3)


def gradients(
    recipe: Recipe, execution: Execution, batch: Batch
) -> tuple[dict[str, Tensor], Tensor]:
    """Of every weight of one and the same network, and the losses."""
    assert isinstance(recipe.flags, AdmFlags)
    model = random_network(recipe.flags).train()
    if execution.channels_last:
        model.to(memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue]
    process = DiffusionProcess(recipe.flags)
    losses = StepGradient(model, process, recipe, execution, ALONE)(batch, 3)
    found = {name: p.grad for name, p in model.named_parameters() if p.grad is not None}
    return found, losses.loss


def relative_distance(ours: dict[str, Tensor], theirs: dict[str, Tensor]) -> float:
    """‖a - b‖ / ‖b‖ over all weights together."""
    assert ours.keys() == theirs.keys()
    difference = sum((ours[n] - theirs[n]).double().square().sum().item() for n in theirs)
    return math.sqrt(difference / sum(b.double().square().sum().item() for b in theirs.values()))


@pytest.mark.parametrize("method", ["adm", "sam"])
@pytest.mark.parametrize(
    "changes",
    [
        {"accumulate": 2},
        {"accumulate": 8},
        {"recompute_activations": True},
        {"channels_last": True},
        {"accumulate": 4, "recompute_activations": True, "channels_last": True},
    ],
)
def test_execution_changes_rounding_alone(method: BaseMethod, changes: dict[str, Any]) -> None:
    """The plain execution is the truth; with half of the activations dropped, masks must agree."""
    recipe = tiny_recipe(method, flags=DROPS, batch_size=8)
    batch = batch_of(recipe)
    plain, plain_losses = gradients(recipe, Execution(), batch)
    got, losses = gradients(recipe, Execution(**changes), batch)
    assert relative_distance(got, plain) < 2e-5
    torch.testing.assert_close(losses, plain_losses, rtol=1e-4, atol=1e-6)


def test_other_masks_would_be_seen() -> None:
    """The test above can fail: one other step's masks are far off its tolerance."""
    recipe = tiny_recipe(flags=DROPS, batch_size=8)
    batch = batch_of(recipe)
    plain, _ = gradients(recipe, Execution(), batch)
    other, _ = gradients(dataclasses.replace(recipe, seed=1), Execution(), batch)
    assert relative_distance(other, plain) > 0.05


def mean_gradient(model: AdmUNet, weights: dict[str, Tensor], batch: Batch) -> dict[str, Tensor]:
    """Of the weighted mean loss of a batch at some weights, by torch alone."""
    leaves = {name: value.clone().requires_grad_() for name, value in weights.items()}
    losses = DiffusionProcess(model.flags).training_losses(
        lambda x, t: functional_call(model, leaves, (x, t)),
        batch.x_start,
        batch.t,
        batch.noise,
        batch.x_t,
    )
    loss = losses.loss if batch.weights is None else losses.loss * batch.weights
    found = torch.autograd.grad(loss.mean(), list(leaves.values()))
    return dict(zip(leaves, found, strict=True))


@pytest.mark.parametrize("shards", [1, 2, 4])
def test_each_shard_of_sam_climbs_by_its_own_gradient(shards: int) -> None:
    """Every shard's perturbed point is built here: theta + rho g_k / ‖g_k‖, then the mean."""
    recipe = tiny_recipe("sam", flags=NEVER_DROPS, batch_size=8, sam_shards=shards, sam_rho=0.5)
    batch, model = batch_of(recipe), random_network(NEVER_DROPS)
    theta = {name: p.detach() for name, p in model.named_parameters()}
    size, found = 8 // shards, []
    for first in range(0, 8, size):
        shard = batch.part(range(first, first + size), CPU)
        g = mean_gradient(model, theta, shard)
        norm = math.sqrt(sum(value.double().square().sum().item() for value in g.values()))
        climbed = {name: theta[name] + 0.5 * g[name] / norm for name in theta}
        found.append(mean_gradient(model, climbed, shard))
    expected = {name: torch.stack([g[name] for g in found]).mean(0) for name in theta}
    got, _ = gradients(recipe, Execution(), batch)
    assert relative_distance(got, expected) < 1e-4
    whole, _ = gradients(dataclasses.replace(recipe, sam_shards=1), Execution(), batch)
    assert (relative_distance(whole, expected) > 1e-3) == (shards > 1)


def test_losses_are_weighed() -> None:
    """Weights as a sampler hands them out, against a mean written here; none is 1."""
    recipe = tiny_recipe(flags=NEVER_DROPS, batch_size=8)
    weights = torch.linspace(0.25, 3, 8)
    batch = dataclasses.replace(batch_of(recipe), weights=weights)
    model = random_network(NEVER_DROPS)
    theta = {name: p.detach() for name, p in model.named_parameters()}
    got, losses = gradients(recipe, Execution(accumulate=2), batch)
    assert relative_distance(got, mean_gradient(model, theta, batch)) < 1e-5
    assert batch.mean(losses) == pytest.approx((losses * weights).sum().item() / 8, rel=1e-6)


def test_recomputed_activations_are_not_kept() -> None:
    """Counted as autograd saves them: a fraction of what is saved otherwise."""
    recipe = tiny_recipe(flags=DROPS, batch_size=8)
    batch, kept = batch_of(recipe), []

    def count(tensor: Tensor) -> Tensor:
        kept[-1] += tensor.numel()
        return tensor

    for recompute in (False, True):
        kept.append(0)
        with torch.autograd.graph.saved_tensors_hooks(count, lambda tensor: tensor):
            gradients(recipe, Execution(recompute_activations=recompute), batch)
    # The hooks of checkpointing are inner ones: what it saves never reaches those above.
    assert kept[1] < kept[0] / 3


def test_layout_and_fused_adam_are_what_was_asked_for() -> None:
    """Read off the state itself."""
    state = new_state(tiny_recipe(), CPU, Execution(channels_last=True, fused_adam=True))
    convolutions = [m.weight for m in state.model.modules() if isinstance(m, nn.Conv2d)]
    wide = [w for w in convolutions if w.shape[1] > 1 and w.shape[2] > 1]
    assert wide
    assert all(w.is_contiguous(memory_format=torch.channels_last) for w in wide)
    assert state.optimizer.fused is True
