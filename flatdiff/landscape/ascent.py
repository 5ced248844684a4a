"""Ascent climbs a loss within a ball around a checkpoint, towards the worst weights there are.

The first step is SAM's own (Foret et al. 2021, arXiv 2010.01412, Eq. 2): along the gradient to the
border of the ball. In an adaptive ball every weight is measured against its own size (Kwon et al.
2021, arXiv 2102.11600, Eq. 3): rescaling that leaves the function alone leaves the ball alone.
"""

from collections.abc import Callable, Iterator

import torch

from flatdiff.landscape.flat_weights import FlatWeights, Vector


def ascend(
    weights: FlatWeights,
    gradient: Callable[[], Vector],
    radius: float,
    num_steps: int,
    *,
    adaptive: bool,
) -> Iterator[Vector]:
    """Perturbations (P,) inside the ball, one a step, each climbing from the one before.

    Where the gradient is zero or no number, there is no way up, and the perturbation stays.

    Args:
        weights: at the checkpoint between steps.
        gradient: of the loss where the weights are when it is asked.
        radius: of the ball: its share of ||theta||; adaptive, the root mean square of how much
            weights change by their own size.
        num_steps: how many.
        adaptive: the kind of ball.
    """
    origin = weights.origin
    scale = origin.abs() if adaptive else torch.ones_like(origin)
    length = radius * (len(origin) ** 0.5 if adaptive else float(origin.double().norm()))
    place = torch.zeros_like(origin)  # in units of the scale
    for _ in range(num_steps):
        with weights.moved((1.0, scale * place)):
            slope = scale * gradient()
        steepness = float(slope.double().norm())
        if 0 < steepness < float("inf"):
            place = place + slope * (length / steepness)
            place = place * min(1.0, length / float(place.double().norm()))
        yield scale * place
