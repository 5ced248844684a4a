"""A timestep sampler draws the timesteps of a batch, and the weights that keep the mean loss.

The loss-second-moment sampler (Nichol & Dhariwal 2021, arXiv 2102.09672, Sec. 3.3) draws timesteps
in proportion to the root mean square of their latest losses. Its constants are guided-diffusion's.
"""

from abc import ABC, abstractmethod

import torch
from jaxtyping import Float, Int
from torch import Tensor

from flatdiff.checkpoints.recipe import TimestepSamplerName

HISTORY = 10  # losses remembered of each timestep
UNIFORM_SHARE = 0.001  # of the probability is spread evenly, so that none is forgotten


class TimestepSampler(ABC):
    """Over T timesteps."""

    @abstractmethod
    def draw(
        self, count: int, generator: torch.Generator
    ) -> tuple[Int[Tensor, " b"], Float[Tensor, " b"] | None]:
        """Timesteps in [0, T), and the weight of each one's loss; None: 1."""

    @abstractmethod
    def update(self, t: Int[Tensor, " b"], losses: Float[Tensor, " b"]) -> None:
        """Hear the unweighted losses of a step, in the order of the batch."""

    @abstractmethod
    def tensors(self) -> dict[str, Tensor]:
        """What a saved run must keep."""

    @abstractmethod
    def restore(self, tensors: dict[str, Tensor]) -> None:
        """Back from `tensors`.

        Raises:
            KeyError: a tensor is missing.
        """


class Uniform(TimestepSampler):
    """Every timestep alike."""

    def __init__(self, num_steps: int) -> None:
        self.num_steps = num_steps

    def draw(
        self, count: int, generator: torch.Generator
    ) -> tuple[Int[Tensor, " b"], Float[Tensor, " b"] | None]:
        """Without weights."""
        return torch.randint(self.num_steps, (count,), generator=generator), None

    def update(self, t: Int[Tensor, " b"], losses: Float[Tensor, " b"]) -> None:
        """Nothing is learnt."""

    def tensors(self) -> dict[str, Tensor]:
        """None."""
        return {}

    def restore(self, tensors: dict[str, Tensor]) -> None:
        """Nothing to restore."""


class LossSecondMoment(TimestepSampler):
    """Uniform until each timestep has been seen `HISTORY` times; on the processor, float64."""

    def __init__(self, num_steps: int) -> None:
        self.history = torch.zeros(num_steps, HISTORY, dtype=torch.float64)  # the oldest first
        self.counts = torch.zeros(num_steps, dtype=torch.int64)  # losses in each row

    def probabilities(self) -> Float[Tensor, " t"]:
        """Of each timestep, (T,)."""
        num_steps = len(self.counts)
        even = torch.full((num_steps,), 1 / num_steps, dtype=torch.float64)
        if (self.counts < HISTORY).any():
            return even
        rms = self.history.square().mean(dim=1).sqrt()
        return rms / rms.sum() * (1 - UNIFORM_SHARE) + UNIFORM_SHARE * even

    def draw(
        self, count: int, generator: torch.Generator
    ) -> tuple[Int[Tensor, " b"], Float[Tensor, " b"] | None]:
        """Weights are 1 / (T p): the weighted mean estimates the mean over all timesteps."""
        p = self.probabilities()
        t = torch.multinomial(p, count, replacement=True, generator=generator)
        return t, (1 / (len(p) * p[t])).float()

    def update(self, t: Int[Tensor, " b"], losses: Float[Tensor, " b"]) -> None:
        """One after the other: a batch may hold a timestep twice."""
        for step, loss in zip(t.tolist(), losses.double().tolist(), strict=True):
            seen = int(self.counts[step])
            if seen == HISTORY:
                self.history[step] = self.history[step].roll(-1)
                seen -= 1
            self.history[step, seen] = loss
            self.counts[step] = seen + 1

    def tensors(self) -> dict[str, Tensor]:
        """Losses and how many."""
        return {"history": self.history, "counts": self.counts}

    def restore(self, tensors: dict[str, Tensor]) -> None:
        """See the base class."""
        self.history.copy_(tensors["history"])
        self.counts.copy_(tensors["counts"])


def make_sampler(name: TimestepSamplerName, num_steps: int) -> TimestepSampler:
    """The sampler of a recipe, which has heard nothing yet."""
    return Uniform(num_steps) if name == "uniform" else LossSecondMoment(num_steps)
