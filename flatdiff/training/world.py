"""A world is the processes that train one run together, each with its rows of every batch.

`torchrun` starts them and tells each its rank; without it a process is a world of its own, in
which nothing here communicates.
"""

import contextlib
import os
from collections.abc import Iterator
from dataclasses import dataclass

import torch
import torch.distributed as dist
from torch import Tensor

from flatdiff.errors import TrainingError

# What torch's backends put into an error of theirs; a bug of ours is no lost connection.
LOST = ("gloo", "nccl", "connection", "socket")


@dataclass(frozen=True)
class World:
    """This process among the others."""

    rank: int = 0  # 0 leads: it alone writes
    size: int = 1

    @property
    def leads(self) -> bool:
        """Whether this process writes files and speaks for all."""
        return self.rank == 0

    def rows(self, batch_size: int) -> range:
        """Of a batch that all have drawn, those of this process; sizes are equal."""
        share = batch_size // self.size
        return range(self.rank * share, (self.rank + 1) * share)

    def gathered(self, values: Tensor) -> Tensor:
        """Everybody's rows, in the order of ranks; (B / size, ...) to (B, ...)."""
        if self.size == 1:
            return values
        parts = [torch.empty_like(values) for _ in range(self.size)]
        dist.all_gather(parts, values.contiguous())
        return torch.cat(parts)

    def any(self, said: bool) -> bool:
        """Whether one of all says so; the same answer everywhere."""
        if self.size == 1:
            return said
        answers = torch.tensor([int(said)])
        dist.all_reduce(answers, op=dist.ReduceOp.MAX)
        return bool(answers.item())


ALONE = World()


def launched() -> World:
    """As torchrun's variables say, before anybody has met; alone without them."""
    size = int(os.environ.get("WORLD_SIZE", "1"))
    return World(int(os.environ.get("RANK", "0")), size) if size > 1 else ALONE


@contextlib.contextmanager
def joined(device: torch.device) -> Iterator[World]:
    """Meet the others that torchrun has started; alone at once where there are none.

    Raises:
        TrainingError: another process has ended before its time.
    """
    world = launched()
    if world.size == 1:
        yield world
        return
    try:
        # Losses and gradients are where the network is; answers to `any` are on the processor.
        dist.init_process_group("cpu:gloo,cuda:nccl" if device.type == "cuda" else "gloo")
        yield world
    except RuntimeError as error:
        if not any(word in str(error).lower() for word in LOST):
            raise
        raise TrainingError(
            f"process {world.rank} of {world.size} has lost the others; their own words say why"
        ) from None
    finally:
        if dist.is_initialized():
            dist.destroy_process_group()
