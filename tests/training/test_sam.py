"""SAM where its perturbed point is known in closed form: constant gradients and quadratics."""

import pytest
import torch
from torch import Tensor, nn

from flatdiff.training.sam import ascend, descend
from tests.tiny import gaussian


def parameters_of(*shapes: tuple[int, ...]) -> list[nn.Parameter]:
    """Normal weights of these shapes."""
    return [nn.Parameter(gaussian(*shape, seed=i)) for i, shape in enumerate(shapes)]


def flat(tensors: list[Tensor] | list[nn.Parameter]) -> Tensor:
    """All entries in one row."""
    return torch.cat([tensor.detach().reshape(-1) for tensor in tensors])


@pytest.mark.parametrize("rho", [0.01, 0.1, 3.0])
@pytest.mark.parametrize("scale", [1e-6, 1.0, 1e6])
def test_ascent_of_a_linear_loss_is_rho_along_its_slope(rho: float, scale: float) -> None:
    """A linear loss has one gradient everywhere: the step is rho times it over its 2-norm."""
    parameters = parameters_of((4, 3), (5,), (2, 2, 2))
    slopes = [scale * gaussian(*p.shape, seed=9 + i) for i, p in enumerate(parameters)]
    torch.stack([(p * s).sum() for p, s in zip(parameters, slopes, strict=True)]).sum().backward()
    before = flat(parameters).clone()
    ascend(parameters, rho)
    slope = flat(slopes).double()
    expected = before + rho * slope / slope.square().sum().sqrt()
    torch.testing.assert_close(flat(parameters), expected.float(), rtol=1e-5, atol=1e-6)
    moved = (flat(parameters).double() - before.double()).norm().item()
    assert moved == pytest.approx(rho, rel=1e-3)


def test_descent_restores_every_bit() -> None:
    """Compared by bits; weights of mixed size would show the rounding of theta + e - e."""
    parameters = parameters_of((64, 64), (64,))
    with torch.no_grad():
        parameters[0].mul_(10 ** gaussian(64, 64, seed=5))
    before = [p.detach().clone() for p in parameters]
    torch.stack([(p**2).sum() for p in parameters]).sum().backward()
    saved = ascend(parameters, 0.1)
    assert not torch.equal(parameters[0], before[0])
    descend(parameters, saved)
    assert all(torch.equal(p, b) for p, b in zip(parameters, before, strict=True))


def test_gradient_of_a_quadratic_is_taken_at_the_perturbed_point() -> None:
    """For L = theta' A theta / 2 the gradient at theta + e is A (theta + e), all in float64."""
    root = gaussian(6, 6).double()
    matrix = root @ root.T
    parameters = [nn.Parameter(gaussian(6, seed=1).double())]

    def backward() -> None:
        parameters[0].grad = None
        (parameters[0] @ matrix @ parameters[0] / 2).backward()

    theta = parameters[0].detach().clone()
    backward()
    saved = ascend(parameters, 0.3)
    backward()
    descend(parameters, saved)
    gradient = matrix @ theta
    expected = matrix @ (theta + 0.3 * gradient / gradient.norm())
    torch.testing.assert_close(parameters[0].grad, expected)
    assert torch.equal(parameters[0], theta)


@pytest.mark.parametrize("gradient", ["zero", "none"])
def test_no_slope_moves_nothing(gradient: str) -> None:
    """0/0 would be NaN; a parameter that the loss does not use has no gradient at all."""
    parameters = parameters_of((3, 2), (4,))
    before = flat(parameters).clone()
    if gradient == "zero":
        torch.stack([(0 * p).sum() for p in parameters]).sum().backward()
    ascend(parameters, 0.1)
    assert torch.equal(flat(parameters), before)


def test_unused_parameter_stays_while_others_move() -> None:
    """By hand: gradient (3, 4) has norm 5, so rho = 1 moves by (0.6, 0.8)."""
    used, unused = nn.Parameter(torch.zeros(2)), nn.Parameter(torch.ones(2))
    (used @ torch.tensor([3.0, 4.0])).backward()
    ascend([used, unused], 1.0)
    torch.testing.assert_close(used.detach(), torch.tensor([0.6, 0.8]))
    assert unused.tolist() == [1.0, 1.0]
