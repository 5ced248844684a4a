"""Derivatives of losses whose Hessian is known, exact or by differences of the loss itself."""

import math
from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.func import functional_call

from flatdiff.checkpoints.recipe import PRESETS
from flatdiff.errors import CheckpointError
from flatdiff.landscape import subject as subject_module
from flatdiff.landscape.curvature import Curvature
from flatdiff.landscape.flat_weights import FlatWeights
from flatdiff.landscape.panel import Panel
from flatdiff.landscape.subject import Subject
from tests.subjects import (
    QuadraticSubject,
    card_of,
    digits_subject,
    linear_subject,
    random_hessians,
)
from tests.tiny import TINY, gaussian, random_network

FLAGS = {"one level": TINY, "two levels with attention": PRESETS["digits"].flags}


def curvature_of(net: nn.Module, x: Tensor, y: Tensor, num_terms: int = 1) -> Curvature:
    """Of the mean squared error of a network, in a number of equal terms."""

    def term(rows: slice, parameters: dict[str, Tensor]) -> Tensor:
        errors = functional_call(net, parameters, (x[rows],)) - y[rows]
        return errors.square().sum() / y.numel()

    size = len(x) // num_terms
    slices = [slice(start, start + size) for start in range(0, len(x), size)]
    return Curvature(
        FlatWeights(net), lambda: [lambda p, rows=rows: term(rows, p) for rows in slices]
    )


def columns(curvature: Curvature) -> Tensor:
    """The whole Hessian, product by product."""
    unit = torch.eye(len(curvature.weights)).to(curvature.weights.origin)
    return torch.stack([curvature.hessian_vector_product(row) for row in unit], dim=1)


def small_network() -> tuple[nn.Module, Tensor, Tensor]:
    """Convolution, group norm, SiLU, linear: ADM's own layers, 51 weights, float64, and data."""
    torch.manual_seed(0)
    net = nn.Sequential(
        nn.Conv2d(1, 2, 3), nn.GroupNorm(1, 2), nn.SiLU(), nn.Flatten(), nn.Linear(8, 3)
    ).double()
    return net, gaussian(6, 1, 4, 4).double(), gaussian(6, 3, seed=1).double()


def exact_hessian(net: nn.Module, x: Tensor, y: Tensor) -> Tensor:
    """The full Hessian, by torch itself, of the loss as a function of one flat vector."""
    named = dict(net.named_parameters())
    flat = torch.cat([tensor.detach().flatten() for tensor in named.values()])

    def loss(theta: Tensor) -> Tensor:
        parts = theta.split([tensor.numel() for tensor in named.values()])
        shaped = {
            name: part.view(tensor.shape)
            for part, (name, tensor) in zip(parts, named.items(), strict=True)
        }
        return (functional_call(net, shaped, (x,)) - y).square().mean()

    return torch.autograd.functional.hessian(loss, flat)  # pyright: ignore[reportReturnType]


@pytest.mark.parametrize("num_terms", [1, 2, 6])
def test_products_are_those_of_the_exact_hessian(num_terms: int) -> None:
    """torch.autograd.functional.hessian differentiates row by row, without our product."""
    net, x, y = small_network()
    exact = exact_hessian(net, x, y)
    found = columns(curvature_of(net, x, y, num_terms))
    torch.testing.assert_close(found, exact, rtol=1e-9, atol=1e-12)
    torch.testing.assert_close(found, found.T, rtol=1e-9, atol=1e-12)


def test_linear_regression_on_gaussian_data() -> None:
    """The Hessian is 2 X^T X / N whatever the targets, and near 2 Sigma for many draws."""
    spread = torch.tensor([3.0, 1.0, 0.5, 0.1]).double()
    x, y = gaussian(20_000, 4).double() * spread, gaussian(20_000, 1, seed=1).double()
    net = nn.Linear(4, 1, bias=False).double()
    curvature = curvature_of(net, x, y, 4)
    torch.testing.assert_close(columns(curvature), 2 * x.T @ x / 20_000)
    pairs = curvature.eigenpairs(2, 0, 1e-6)
    np.testing.assert_allclose(pairs.values, [18, 2], rtol=0.04)
    slope = 2 * x.T @ (net(x) - y) / 20_000
    torch.testing.assert_close(curvature.gradient(), slope.detach().flatten())


