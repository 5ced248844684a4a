"""A diagonal block of the Hessian against the whole one."""

import pytest
import torch

from tests.landscape.test_curvature import columns, curvature_of, small_network


def test_a_block_is_cut_out_of_the_hessian() -> None:
    """Of two tensors of four; its gradient and its spectrum, too, from products as short as it."""
    net, x, y = small_network()
    whole = curvature_of(net, x, y, num_terms=2)
    part = whole.within(["0.bias", "4.weight"])
    kept = [range(s.start, s.start + s.shape.numel()) for s in part.slots]
    rows = torch.tensor([row for span in kept for row in span])
    assert len(part) == len(rows) == 2 + 24
    block = columns(whole)[rows][:, rows]
    unit = torch.eye(len(part)).double()
    found = torch.stack([part.hessian_vector_product(row) for row in unit], dim=1)
    torch.testing.assert_close(found, block)
    torch.testing.assert_close(part.gradient(), whole.gradient()[rows])
    top = part.lanczos(len(part), seed=0).nodes[-1]
    assert top == pytest.approx(float(torch.linalg.eigvalsh(block)[-1]), rel=1e-6)
