"""A world is the processes that train one run together, each with its rows of every batch.

`torchrun` starts them and tells each its rank; without it a process is a world of its own, in
which nothing here communicates.
"""

import contextlib
import os
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta

import torch
import torch.distributed as dist
from torch import Tensor
from torch.distributed.distributed_c10d import PrefixStore, Store
from torch.distributed.rendezvous import rendezvous

from flatdiff.errors import TrainingError

# What torch's backends put into an error of theirs; a bug of ours is no lost connection.
LOST = ("gloo", "nccl", "connection", "socket")
VARIABLES = {"RANK": "0", "WORLD_SIZE": "1"}  # and what they are where nobody has set them
ALONE_HINT = "unset RANK and WORLD_SIZE to train alone"
MEETING_S = 60  # until all processes are there


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
    """As torchrun's variables say, before anybody has met; alone without them.

    Raises:
        TrainingError: they say what cannot be.
    """
    words = {name: os.environ.get(name, default) for name, default in VARIABLES.items()}
    try:
        rank, size = (int(word) for word in words.values())
    except ValueError:
        rank, size = -1, -1
    if not 0 <= rank < size:
        said = ", ".join(f"{name}={word}" for name, word in words.items())
        raise TrainingError(
            f"{said} is set, which says nothing of processes that train together; {ALONE_HINT}"
        )
    return World(rank, size) if size > 1 else ALONE


def waiting(world: World) -> str:
    """What is waited for where processes meet, and how not to."""
    place = f"{os.environ.get('MASTER_ADDR', '?')}:{os.environ.get('MASTER_PORT', '?')}"
    return (
        f"process {world.rank} of {world.size} waits for the others at {place}, for {MEETING_S} s "
        f"at most; {ALONE_HINT}"
    )


@contextlib.contextmanager
def joined(device: torch.device) -> Iterator[World]:
    """Meet the others that torchrun has started; alone at once where there are none.

    Raises:
        TrainingError: the others did not come, or one has ended before its time.
    """
    world = launched()
    if world.size == 1:
        yield world
        return
    store = _met(world)
    try:
        # Losses and gradients are where the network is; answers to `any` are on the processor.
        backend = "cpu:gloo,cuda:nccl" if device.type == "cuda" else "gloo"
        dist.init_process_group(backend, store=store, rank=world.rank, world_size=world.size)
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


def _met(world: World) -> Store:
    """Where the processes leave word for each other, as soon as it can be reached."""
    try:
        store, _, _ = next(rendezvous("env://", timeout=timedelta(seconds=MEETING_S)))
    except (RuntimeError, ValueError, KeyError) as error:
        why = str(error).splitlines()[0] if isinstance(error, ValueError) else "they did not come"
        raise TrainingError(f"{waiting(world)}: {why}") from None
    store.set_timeout(dist.default_pg_timeout)
    return PrefixStore("flatdiff", store)
