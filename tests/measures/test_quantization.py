"""The loss of rounded weights: a quadratic loss knows it, and so does a second network."""

import numpy as np
import pytest
import torch

from flatdiff.measures.quantization import MEASURE, QuantizationSettings
from flatdiff.quantization import fake_quantize
from tests.subjects import QuadraticSubject, computed, digits_subject, random_hessians
from tests.tiny import TINY, random_network


def test_quadratic_loss_of_rounded_weights() -> None:
    """The parabola at theta_q - theta, rounded tensor by tensor here; paired errors by NumPy."""
    subject = QuadraticSubject(random_hessians())
    result = computed(subject, "quantization", QuantizationSettings(bits=(8, 3, 2)))
    base = subject.truth(np.zeros(20))
    for position, bits in enumerate((32, 8, 3, 2)):
        rounded = torch.cat(
            [fake_quantize(p.detach(), bits).flatten() for p in subject.net.parameters()]
        )
        offset = (rounded - subject.weights.origin).numpy()
        losses = subject.truth(offset)
        assert result.loss[position] == pytest.approx(losses.mean(), rel=1e-9)
        assert result.rise[position] == pytest.approx((losses - base).mean(), abs=1e-9)
        spread = (losses - base).std(ddof=1) / 3**0.5
        assert result.rise_stderr[position] == pytest.approx(spread, abs=1e-9)
        relative = np.linalg.norm(offset) / np.linalg.norm(subject.weights.origin.numpy())
        assert result.relative_error[position] == pytest.approx(relative, abs=1e-7)
    assert result.bits == (32, 8, 3, 2)
    assert (result.rise[0], result.rise_stderr[0], result.relative_error[0]) == (0, 0, 0)


def test_network_with_rounded_tensors_has_that_loss() -> None:
    """A second network whose state dict is rounded and loaded, without any flat vector."""
    result = computed(digits_subject(), "quantization", QuantizationSettings(bits=(4,)))
    model = random_network(TINY)
    model.load_state_dict({k: fake_quantize(v, 4) for k, v in model.state_dict().items()})
    rounded = digits_subject(model=model).losses()
    assert result.loss[1] == rounded.mean(dtype=np.float64)
    assert result.loss[0] == digits_subject().losses().mean(dtype=np.float64)


@pytest.mark.parametrize("present", [(), (0,), (1,), (0, 2), (1, 2)])
def test_partial_results(present: tuple[int, ...]) -> None:
    """A rise needs its reference; a loss stands alone."""
    subject, settings = QuadraticSubject(random_hessians()), QuantizationSettings(bits=(8, 4))
    items = MEASURE.items(settings)
    whole = computed(subject, "quantization", settings)
    some = MEASURE.assemble(
        settings, {k: MEASURE.evaluate(subject, settings, items[k]) for k in present}
    )
    there = np.isin(np.arange(3), present)
    assert np.array_equal(np.isfinite(some.loss), there)
    assert np.array_equal(np.isfinite(some.rise), there & (0 in present))
    assert np.array_equal(some.loss[there], whole.loss[there])