def test_random_feature_network() -> None:
    """Only the outer layer has weights: 2/N Phi^T Phi over the features, a block an output."""
    features = torch.tanh(gaussian(50, 3, seed=2) @ gaussian(3, 12)).double()
    net = nn.Linear(12, 2).double()
    curvature = curvature_of(net, features, gaussian(50, 2, seed=3).double(), 5)
    gram = 2 * features.T @ features / 100
    means = 2 * features.mean(dim=0) / 2
    expected = torch.zeros(26, 26).double()
    for output in range(2):
        block, bias = slice(12 * output, 12 * output + 12), 24 + output
        expected[block, block], expected[bias, bias] = gram, 1
        expected[block, bias] = expected[bias, block] = means
    torch.testing.assert_close(columns(curvature), expected)
    values = np.linalg.eigvalsh(expected.numpy())
    found = curvature.eigenpairs(3, 0, 1e-8).values
    np.testing.assert_allclose(found, values[::-1][:3], rtol=1e-6)
    run = curvature.lanczos(26, 0)  # every eigenvalue is there twice, once an output
    np.testing.assert_allclose(run.nodes[-1], values[-1], rtol=1e-9)


def loss_of(subject: Subject) -> float:
    """The panel's mean loss at the current point, forward only."""
    tensors = {slot.name: slot.of(subject.weights.theta) for slot in subject.weights.slots}
    return float(sum(term(tensors) for term in subject.curvature.terms()))


