"""The loss of rounded weights: a quadratic loss knows it, and so does a second network."""

from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from flatdiff.landscape.quantization import Scheme, fake_quantize
from flatdiff.landscape.quantized_file import quantized_file
from flatdiff.measures.quantization import MEASURE, QuantizationSettings
from tests.subjects import QuadraticSubject, computed, digits_subject, random_hessians
from tests.tiny import TINY, random_network


def rounded(values: Tensor, **scheme: Any) -> Tensor:
    """One tensor, on its own."""
    return torch.from_numpy(fake_quantize(values.detach().float().numpy(), Scheme(**scheme)))


def test_quadratic_loss_of_rounded_weights() -> None:
    """The parabola at theta_q - theta, rounded tensor by tensor here; paired errors by NumPy."""
    subject = QuadraticSubject(random_hessians())
    result = computed(subject, "quantization", QuantizationSettings(bits=(8, 3, 2)))
    base = subject.truth(np.zeros(20))
    for position, bits in enumerate((32, 8, 3, 2)):
        theta = torch.cat([rounded(p, bits=bits).flatten() for p in subject.net.parameters()])
        offset = (theta - subject.weights.origin).numpy()
        losses = subject.truth(offset)
        assert result.loss[position] == pytest.approx(losses.mean(), rel=1e-9)
        assert result.rise[position] == pytest.approx((losses - base).mean(), abs=1e-9)
        spread = (losses - base).std(ddof=1) / 3**0.5
        assert result.rise_stderr[position] == pytest.approx(spread, abs=1e-9)
        relative = np.linalg.norm(offset) / np.linalg.norm(subject.weights.origin.numpy())
        assert result.relative_error[position] == pytest.approx(relative, abs=1e-7)
    assert result.bits == (32, 8, 3, 2)
    assert (result.rise[0], result.rise_stderr[0], result.relative_error[0]) == (0, 0, 0)


OPTIONS: list[dict[str, Any]] = [
    {},
    {"per_channel": True, "clipping": "mse"},
    {"symmetric": False},
]


@pytest.mark.parametrize("options", OPTIONS)
def test_network_with_rounded_tensors_has_that_loss(options: dict[str, Any]) -> None:
    """A second network whose state dict is rounded and loaded, without any flat vector."""
    settings = QuantizationSettings(bits=(4,), **options)
    result = computed(digits_subject(), "quantization", settings)
    model = random_network(TINY)
    model.load_state_dict(
        {k: rounded(v, bits=4, **options) for k, v in model.state_dict().items()}
    )
    losses = digits_subject(model=model).losses()
    assert result.loss[1] == losses.mean(dtype=np.float64)
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


@pytest.mark.parametrize("options", OPTIONS)
def test_sizes_are_those_of_files(options: dict[str, Any]) -> None:
    """The quantised file is made here from the network's own state dict."""
    subject = digits_subject()
    settings = QuantizationSettings(bits=(8, 2), **options)
    result = computed(subject, "quantization", settings)
    tensors = {name: value.numpy() for name, value in random_network(TINY).state_dict().items()}
    sizes = [
        len(quantized_file(subject.card, tensors, Scheme(bits=bits, **options))) for bits in (8, 2)
    ]
    assert result.file_bytes[1:].tolist() == sizes
    assert result.packed_bytes[1] == sizes[0], "8 bits are a byte: nothing to pack"
    counts = [values.size for values in tensors.values()]
    saved = sum(count - (count + 3) // 4 for count in counts)
    assert result.packed_bytes[2] == sizes[1] - saved
    assert 0 < result.file_bytes[0] - 4 * sum(counts) < 20_000, "float32 and a header"
