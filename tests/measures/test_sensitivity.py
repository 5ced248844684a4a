"""One layer rounded alone: a quadratic loss knows its rise, and so does a second network."""

import numpy as np
import pytest
import torch

from flatdiff.errors import CheckpointError
from flatdiff.landscape.quantization import Scheme, fake_quantize
from flatdiff.measures.sensitivity import MEASURE, SensitivitySettings
from tests.subjects import QuadraticSubject, computed, digits_subject, random_hessians
from tests.tiny import TINY, random_network

# Of the network in QuadraticSubject: 8 weights of a convolution first, 4 of a linear map later.
LAYERS = {"0.weight": slice(0, 8), "2.weight": slice(14, 18)}


@pytest.mark.parametrize("bits", [2, 4])
def test_quadratic_rise_of_one_layer(bits: int) -> None:
    """The parabola at an offset that is not zero in one layer's place only; NumPy's errors."""
    subject = QuadraticSubject(random_hessians())
    settings = SensitivitySettings(layers=tuple(LAYERS), bits=bits)
    result = computed(subject, "sensitivity", settings)
    theta, base = subject.weights.origin.numpy(), subject.truth(np.zeros(20))
    for index, place in enumerate(LAYERS.values()):
        offset = np.zeros(20)
        own = theta[place].astype(np.float32)
        offset[place] = fake_quantize(own, Scheme(bits=bits)) - own
        change = subject.truth(offset) - base
        assert result.rise[index] == pytest.approx(change.mean(), abs=1e-7)
        spread = change.std(ddof=1) / 3**0.5
        assert result.rise_stderr[index] == pytest.approx(spread, abs=1e-7)
        relative = np.linalg.norm(offset) / np.linalg.norm(own)
        assert result.relative_error[index] == pytest.approx(relative, abs=1e-6)
    assert result.parameters.tolist() == [8, 4]
    assert result.loss == pytest.approx(base.mean())
    assert result.layers == tuple(LAYERS)


def test_network_with_one_rounded_tensor_has_that_loss() -> None:
    """A second network of which one tensor is rounded and loaded, without any flat vector."""
    name = "out.2.weight"
    settings = SensitivitySettings(layers=(name,), bits=2, per_channel=True)
    result = computed(digits_subject(), "sensitivity", settings)
    model = random_network(TINY)
    values = model.state_dict()[name].numpy()
    scheme = Scheme(bits=2, per_channel=True)
    model.load_state_dict({name: torch.from_numpy(fake_quantize(values, scheme))}, strict=False)
    change = digits_subject(model=model).losses() - digits_subject().losses()
    assert result.rise[0] == change.mean(dtype=np.float64)
    assert result.parameters[0] == values.size


def test_layers_that_are_not_there_are_named() -> None:
    """A mistyped name must not be measured as a layer that costs nothing."""
    settings = SensitivitySettings(layers=("out.2.weigth",))
    with pytest.raises(CheckpointError, match=r"no layer 'out.2.weigth'.*out\.2\.weight"):
        computed(digits_subject(), "sensitivity", settings)


@pytest.mark.parametrize("present", [(), (0,), (1,), (0, 2), (1, 2)])
def test_partial_results(present: tuple[int, ...]) -> None:
    """A rise needs its reference; error and size of a layer stand alone."""
    subject, settings = (
        QuadraticSubject(random_hessians()),
        SensitivitySettings(layers=tuple(LAYERS)),
    )
    items = MEASURE.items(settings)
    some = MEASURE.assemble(
        settings, {k: MEASURE.evaluate(subject, settings, items[k]) for k in present}
    )
    there = np.isin([1, 2], present)
    assert np.array_equal(np.isfinite(some.parameters), there)
    assert np.array_equal(np.isfinite(some.relative_error), there)
    assert np.array_equal(np.isfinite(some.rise), there & (0 in present))
    assert np.isfinite(some.loss) == (0 in present)
