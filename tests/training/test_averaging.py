"""Averages of weights against sums written out, with the snapshots kept by the test itself."""

import numpy as np
import pytest
import torch
from torch import nn

from flatdiff.training.averaging import is_swa_step, make_ema, make_swa
from tests.tiny import gaussian, tiny_recipe


def walk(model: nn.Linear, steps: int) -> list[np.ndarray]:
    """Set new weights, one at a time; the caller averages at each."""
    return [gaussian(*model.weight.shape, seed=100 + i).numpy() for i in range(steps)]


@pytest.mark.parametrize("decay", [0.0, 0.5, 0.999])
@pytest.mark.parametrize("steps", [0, 1, 2, 7])
def test_ema_is_the_geometric_sum_from_the_initial_weights(decay: float, steps: int) -> None:
    """d^n w_0 + (1 - d) sum d^(n-i) w_i; a first update that copies would lose w_0 at n = 1."""
    model = nn.Linear(3, 4)
    initial = model.weight.detach().numpy().copy()
    ema = make_ema(model, decay)
    snapshots = walk(model, steps)
    for weights in snapshots:
        model.weight.data.copy_(torch.from_numpy(weights))
        ema.update_parameters(model)
    expected = decay**steps * initial + (1 - decay) * sum(
        decay ** (steps - i) * weights for i, weights in enumerate(snapshots, start=1)
    )
    np.testing.assert_allclose(
        ema.state_dict()["module.weight"].numpy(), expected, rtol=1e-5, atol=1e-6
    )


@pytest.mark.parametrize("count", [1, 2, 5, 20])
def test_swa_is_the_arithmetic_mean(count: int) -> None:
    """NumPy's mean of the snapshots in float64; the initial weights are none of them."""
    model = nn.Linear(3, 4)
    swa = make_swa(model)
    snapshots = walk(model, count)
    for weights in snapshots:
        model.weight.data.copy_(torch.from_numpy(weights))
        swa.update_parameters(model)
    expected = np.mean([weights.astype(np.float64) for weights in snapshots], axis=0)
    np.testing.assert_allclose(
        swa.state_dict()["module.weight"].numpy(), expected, rtol=1e-5, atol=1e-6
    )
    assert int(swa.n_averaged) == count


def test_averages_are_their_own_weights() -> None:
    """Training on after an update must not move an average that was not told."""
    model = nn.Linear(3, 4)
    ema, swa = make_ema(model, 0.9), make_swa(model)
    before = [average.state_dict()["module.weight"].clone() for average in (ema, swa)]
    model.weight.data.add_(1)
    assert torch.equal(ema.state_dict()["module.weight"], before[0])
    assert torch.equal(swa.state_dict()["module.weight"], before[1])


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
    assert [step for step in range(1, steps + 1) if is_swa_step(recipe, step)] == averaged


def test_the_papers_swa_averages_201_models() -> None:
    """180,000, 180,100, .., 200,000: (200,000 - 180,000)/100 + 1, not Algorithm 1's i/c = 2000."""
    recipe = tiny_recipe(steps=200_000, swa_start_step=180_000)
    assert sum(is_swa_step(recipe, step) for step in range(200_001)) == 201