@pytest.mark.parametrize("name", FLAGS)
def test_derivatives_of_the_real_network_by_differences(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In float64 throughout; the loss along a line knows nothing of backward passes."""
    monkeypatch.setattr(Tensor, "float", Tensor.double)
    model = random_network(FLAGS[name]).double()
    subject = Subject(card_of(FLAGS[name]), model, Panel(size=4))
    direction = subject.direction(0, 0, "filter").double()
    step, losses, slopes = 1e-4, [], []
    for factor in (-step, 0.0, step):
        with subject.at((factor, direction)):
            losses.append(loss_of(subject))
            slopes.append(subject.curvature.gradient())
    product = subject.curvature.hessian_vector_product(direction)
    assert product.dtype == torch.float64
    low, middle, high = losses
    assert slopes[1] @ direction == pytest.approx((high - low) / (2 * step), rel=1e-4)
    assert product @ direction == pytest.approx((high - 2 * middle + low) / step**2, rel=1e-3)
    torch.testing.assert_close((slopes[2] - slopes[0]) / (2 * step), product, rtol=1e-4, atol=1e-4)


def test_its_loss_is_the_panels() -> None:
    """What is differentiated is what is measured."""
    subject = digits_subject(6)
    assert loss_of(subject) == pytest.approx(subject.losses().mean(), rel=1e-6)


@pytest.mark.parametrize("batch", [1, 4])
def test_batches_add_up(batch: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Batches that do not divide the panel are the risk; the weight of each is its share."""
    subject = digits_subject(6)
    vector = subject.direction(0, 0, "filter")
    whole = subject.curvature.hessian_vector_product(vector), subject.curvature.gradient()
    values = TINY.num_channels * TINY.image_size**2
    monkeypatch.setattr(subject_module, "MAX_GRAPH_VALUES", batch * values)
    assert len(list(subject.curvature.terms())) == math.ceil(6 / batch)
    parts = subject.curvature.hessian_vector_product(vector), subject.curvature.gradient()
    for part, one in zip(parts, whole, strict=True):
        torch.testing.assert_close(part, one, rtol=1e-4, atol=1e-5 * float(one.abs().max()))


def test_weights_and_losses_are_untouched() -> None:
    """By bits, gradients and flags; another answer afterwards would betray any residue."""
    subject = digits_subject()
    before, losses = subject.weights.theta.clone(), subject.losses()
    subject.curvature.gradient()
    subject.curvature.hessian_vector_product(torch.ones(len(before)))
    subject.curvature.lanczos(3, 0)
    assert torch.equal(subject.weights.theta, before)
    assert torch.equal(subject.weights.origin, before)
    for parameter, slot in zip(subject.model.parameters(), subject.weights.slots, strict=True):
        assert parameter.grad is None
        assert parameter.data_ptr() == slot.of(subject.weights.theta).data_ptr()
    assert np.array_equal(subject.losses(), losses)


def test_weights_are_untouched_after_a_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    """What runs out of memory in the middle of a pass is followed by other tiles."""
    subject = digits_subject()
    before, losses = subject.weights.theta.clone(), subject.losses()
    with monkeypatch.context() as patched:
        patched.setattr(subject.model.get_submodule("out.2"), "forward", lambda h: h.no_such)
        with pytest.raises(AttributeError):
            subject.curvature.hessian_vector_product(torch.ones(len(before)))
    assert torch.equal(subject.weights.theta, before)
    assert np.array_equal(subject.losses(), losses)


def test_derivatives_are_taken_where_the_weights_are() -> None:
    """A parabola's slope at an offset d is A d + g; its Hessian is the same everywhere."""
    subject = QuadraticSubject(random_hessians(), torch.ones(3, 20))
    mean = subject.hessians.mean(dim=0)
    step = subject.direction(0, 0, "none")
    for factor in (0.0, 0.7):
        with subject.at((factor, step)):
            expected = factor * mean @ step.double() + 1
            torch.testing.assert_close(subject.curvature.gradient(), expected)
            torch.testing.assert_close(columns(subject.curvature), mean)


def test_eigenvectors_are_axes() -> None:
    """Unit norm, orthogonal, equal bits from another subject, stretched by the real Hessian."""
    subject, other = digits_subject(), digits_subject()
    found = subject.eigenvectors(2, 0)
    values = subject.curvature.eigenpairs(2, 0, 1e-3).values
    for vector, again, value in zip(found, other.eigenvectors(2, 0), values, strict=True):
        assert torch.equal(vector, again)
        assert float(vector.norm()) == pytest.approx(1, abs=1e-5)
        assert float(vector[vector.abs().argmax()]) > 0
        stretched = subject.curvature.hessian_vector_product(vector)
        assert float((stretched - value * vector).norm()) < 1e-3 * value
    assert abs(float(found[0] @ found[1])) < 1e-4


def test_loss_rises_most_along_the_first_eigenvector() -> None:
    """Half lambda s^2 on a parabola of known matrix, above and on both sides of the middle."""
    hessians = random_hessians()
    subject = QuadraticSubject(hessians)
    top = np.linalg.eigvalsh(hessians.double().mean(dim=0).numpy())[-1]
    (vector,) = subject.eigenvectors(1, 0)
    base = subject.losses().mean()
    for side in (-0.3, 0.3):
        with subject.at((side, vector)):
            assert subject.losses().mean() - base == pytest.approx(top * 0.045, rel=1e-6)


def test_search_can_be_ended_and_begun_again() -> None:
    """What a cancelled tile leaves behind must not be taken for an answer."""
    subject, left = QuadraticSubject(random_hessians()), [3]

    def count_down() -> None:
        left[0] -= 1
        if left[0] == 0:
            raise InterruptedError

    subject.curvature.between_products = count_down
    for _ in range(2):
        left[0] = 3
        with pytest.raises(InterruptedError):
            subject.eigenvectors(1, 0)
    found, fresh = subject.eigenvectors(1, 0), QuadraticSubject(random_hessians())
    assert torch.equal(found[0], fresh.eigenvectors(1, 0)[0])


def nan_weights() -> Subject:
    """Loaded from a file that a failed training left behind."""
    subject = digits_subject()
    subject.weights.theta[5] = subject.weights.origin[5] = float("nan")
    return subject


@pytest.mark.parametrize("make", [nan_weights, linear_subject])
def test_no_axes_where_there_is_no_curvature(make: Callable[[], Subject]) -> None:
    """A sentence that says what to do, and no axis of NaN."""
    with pytest.raises(CheckpointError, match="choose other axes"):
        make().eigenvectors(2, 0)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU here")
def test_products_on_a_gpu_are_those_on_the_cpu() -> None:
    """The same network and panel; other kernels, other rounding."""
    flags = FLAGS["two levels with attention"]
    subject = digits_subject(6, flags=flags)
    moved = Subject(subject.card, digits_subject(6, flags=flags).model.cuda(), subject.panel)
    vector = subject.direction(0, 0, "filter")
    here = subject.curvature.hessian_vector_product(vector)
    there = moved.curvature.hessian_vector_product(vector.cuda()).cpu()
    assert float((there - here).norm() / here.norm()) < 2e-3
    one, other = (s.curvature.eigenpairs(1, 0, 1e-3).values for s in (subject, moved))
    np.testing.assert_allclose(one, other, rtol=1e-3)


def test_agrees_with_hessian_eigenthings() -> None:
    """Another author's products and Lanczos on the same network and data."""
    reference = pytest.importorskip(
        "hessian_eigenthings", reason="pip install hessian-eigenthings==1.0.0a5 to compare with it"
    )
    net, x, y = small_network()
    operator = reference.HessianOperator(
        net, [(x[:3], y[:3]), (x[3:], y[3:])], reference.supervised_loss(nn.functional.mse_loss)
    )
    vector = gaussian(51).double()
    theirs = operator.matvec(vector)
    eigen = reference.lanczos(operator, k=3, max_iter=50, which="LA", reorthogonalize=True)
    curvature = curvature_of(net, x, y, 3)
    torch.testing.assert_close(curvature.hessian_vector_product(vector), theirs.detach())
    found = curvature.eigenpairs(3, 0, 1e-8).values
    np.testing.assert_allclose(found, eigen.eigenvalues.numpy(), rtol=1e-6)
