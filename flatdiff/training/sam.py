"""SAM (Foret et al. 2021, arXiv 2010.01412): step with the gradient from the worst point nearby.

`ascend` walks to theta + rho g/||g||, `descend` brings the exact weights back; the gradient taken
between the two is the base optimiser's to use.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

EPS = 1e-12  # keeps a zero gradient from dividing by zero


@torch.no_grad()
def ascend(parameters: Sequence[nn.Parameter], sam_rho: float) -> list[Tensor]:
    """Add rho g/||g||_2, the norm taken over all parameters together.

    Returns:
        Copies of the weights before, for `descend`.
    """
    saved = [parameter.clone() for parameter in parameters]
    gradients = [p.grad if p.grad is not None else torch.zeros_like(p) for p in parameters]
    scale = sam_rho / (nn.utils.get_total_norm(gradients) + EPS)
    for parameter, gradient in zip(parameters, gradients, strict=True):
        parameter.add_(gradient * scale)
    return saved


@torch.no_grad()
def descend(parameters: Sequence[nn.Parameter], saved: Sequence[Tensor]) -> None:
    """Restore the saved copies bit by bit; subtracting the ascent again would not."""
    for parameter, copy in zip(parameters, saved, strict=True):
        parameter.copy_(copy)
