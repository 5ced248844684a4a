"""Averages of weights against sums written out, with the snapshots kept by the test itself."""

import math

import numpy as np
import pytest
from torch import nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn, get_swa_multi_avg_fn

from flatdiff.checkpoints.averages import AVERAGES, Average, ema_share, swa_share
from flatdiff.checkpoints.recipe import Recipe
from flatdiff.training.averaging import new_averages, update_averages
from tests.tiny import gaussian, tiny_recipe


def walk(model: nn.Linear, recipe: Recipe) -> tuple[dict[str, AveragedModel], list[np.ndarray]]:
    """Averages along new weights at each step, and those weights with the initial ones first."""
    snapshots = [model.weight.detach().numpy().copy()]
    averages = new_averages(model, recipe)
    for step in range(1, recipe.steps + 1):
        model.weight.data.copy_(gaussian(*model.weight.shape, seed=100 + step))
        update_averages(averages, model, recipe, step)
        snapshots.append(model.weight.detach().numpy().copy())
    return averages, snapshots


def weight_of(average: AveragedModel) -> np.ndarray:
    """Of the one layer."""
    return average.state_dict()["module.weight"].numpy()


@pytest.mark.parametrize("decay", [0.0, 0.5, 0.999])
@pytest.mark.parametrize("steps", [1, 2, 7])
def test_ema_is_the_geometric_sum_from_the_initial_weights(decay: float, steps: int) -> None:
    """d^n w_0 + (1 - d) sum d^(n-i) w_i; a first update that copies would lose w_0 at n = 1."""
    recipe = tiny_recipe(steps=steps, ema_decay=decay, swa_start_step=1)
    averages, (initial, *snapshots) = walk(nn.Linear(3, 4), recipe)
    expected = decay**steps * initial + (1 - decay) * sum(
        decay ** (steps - i) * weights for i, weights in enumerate(snapshots, start=1)
    )
    np.testing.assert_allclose(weight_of(averages["ema"]), expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("count", [1, 2, 5, 20])
def test_swa_is_the_arithmetic_mean(count: int) -> None:
    """NumPy's mean of the snapshots in float64; the initial weights are none of them."""
    recipe = tiny_recipe(steps=count, swa_start_step=1, swa_every_steps=1)
    averages, (_, *snapshots) = walk(nn.Linear(3, 4), recipe)
    expected = np.mean([weights.astype(np.float64) for weights in snapshots], axis=0)
    np.testing.assert_allclose(weight_of(averages["swa"]), expected, rtol=1e-5, atol=1e-6)
    assert int(averages["swa"].n_averaged) == count


def test_both_have_the_bits_of_pytorchs_own() -> None:
    """Its functions for both, told of the same weights."""
    model = nn.Linear(3, 4)
    ema = AveragedModel(model, multi_avg_fn=get_ema_multi_avg_fn(0.9))
    ema.update_parameters(model)
    swa = AveragedModel(model, multi_avg_fn=get_swa_multi_avg_fn())
    recipe = tiny_recipe(steps=200, ema_decay=0.9, swa_start_step=20, swa_every_steps=3)
    averages = new_averages(model, recipe)
    for step in range(1, 201):
        model.weight.data.copy_(gaussian(*model.weight.shape, seed=step))
        update_averages(averages, model, recipe, step)
        ema.update_parameters(model)
        if step in range(20, 201, 3):
            swa.update_parameters(model)
    assert np.array_equal(weight_of(averages["ema"]), weight_of(ema))
    assert np.array_equal(weight_of(averages["swa"]), weight_of(swa))


def test_averages_are_their_own_weights() -> None:
    """Training on after an update must not move an average that was not told."""
    model = nn.Linear(3, 4)
    averages = new_averages(model, tiny_recipe())
    before = {kind: weight_of(average).copy() for kind, average in averages.items()}
    model.weight.data.add_(1)
    for kind, average in averages.items():
        assert np.array_equal(weight_of(average), before[kind])


def test_a_new_average_is_a_function_and_an_entry(monkeypatch: pytest.MonkeyPatch) -> None:
    """Karras et al. 2024 (EDM2), Eq. 127: beta_t = (1 - 1/t)^(gamma + 1), against its integral.

    The weights are w_i = i, whose average under the density t^gamma is (gamma + 1)/(gamma + 2) of
    the last, to the order of one step.
    """
    gamma, steps = 6.94, 500

    def power_share(recipe: Recipe, step: int) -> float:
        return 1 - (1 - 1 / max(step, 1)) ** (gamma + 1)

    entry = Average(title="power EMA", share=power_share, settings=())
    monkeypatch.setitem(AVERAGES, "power", entry)  # pyright: ignore[reportArgumentType]
    model = nn.Linear(1, 1)
    recipe = tiny_recipe(steps=steps, swa_start_step=1)
    averages = new_averages(model, recipe)
    for step in range(1, steps + 1):
        model.weight.data.fill_(step)
        update_averages(averages, model, recipe, step)
    expected = steps * (gamma + 1) / (gamma + 2)
    assert math.isclose(float(weight_of(averages["power"])[0, 0]), expected, rel_tol=4e-3)


@pytest.mark.parametrize(
    ("start", "every", "steps", "averaged"),
    [
        (5, 3, 12, [5, 8, 11]),
        (1, 1, 4, [1, 2, 3, 4]),
        (12, 100, 12, [12]),
        (10, 2, 12, [10, 12]),
    ],
)
def test_swa_steps_are_counted_by_hand(
    start: int, every: int, steps: int, averaged: list[int]
) -> None:
    """Every c steps from the start step, both ends included, written as lists."""
    recipe = tiny_recipe(steps=steps, swa_start_step=start, swa_every_steps=every)
    assert [step for step in range(steps + 1) if swa_share(recipe, step)] == averaged


def test_the_papers_swa_averages_201_models() -> None:
    """180,000, 180,100, .., 200,000: (200,000 - 180,000)/100 + 1, not Algorithm 1's i/c = 2000."""
    recipe = tiny_recipe(steps=200_000, swa_start_step=180_000)
    near = range(179_000, 200_001)
    assert sum(swa_share(recipe, step) is not None for step in near) == 201
    assert not any(swa_share(recipe, step) for step in range(0, 180_000, 50)), "none before"


def test_the_share_of_ema_is_what_its_decay_leaves() -> None:
    """By hand."""
    assert ema_share(tiny_recipe(ema_decay=0.75), 3) == 0.25
