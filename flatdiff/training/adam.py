"""Adam (Kingma & Ba 2015, arXiv 1412.6980): a step by running means of gradient and square.

The arithmetic is torch's own `adam`; its class `torch.optim.Adam` is not used, because making one
imports torch's compiler, which takes as long as importing all the rest of torch.
"""

from collections.abc import Iterable, Mapping

import torch
from torch import Tensor, nn
from torch.optim.adam import adam

BETAS = (0.9, 0.999)
EPS = 1e-8
# By which names a state knows them; a step counts from 1 for each parameter.
STEP, MEAN, MEAN_SQUARE = "step", "exp_avg", "exp_avg_sq"


class Adam:
    """Steps some parameters; what it keeps of each begins with the first gradient it sees."""

    def __init__(
        self, parameters: Iterable[nn.Parameter], learning_rate: float, *, fused: bool = False
    ) -> None:
        """Nothing is kept yet.

        Args:
            parameters: in the order by which a state numbers them.
            learning_rate: alpha of the paper.
            fused: one kernel for all of them, which rounds differently.
        """
        self.parameters = list(parameters)
        self.learning_rate = learning_rate
        self.fused = fused
        self._kept: dict[int, dict[str, Tensor]] = {}

    @torch.no_grad()
    def step(self) -> None:
        """Move each parameter that has a gradient."""
        moved = {k: p for k, p in enumerate(self.parameters) if p.grad is not None}
        self._kept |= {k: self._fresh(p) for k, p in moved.items() if k not in self._kept}
        kept = [self._kept[k] for k in moved]
        adam(
            list(moved.values()),
            [p.grad for p in moved.values() if p.grad is not None],
            [slots[MEAN] for slots in kept],
            [slots[MEAN_SQUARE] for slots in kept],
            [],
            [slots[STEP] for slots in kept],
            fused=self.fused or None,  # None: what torch thinks best on this device
            amsgrad=False,
            beta1=BETAS[0],
            beta2=BETAS[1],
            lr=self.learning_rate,
            weight_decay=0.0,
            eps=EPS,
            maximize=False,
        )

    def tensors(self) -> dict[str, Tensor]:
        """What it keeps, as `restore` takes it: "2/exp_avg" belongs to the third parameter."""
        return {
            f"{k}/{name}": tensor.contiguous()
            for k, slots in self._kept.items()
            for name, tensor in slots.items()
        }

    def restore(self, tensors: Mapping[str, Tensor]) -> None:
        """Go on from what another one kept.

        Raises:
            KeyError: a tensor is missing.
            RuntimeError: one has another shape.
        """
        numbers = sorted({int(name.split("/")[0]) for name in tensors})
        self._kept = {k: self._fresh(self.parameters[k]) for k in numbers}
        for k, slots in self._kept.items():
            for name, tensor in slots.items():
                _fill(tensor, tensors[f"{k}/{name}"])

    def _fresh(self, parameter: nn.Parameter) -> dict[str, Tensor]:
        """Zeros, in memory as the parameter is; the kernel counts its steps on the device."""
        device = parameter.device if self.fused else "cpu"
        return {
            STEP: torch.zeros((), device=device),
            MEAN: torch.zeros_like(parameter),
            MEAN_SQUARE: torch.zeros_like(parameter),
        }


def _fill(tensor: Tensor, source: Tensor) -> None:
    """Where a copy alone would stretch one that is too small."""
    if tensor.shape != source.shape:
        raise RuntimeError(f"expected a shape {tuple(tensor.shape)}, got {tuple(source.shape)}")
    tensor.copy_(source)
