"""Dropout by rows against torch's own on the whole batch."""

import pytest
import torch
from torch import Tensor, nn

from flatdiff.diffusion.dropout import Dropout, take_part
from tests.tiny import gaussian


class Dropping(nn.Module):
    """Two dropouts in a row, with a weight that says where they live."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(Dropout(0.3), nn.Conv2d(4, 4, 1), Dropout(0.5))

    def forward(self, x: Tensor) -> Tensor:
        """Same shape."""
        return self.layers(x)


def parts_of(model: nn.Module, x: Tensor, size: int) -> Tensor:
    """Each part from the same seed, put together."""
    found = []
    for first in range(0, len(x), size):
        rows = range(first, first + size)
        take_part(model, rows, len(x))
        torch.manual_seed(5)
        found.append(model(x[first : first + size]))
    return torch.cat(found)


@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
@pytest.mark.parametrize("size", [1, 3, 12])
def test_parts_drop_what_the_whole_batch_drops(size: int, layout: torch.memory_format) -> None:
    """The whole batch goes through torch's functional dropout, in its ordinary layout."""
    model, x = Dropping().train(), gaussian(12, 4, 5, 5)
    torch.manual_seed(5)
    first = nn.functional.dropout(x, 0.3)
    expected = nn.functional.dropout(model.layers[1](first), 0.5)
    assert 0.3 < (expected == 0).float().mean() < 0.7
    got = parts_of(model, x.contiguous(memory_format=layout), size)
    torch.testing.assert_close(got, expected)


def test_nothing_is_dropped_in_use() -> None:
    """In eval mode, whatever was trained before."""
    model, x = Dropping(), gaussian(4, 4, 5, 5)
    take_part(model, range(2, 4), 4)
    assert torch.equal(model.eval()(x), model.layers[1](x))


def test_all_parts_share_one_compiled_program() -> None:
    """Compiling takes minutes with a real network; `eager` is torch's back end for tests."""
    model, compiled = Dropping().train(), []

    def back_end(graph: torch.fx.GraphModule, _inputs: list[Tensor]) -> object:
        compiled.append(graph)
        return graph.forward

    model.compile(backend=back_end)
    parts_of(model, gaussian(12, 4, 5, 5), 2)
    assert len(compiled) == 1
