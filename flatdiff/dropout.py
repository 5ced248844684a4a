"""Dropout by rows: whoever computes some rows of a batch drops what the whole batch would.

So a batch that is cut into parts, or shared out to processes, is trained as if it were not.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class Dropout(nn.Dropout):
    """torch's, with the mask of a whole batch of which the input may be a part."""

    part: tuple[int, int] | None = None  # first row, rows of the batch; None: the input is whole

    def forward(self, input: Tensor) -> Tensor:  # noqa: A002  (the parent's name)
        """Same shape out as in, (B, ...)."""
        first, rows = self.part or (0, len(input))
        as_ever = self.part is None and input.is_contiguous()
        if as_ever or not self.training or self.p == 0:
            return super().forward(input)
        # Masks are drawn in the order of memory: always that of rows, then pixels.
        whole = torch.ones((rows, *input.shape[1:]), dtype=input.dtype, device=input.device)
        mask = F.dropout(whole, self.p, training=True)[first : first + len(input)]
        return input * torch.empty_like(input).copy_(mask)


def take_part(model: nn.Module, rows: range, batch_size: int) -> None:
    """Tell every dropout of a network which rows of a batch it will see."""
    whole = len(rows) == batch_size
    for module in model.modules():
        if isinstance(module, Dropout):
            module.part = None if whole else (rows.start, batch_size)
