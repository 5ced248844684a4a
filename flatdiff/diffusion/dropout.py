"""Dropout by rows: whoever computes some rows of a batch drops what the whole batch would.

So a batch that is cut into parts, or shared out to processes, is trained as if it were not.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class Dropout(nn.Dropout):
    """torch's, with the mask of a whole batch of which the input may be a part."""

    batch_size: int | None = None  # of the whole batch; None: the input is one
    first_row: Tensor | None = None  # (), of the input; a tensor, so that no compiler fixes it

    def forward(self, input: Tensor) -> Tensor:  # noqa: A002  (the parent's name)
        """Same shape out as in, (B, ...)."""
        as_ever = self.batch_size is None and input.is_contiguous()
        if as_ever or not self.training or self.p == 0:
            return super().forward(input)
        # Masks are drawn in the order of memory: always that of rows, then pixels.
        shape = (self.batch_size or len(input), *input.shape[1:])
        whole = torch.ones(shape, dtype=input.dtype, device=input.device)
        mask = F.dropout(whole, self.p, training=True)
        if self.batch_size is not None:
            assert self.first_row is not None, "set together"
            mask = mask[self.first_row + torch.arange(len(input), device=input.device)]
        return input * torch.empty_like(input).copy_(mask)


def take_part(model: nn.Module, rows: range, batch_size: int) -> None:
    """Tell every dropout of a network which rows of a batch it will see."""
    whole = len(rows) == batch_size
    first_row = torch.tensor(rows.start, device=next(model.parameters()).device)
    for module in model.modules():
        if isinstance(module, Dropout):
            module.batch_size = None if whole else batch_size
            if module.first_row is None:
                module.first_row = first_row.clone()
            module.first_row.copy_(first_row)
