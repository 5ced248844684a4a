"""Weights as one point: views that alias, directions by their definition, filters by hand."""

import itertools

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from flatdiff.diffusion.unet import AdmUNet
from flatdiff.landscape.directions import (
    filter_scales,
    gaussian,
    normalize_direction,
    orthogonalize,
)
from flatdiff.landscape.flat_weights import FlatWeights, quantized_weights
from flatdiff.landscape.noise import Normalization
from flatdiff.landscape.quantization import Scheme
from tests.subjects import TINY, wide_weights
from tests.tiny import random_network


class Zoo(nn.Module):
    """One layer of every kind whose filters differ."""

    def __init__(self) -> None:
        super().__init__()
        self.conv2d = nn.Conv2d(2, 3, 3)
        self.conv1d = nn.Conv1d(2, 4, 1)
        self.linear = nn.Linear(5, 2)
        self.embedding = nn.Embedding(6, 3)
        self.norm = nn.GroupNorm(1, 4)


def zoo() -> tuple[Zoo, FlatWeights]:
    """With seeded weights."""
    torch.manual_seed(0)
    model = Zoo()
    return model, FlatWeights(model)


def named(weights: FlatWeights, vector: Tensor) -> dict[str, np.ndarray]:
    """A vector's tensors by name, in float64."""
    return {slot.name: slot.of(vector).double().numpy() for slot in weights.slots}


FILTERS = ("conv2d.weight", "conv1d.weight", "linear.weight", "embedding.weight")
FLAT = ("conv2d.bias", "conv1d.bias", "linear.bias", "norm.weight", "norm.bias")


@pytest.mark.parametrize("name", FILTERS)
def test_each_filter_of_a_direction_has_the_norm_of_the_weights(name: str) -> None:
    """Li et al.'s definition, filter by filter in NumPy, from the module's own parameters."""
    model, weights = zoo()
    direction = normalize_direction(weights, gaussian(len(weights), 0, 0), "filter")
    moved = named(weights, direction)[name]
    filters = model.get_parameter(name).detach().double().numpy()
    for row, origin in zip(moved, filters, strict=True):
        assert np.linalg.norm(row) == pytest.approx(np.linalg.norm(origin), rel=1e-5)
    drawn = named(weights, gaussian(len(weights), 0, 0))[name]
    for row, draw in zip(moved, drawn, strict=True):
        cosine = np.vdot(row, draw) / np.linalg.norm(row) / np.linalg.norm(draw)
        assert cosine == pytest.approx(1, abs=1e-6)


@pytest.mark.parametrize("name", FILTERS)
def test_each_tensor_of_a_layer_direction_has_the_norm_of_the_weights(name: str) -> None:
    """Per tensor, and not per filter: the filters' ratios are the draw's."""
    _, weights = zoo()
    draw = gaussian(len(weights), 0, 0)
    moved = named(weights, normalize_direction(weights, draw, "layer"))[name]
    origin, drawn = named(weights, weights.origin)[name], named(weights, draw)[name]
    assert np.linalg.norm(moved) == pytest.approx(np.linalg.norm(origin), rel=1e-5)
    assert moved == pytest.approx(drawn * np.linalg.norm(origin) / np.linalg.norm(drawn), rel=1e-5)


@pytest.mark.parametrize("name", FLAT)
@pytest.mark.parametrize("normalization", ["filter", "layer"])
def test_biases_and_norms_do_not_move(name: str, normalization: Normalization) -> None:
    """Li et al. ignore tensors of one dimension; the weights there are not zero."""
    _, weights = zoo()
    with torch.no_grad():
        weights.theta.add_(1)
    moved = normalize_direction(weights, gaussian(len(weights), 0, 0), normalization)
    assert not named(weights, moved)[name].any()
    assert named(weights, moved)["linear.weight"].all()


def test_no_normalization_leaves_the_draw() -> None:
    """A copy, so that moving it cannot change the draw."""
    _, weights = zoo()
    draw = gaussian(len(weights), 0, 0)
    moved = normalize_direction(weights, draw, "none")
    assert torch.equal(moved, draw)
    assert moved.data_ptr() != draw.data_ptr()


def test_zero_initialised_tensors_get_a_zero_direction() -> None:
    """A fresh ADM network has such tensors; 0/0 there must not become NaN or noise."""
    weights = FlatWeights(AdmUNet(TINY))
    direction = normalize_direction(weights, gaussian(len(weights), 0, 0), "filter")
    zero = [slot for slot in weights.slots if not slot.of(weights.origin).any()]
    assert any(slot.name == "out.2.weight" for slot in zero)
    assert all(not slot.of(direction).any() for slot in zero)
    assert direction.isfinite().all()


def test_draws_are_nearly_orthogonal() -> None:
    """Uniform draws on [0, 1), a known defect, have cosine 0.75; Gaussian ones 0 +- 1/sqrt(P)."""
    weights = FlatWeights(random_network(TINY))
    draws = [
        normalize_direction(weights, gaussian(len(weights), seed, index), "filter").double()
        for seed, index in itertools.product((0, 1), (0, 1))
    ]
    for one, other in itertools.combinations(draws, 2):
        assert abs(float(one @ other / one.norm() / other.norm())) < 0.03


def test_gaussian_is_standard_normal_and_depends_on_seed_and_index() -> None:
    """Moments of a million draws within five standard errors, and no two streams equal."""
    draw = gaussian(1_000_000, 3, 5).double()
    assert abs(float(draw.mean())) < 5e-3
    assert float(draw.var()) == pytest.approx(1, abs=5 * 2**0.5 * 1e-3)
    assert float((draw**4).mean()) == pytest.approx(3, abs=0.05)
    assert torch.equal(gaussian(1_000_000, 3, 5), draw.float())
    streams = {tuple(gaussian(4, s, i).tolist()) for s in range(20) for i in range(20)}
    assert len(streams) == 400


