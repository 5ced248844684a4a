"""A toy loss has two weights, a sharp minimum and a flat one: training small enough to watch.

L(theta) = 1/2 sum_i k_i (theta_i - flat_i)^2 + depth (1 - exp(-||theta - sharp||^2 / 2 width^2)):
a wide bowl with a narrow well in its side, whose floor lies a little lower than the bowl's. SAM,
EMA and SWA here are those of `flatdiff.training`, on two numbers in NumPy.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Place = NDArray[np.float64]  # (..., 2)
Gradient = Callable[[Place], Place]

EPS = 1e-12  # beside the norm of the gradient, as in `flatdiff.training.sam`

FLAT = np.array([1.0, -0.25])  # minimum of the bowl
CURVATURES = np.array([0.4, 0.6])  # k of the bowl
SHARP = np.array([-1.0, 0.25])  # centre of the well
WIDTH = 0.3
DEPTH = 0.95


def loss(theta: Place) -> NDArray[np.float64]:
    """L at points (..., 2)."""
    return smoothed_loss(theta, 0.0)


def gradient(theta: Place) -> Place:
    """Of L, in closed form."""
    offset = theta - SHARP
    well = np.exp(-np.square(offset).sum(-1, keepdims=True) / (2 * WIDTH**2))
    return CURVATURES * (theta - FLAT) + DEPTH / WIDTH**2 * offset * well


def smoothed_loss(theta: Place, sigma: float) -> NDArray[np.float64]:
    """LPF: the mean of L under Gaussian noise of standard deviation sigma on both weights.

    A quadratic rises by sigma^2 k / 2 an axis; a Gaussian well stays one, wider and shallower.
    """
    bowl = 0.5 * (CURVATURES * (np.square(theta - FLAT) + sigma**2)).sum(-1)
    variance = WIDTH**2 + sigma**2
    well = np.exp(-np.square(theta - SHARP).sum(-1) / (2 * variance)) * WIDTH**2 / variance
    return np.asarray(bowl + DEPTH * (1 - well))


@dataclass(frozen=True)
class Step:
    """One training step, from `theta` to `after`; every field is (2,)."""

    theta: Place
    gradient: Place  # at theta
    ascended: Place  # theta + rho g / ||g||
    ascended_gradient: Place  # at the ascended point
    after: Place  # theta - learning rate * ascended_gradient


def sam_step(gradient: Gradient, theta: Place, learning_rate: float, sam_rho: float) -> Step:
    """SAM (Foret et al. 2021, arXiv 2010.01412); rho = 0 is SGD."""
    here = gradient(theta)
    ascended = theta + sam_rho * here / (np.linalg.norm(here) + EPS)
    there = gradient(ascended)
    return Step(theta, here, ascended, there, theta - learning_rate * there)


def train(
    gradient: Gradient, start: Place, noise: Place, learning_rate: float, sam_rho: float
) -> Iterator[Step]:
    """One step for each row of the noise.

    Args:
        gradient: of the loss.
        start: (2,).
        noise: (steps, 2), added to the gradient: what a random batch does; both of SAM's
            gradients see the same batch.
        learning_rate: of the step down.
        sam_rho: of the step up; 0 for SGD.
    """
    theta = start
    for row in noise:
        step = sam_step(
            lambda point, row=row: gradient(point) + row, theta, learning_rate, sam_rho
        )
        yield step
        theta = step.after


def path_of(steps: Sequence[Step]) -> Place:
    """The points passed, (steps + 1, 2)."""
    return np.array([steps[0].theta, *(step.after for step in steps)])


def ema(path: Place, decay: float) -> Place:
    """theta_ema <- decay theta_ema + (1 - decay) theta after each step, from the start, (n, 2)."""
    averaged = [path[0]]
    for theta in path[1:]:
        averaged.append(decay * averaged[-1] + (1 - decay) * theta)
    return np.array(averaged)


def swa(path: Place, start_step: int) -> Place:
    """The equal-weight mean of the weights after steps start_step, start_step + 1, ..., (2,)."""
    return path[start_step:].mean(axis=0)


def in_sharp_valley(theta: Place) -> NDArray[np.bool_]:
    """Whether small steps straight downhill from points (..., 2) end in the sharp minimum."""
    point = theta
    for _ in range(400):
        point = point - 0.05 * gradient(point)
    to_sharp, to_flat = (np.linalg.norm(point - end, axis=-1) for end in (SHARP, FLAT))
    return np.asarray(to_sharp < to_flat)
