"""An execution is how steps are computed: time, memory and rounding, never what is computed.

It is no part of a recipe, since another execution of the same recipe differs by rounding alone; it
is noted beside the versions and the device, because equal bits need it equal.
"""

import dataclasses
from dataclasses import dataclass

from flatdiff.config import require


@dataclass(frozen=True, kw_only=True)
class Execution:
    """What one process does with its rows of a batch."""

    accumulate: int = 1  # parts that they are cut into, one after another; gradients add up
    recompute_activations: bool = False  # on the way back, instead of keeping them
    channels_last: bool = False  # memory layout of weights and activations
    fused_adam: bool = False  # one kernel for all weights
    compile_network: bool = False  # by torch.compile: minutes, before the first step

    def __post_init__(self) -> None:
        whole = isinstance(self.accumulate, int) and self.accumulate >= 1
        require(whole, "accumulate", "an integer of at least 1", self.accumulate)

    def changed(self) -> dict[str, str]:
        """What is not as it is anyway, as text."""
        return {
            field.name: str(getattr(self, field.name))
            for field in dataclasses.fields(self)
            if getattr(self, field.name) != field.default
        }