@pytest.mark.parametrize("length", [1e-3, 1.0, 40.0])
def test_orthogonal_whatever_the_norms(length: float) -> None:
    """Without the division by ||a||^2, a known defect, only length 1 passes."""
    d, a = gaussian(1000, 0, 0), gaussian(1000, 0, 1)
    a = a / a.norm() * length
    rest = orthogonalize(d, a).double()
    assert abs(float(rest @ a.double() / rest.norm() / a.double().norm())) < 1e-6
    q, _ = np.linalg.qr(np.stack([a.double().numpy(), d.double().numpy()], axis=1))
    assert abs(float(rest.numpy() @ q[:, 1])) == pytest.approx(float(rest.norm()), rel=1e-6)


def test_orthogonal_to_nothing_changes_nothing() -> None:
    """A network of zeros has zero directions; dividing by their norm would make NaN."""
    d = gaussian(10, 0, 0)
    assert torch.equal(orthogonalize(d, torch.zeros(10)), d)


def test_network_computes_with_the_flat_vector() -> None:
    """The output is that of a second module whose parameters are set one by one."""
    torch.manual_seed(0)
    model, twin = nn.Linear(3, 2), nn.Linear(3, 2)
    weights, x = FlatWeights(model), torch.ones(1, 3)
    for value in (0.5, -2.0):
        weights.theta.fill_(value)
        nn.init.constant_(twin.weight, value)
        nn.init.constant_(twin.bias, value)
        assert torch.equal(model(x), twin(x))
    assert [slot.name for slot in weights.slots] == ["weight", "bias"]


def test_a_point_is_computed_from_the_origin() -> None:
    """Walking there and back would add up roundings; the origin must be the same bits after."""
    weights = wide_weights(1000)
    before = weights.theta.clone()
    d, e = gaussian(1000, 0, 1), gaussian(1000, 0, 2)
    for _ in range(50):
        with weights.moved((0.3, d), (-1.7, e)):
            expected = before.double() + 0.3 * d.double() - 1.7 * e.double()
            assert torch.allclose(weights.theta.double(), expected, atol=1e-6)
        assert torch.equal(weights.theta, before)
    assert torch.equal(weights.origin, before)


def test_other_weights_only_inside() -> None:
    """NaN included: a point that spoils everything must leave no trace."""
    weights = wide_weights(10)
    before = weights.theta.clone()
    with weights.replaced(torch.full((10,), float("nan"))):
        assert weights.theta.isnan().all()
    assert torch.equal(weights.theta, before)


def test_filter_scales_by_hand() -> None:
    """||w_f|| + |b_f| of numbers chosen so that every root is whole."""
    net = nn.Sequential(nn.Linear(2, 2), nn.Conv1d(1, 1, 2, bias=False), nn.GroupNorm(1, 2))
    for parameter, values in zip(
        net.parameters(),
        ([[3.0, 4.0], [6.0, 8.0]], [-1.0, 2.0], [[[5.0, 12.0]]], [2.0, -3.0], [-1.0, 4.0]),
        strict=True,
    ):
        parameter.data = torch.tensor(values)
    found = named(weights := FlatWeights(net), filter_scales(weights))
    assert found["0.weight"].tolist() == [[6, 6], [12, 12]]
    assert found["0.bias"].tolist() == [6, 12]
    assert found["1.weight"].tolist() == [[[13, 13]]]
    assert found["2.weight"].tolist() == [3, 7]
    assert found["2.bias"].tolist() == [3, 7]


def test_points_inside_each_other_start_at_the_origin_too() -> None:
    """The inner point is origin + e, not origin + d + e: walking is what the rule forbids."""
    weights = wide_weights(10)
    d, e = torch.ones(10), torch.full((10,), 2.0)
    with weights.moved((1.0, d)), weights.moved((1.0, e)):
        assert torch.equal(weights.theta, weights.origin + e)


@pytest.mark.parametrize(
    ("layer", "expected"),
    [
        (None, [1000, 0, -1000, 1000, -0.01, 0]),
        ("weight", [1000, 0, -1000, 1000, -0.01, 0.003]),
        ("bias", [1000, 1, -1000, 600, -0.01, 0]),
    ],
)
def test_each_tensor_is_rounded_on_its_own(layer: str | None, expected: list[float]) -> None:
    """By hand, 2 bits hold -s, 0 and s; one grid for all would round the small tensor to 0."""
    net = nn.Linear(2, 2)
    net.weight.data = torch.tensor([[1000.0, 1.0], [-1000.0, 600.0]])
    net.bias.data = torch.tensor([-0.01, 0.003])
    weights = FlatWeights(net)
    rounded = quantized_weights(weights, Scheme(bits=2), None if layer is None else (layer,))
    assert rounded.tolist() == pytest.approx(expected)
    assert weights.origin[1] == 1, "the origin is read, never changed"


def test_a_direction_within_a_tensor_is_nothing_elsewhere() -> None:
    """Its own entries, and zeros; what was given is not touched."""
    weights = FlatWeights(nn.Linear(2, 2))
    vector = torch.arange(1.0, 7.0)
    assert weights.only(vector, ["bias"]).tolist() == [0, 0, 0, 0, 5, 6]
    assert weights.only(vector, ["bias", "weight"]).tolist() == vector.tolist()
    assert weights.only(vector, []).tolist() == [0] * 6
