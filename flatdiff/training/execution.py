"""An execution is how steps are computed: time, memory and rounding, never what is computed.

It is no part of a recipe, since another execution of the same recipe differs by rounding alone; it
is noted beside the versions and the device, because equal bits need it equal.
"""

import dataclasses
from dataclasses import dataclass

from flatdiff.checkpoints.recipe import Recipe
from flatdiff.settings import require


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


def shards_of_process(recipe: Recipe, execution: Execution, processes: int) -> int:
    """How many of SAM's shards of each batch one of several processes computes; 1 without SAM.

    Raises:
        SettingsError: rows, shards or parts would be unequal.
    """
    shards = recipe.sam_shards if recipe.method == "sam" else 1
    even = shards == 1 or shards % processes == 0
    require(even, "sam_shards", f"1 or a multiple of {processes}, the processes", shards)
    here = max(1, shards // processes)
    pieces = processes * here * execution.accumulate
    expected = (
        f"a multiple of {pieces}: {processes} processes, {here} shards in each, "
        f"{execution.accumulate} parts of a shard"
    )
    require(recipe.batch_size % pieces == 0, "batch_size", expected, recipe.batch_size)
    return here
