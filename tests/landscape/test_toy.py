"""The toy loss by differences and quadrature, its training by the training code's own parts."""

import dataclasses

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import nn

from flatdiff.checkpoints.recipe import make_recipe
from flatdiff.landscape import toy
from flatdiff.training import sam
from flatdiff.training.averaging import new_averages, update_averages

POINTS = np.random.default_rng(0).uniform(-3, 3, (40, 2))
START = np.array([-2.4, 1.3])


def noise_of(steps: int = 150, size: float = 0.4, seed: int = 0) -> NDArray[np.float64]:
    """As the page draws it."""
    return size * np.random.default_rng(seed).standard_normal((steps, 2))


def run(sam_rho: float, start: NDArray[np.float64] = START, seed: int = 0) -> NDArray[np.float64]:
    """The path with the page's defaults."""
    return toy.path_of(list(toy.train(toy.gradient, start, noise_of(seed=seed), 0.1, sam_rho)))


def test_gradient_by_central_differences() -> None:
    """Of the loss itself, along both axes."""
    step = 1e-6
    for axis in np.eye(2):
        slope = (toy.loss(POINTS + step * axis) - toy.loss(POINTS - step * axis)) / (2 * step)
        np.testing.assert_allclose(toy.gradient(POINTS) @ axis, slope, atol=1e-8)


def test_smoothed_loss_by_quadrature() -> None:
    """Gauss-Hermite sums over both axes: exact to far more digits than asked for."""
    nodes, weights = np.polynomial.hermite_e.hermegauss(60)
    offsets = np.stack(np.meshgrid(nodes, nodes), axis=-1)
    products = np.outer(weights, weights) / (2 * np.pi)
    for sigma in (0.1, 0.3):
        for point in POINTS[:10]:
            expected = (toy.loss(point + sigma * offsets) * products).sum()
            assert toy.smoothed_loss(point, sigma) == pytest.approx(expected, rel=1e-6)


def test_sharp_minimum_is_the_deeper_and_the_more_curved_one() -> None:
    """From the picture that the page promises: a student must not see SGD find the worse loss."""
    assert toy.loss(toy.SHARP) < toy.loss(toy.FLAT)
    assert toy.smoothed_loss(toy.SHARP, 0.3) > toy.smoothed_loss(toy.FLAT, 0.3)
    assert toy.in_sharp_valley(np.array([toy.SHARP, toy.FLAT, START])).tolist() == [
        True,
        False,
        True,
    ]


def test_step_on_a_linear_loss() -> None:
    """One gradient everywhere: up by rho along it, down as SGD steps; (3, 4) has norm 5."""
    slope = np.array([3.0, 4.0])
    step = toy.sam_step(lambda _: slope, np.array([1.0, 2.0]), 0.1, 1.0)
    np.testing.assert_allclose(step.ascended, [1.6, 2.8])
    np.testing.assert_allclose(step.after, [0.7, 1.6])


def test_step_on_a_quadratic_loss() -> None:
    """The gradient at theta + e is A (theta + e); the step starts from theta."""
    matrix, theta = np.array([[2.0, 0.5], [0.5, 1.0]]), np.array([0.3, -0.7])
    step = toy.sam_step(lambda point: matrix @ point, theta, 0.2, 0.5)
    gradient = matrix @ theta
    ascended = theta + 0.5 * gradient / np.sqrt(gradient @ gradient)
    np.testing.assert_allclose(step.ascended_gradient, matrix @ ascended)
    np.testing.assert_allclose(step.after, theta - 0.2 * matrix @ ascended)


def test_no_slope_moves_nothing_and_no_rho_is_sgd() -> None:
    """0/0 would be NaN."""
    still = toy.sam_step(np.zeros_like, START, 0.1, 1.0)
    assert (still.after == START).all()
    plain = toy.sam_step(toy.gradient, START, 0.1, 0.0)
    np.testing.assert_array_equal(plain.after, START - 0.1 * toy.gradient(START))


def test_steps_are_those_of_the_training_code() -> None:
    """`flatdiff.training.sam` on a torch parameter, with the same gradients and batches."""
    parameter, rho, draws = nn.Parameter(torch.from_numpy(START.copy())), 1.0, noise_of(20)
    assert toy.EPS == sam.EPS

    def backward(row: NDArray[np.float64]) -> None:
        parameter.grad = torch.from_numpy(toy.gradient(parameter.detach().numpy()) + row)

    path = toy.path_of(list(toy.train(toy.gradient, START, draws, 0.1, rho)))
    for row, expected in zip(draws, path[1:], strict=True):
        backward(row)
        saved = sam.ascend([parameter], rho)
        backward(row)
        sam.descend([parameter], saved)
        torch.optim.SGD([parameter], lr=0.1).step()
        np.testing.assert_allclose(parameter.detach().numpy(), expected, rtol=1e-9)


def test_averages_are_those_of_the_training_code() -> None:
    """`flatdiff.training.averaging` is told of every point of a path, from the start on."""
    path = run(0.0)[:41]
    net = nn.Linear(2, 1, bias=False).double()
    recipe = make_recipe("digits", "adm", steps=40)
    recipe = dataclasses.replace(recipe, swa_start_step=20, swa_every_steps=1, ema_decay=0.9)

    def load(point: NDArray[np.float64]) -> None:
        with torch.no_grad():
            net.weight.copy_(torch.from_numpy(point)[None])

    load(path[0])
    averages = new_averages(net, recipe)
    for step, point in enumerate(path[1:], 1):
        load(point)
        update_averages(averages, net, recipe, step)
    for kind, expected in {"ema": toy.ema(path, 0.9)[-1], "swa": toy.swa(path, 20)}.items():
        found = next(averages[kind].module.parameters()).detach().numpy()[0]
        np.testing.assert_allclose(found, expected)


@pytest.mark.parametrize("seed", range(10))
def test_what_the_page_tells(seed: int) -> None:
    """Its sentences, for other draws of the noise than the one that is shown, too."""
    sgd, away = run(0.0, seed=seed), run(1.0, seed=seed)
    ends = np.array([sgd[-1], toy.ema(sgd, 0.95)[-1], toy.swa(sgd, 75), away[-1]])
    assert toy.in_sharp_valley(ends).tolist() == [True, True, True, False]
    assert toy.in_sharp_valley(run(0.1, seed=seed)[-1]), "a small rho changes nothing"
    inside = toy.SHARP
    assert toy.in_sharp_valley(run(0.0, inside, seed)[-1])
    assert not toy.in_sharp_valley(run(1.0, inside, seed)[-1])
    assert toy.loss(ends[2]) < toy.loss(sgd[75:]).mean(), "an average lies lower"


def test_without_noise_sam_halts_a_distance_rho_from_the_sharp_valley() -> None:
    """And SGD comes to rest: the last steps are shorter than anybody can see."""
    still = np.zeros((150, 2))
    rest = toy.path_of(list(toy.train(toy.gradient, START, still, 0.1, 0.0)))
    assert np.abs(rest[-1] - rest[-20]).max() < 1e-3
    held = toy.path_of(list(toy.train(toy.gradient, START, still, 0.1, 1.0)))
    assert np.linalg.norm(held[-1] - toy.SHARP) == pytest.approx(1.0, abs=0.2)
