"""Adam against torch's own class, bit by bit, and against the formula where it is short."""

import pytest
import torch
from torch import Tensor, nn

from flatdiff.training.adam import Adam

RATE = 0.01


def parameters() -> list[nn.Parameter]:
    """A matrix, a kernel whose channels lie last in memory, and one without a gradient."""
    draw = torch.Generator().manual_seed(0)
    kernel = torch.randn(4, 3, 3, 3, generator=draw).to(memory_format=torch.channels_last)
    return [
        nn.Parameter(torch.randn(5, 7, generator=draw)),
        nn.Parameter(kernel),
        nn.Parameter(torch.randn(3, generator=draw)),
    ]


def give_gradients(own: list[nn.Parameter], step: int) -> None:
    """The third begins late, as a part of a network that was frozen at first."""
    draw = torch.Generator().manual_seed(1 + step)
    for k, parameter in enumerate(own):
        gradient = torch.empty_like(parameter).copy_(torch.randn(parameter.shape, generator=draw))
        parameter.grad = gradient if k < 2 or step > 2 else None


def walked(
    optimizer: Adam | torch.optim.Adam, own: list[nn.Parameter], steps: range
) -> list[Tensor]:
    """Where so many steps lead."""
    for step in steps:
        give_gradients(own, step)
        optimizer.step()
    return [parameter.detach().clone() for parameter in own]


@pytest.mark.parametrize("fused", [False, True])
def test_the_bits_are_those_of_torchs_class(fused: bool) -> None:
    """With one parameter that begins two steps late."""
    ours, theirs = parameters(), parameters()
    got = walked(Adam(ours, RATE, fused=fused), ours, range(6))
    want = walked(torch.optim.Adam(theirs, lr=RATE, fused=fused or None), theirs, range(6))
    assert all(torch.equal(a, b) for a, b in zip(got, want, strict=True))


def test_the_first_step_is_as_long_as_the_rate() -> None:
    """Both means are divided by their bias: alpha g / (|g| + eps), whatever g."""
    own = parameters()
    before = [parameter.detach().clone() for parameter in own]
    give_gradients(own, 9)
    Adam(own, RATE).step()
    for start, parameter in zip(before, own, strict=True):
        assert parameter.grad is not None
        expected = start - RATE * parameter.grad.sign()
        torch.testing.assert_close(parameter.detach(), expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("fused", [False, True])
def test_another_goes_on_with_the_same_bits(fused: bool) -> None:
    """From where the first one stood, before and after the late parameter has begun."""
    whole = parameters()
    want = walked(Adam(whole, RATE, fused=fused), whole, range(6))
    for pause in (2, 4):
        own = parameters()
        first = Adam(own, RATE, fused=fused)
        walked(first, own, range(pause))
        second = Adam(own, RATE, fused=fused)
        second.restore({name: tensor.clone() for name, tensor in first.tensors().items()})
        got = walked(second, own, range(pause, 6))
        assert all(torch.equal(a, b) for a, b in zip(got, want, strict=True))


def test_what_it_kept_must_be_whole() -> None:
    """A tensor that is missing, and one that a copy would have stretched."""
    own = parameters()
    kept = Adam(own, RATE)
    walked(kept, own, range(3))
    tensors = kept.tensors()
    with pytest.raises(KeyError, match="1/exp_avg_sq"):
        Adam(own, RATE).restore({k: v for k, v in tensors.items() if k != "1/exp_avg_sq"})
    with pytest.raises(RuntimeError, match=r"expected a shape \(5, 7\), got \(1,\)"):
        Adam(own, RATE).restore(tensors | {"0/exp_avg": torch.ones(1)})
