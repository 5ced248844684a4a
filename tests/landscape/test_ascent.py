"""Ascent within a ball: along a slope, up the sharpest direction, and whatever the scaling."""

import numpy as np
import pytest
import torch

from flatdiff.landscape.ascent import ascend
from flatdiff.landscape.flat_weights import FlatWeights
from tests.subjects import NUM_MEMBERS, NUM_WEIGHTS, QuadraticSubject, linear_subject


def bowl(top: float, slope: float) -> QuadraticSubject:
    """Curved by 1 along every weight, by more along the last; sloping along all alike."""
    hessian = torch.eye(NUM_WEIGHTS)
    hessian[-1, -1] = top
    hessians = hessian.expand(NUM_MEMBERS, -1, -1)
    return QuadraticSubject(hessians, torch.full((NUM_MEMBERS, NUM_WEIGHTS), slope))


def test_on_a_slope_every_step_stands_where_the_gradient_meets_the_border() -> None:
    """A linear loss: r ||theta|| g / ||g||, at once and for good."""
    subject = linear_subject()
    slope = subject.slopes.mean(dim=0)
    length = 0.1 * subject.weights.origin.norm()
    for delta in subject.ascent(0.1, 4, adaptive=False):
        torch.testing.assert_close(delta, length * slope / slope.norm())


def test_a_bowl_is_climbed_along_its_sharpest_direction() -> None:
    """However small the slope is that shows the way."""
    subject = bowl(top=4.0, slope=1e-6)
    *_, delta = subject.ascent(0.1, 30, adaptive=False)
    length = 0.1 * float(subject.weights.origin.norm())
    assert abs(float(delta[-1])) == pytest.approx(length, rel=1e-6)


def test_without_a_slope_there_is_no_way_up() -> None:
    """A minimum exactly; and a gradient that is no number."""
    for delta in bowl(top=4.0, slope=0.0).ascent(0.1, 3, adaptive=False):
        assert not delta.any()
    weights = FlatWeights(torch.nn.Linear(3, 1))
    (delta,) = ascend(weights, lambda: torch.full((4,), torch.nan), 0.1, 1, adaptive=False)
    assert not delta.any()


@pytest.mark.parametrize("adaptive", [False, True])
def test_it_stays_in_the_ball_and_the_weights_come_back(adaptive: bool) -> None:
    """Of the norm, or of the root mean square of delta / theta."""
    subject = bowl(top=4.0, slope=0.3)
    origin = subject.weights.theta.clone()
    for delta in subject.ascent(0.05, 6, adaptive=adaptive):
        share = (delta / origin).nan_to_num()  # what is zero does not move
        size = share.square().mean().sqrt() if adaptive else delta.norm() / origin.norm()
        assert float(size) == pytest.approx(0.05, rel=1e-9)
        assert torch.equal(subject.weights.theta, origin)


def test_an_adaptive_step_is_asams() -> None:
    """Kwon et al.'s Eq. 3 with T = |theta|: rho T² g / ||T g||."""
    subject = linear_subject()
    g, scale = subject.slopes.mean(dim=0), subject.weights.origin.abs()
    rho = 0.1 * NUM_WEIGHTS**0.5
    (delta,) = subject.ascent(0.1, 1, adaptive=True)
    np.testing.assert_allclose(delta, rho * scale**2 * g / (scale * g).norm(), rtol=1e-9)
