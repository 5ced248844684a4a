"""An objective is what a network was trained for, as a loss of each member of a panel.

Of a diffusion network it is the error of the noise that it predicts; of a network of one's own it
may be any loss. Measures ask for losses, and do not know which.
"""

from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import torch
from jaxtyping import Float
from torch import Tensor, nn

from flatdiff.diffusion.any_flags import Flags
from flatdiff.diffusion.gaussians import mean_over_pixels
from flatdiff.diffusion.own_flags import OwnFlags
from flatdiff.diffusion.own_loss import LossModule
from flatdiff.diffusion.process import DiffusionProcess
from flatdiff.images.image_set import ImageSet
from flatdiff.landscape.panel import Panel


@dataclass(frozen=True)
class PanelTensors:
    """A panel, drawn: row n of each field belongs to member n."""

    x_start: Float[Tensor, "n c h w"]
    t: Tensor  # (N,), integers in [0, T)
    noise: Float[Tensor, "n c h w"]
    x_t: Float[Tensor, "n c h w"]
    y: Tensor | None  # (N,), only for class-conditional networks
    uniform: Float[Tensor, " n"]  # what t was made of, in [0, 1)


@runtime_checkable  # or no checker of annotations takes it
class Objective(Protocol):
    """How a network is asked for the losses of some rows of a panel."""

    module: nn.Module  # takes the inputs
    prefix: str  # of the names of the network's tensors within that module

    @property
    def process(self) -> DiffusionProcess | None:
        """None: there are neither timesteps nor samples."""
        ...

    def inputs(self, p: PanelTensors, rows: slice) -> tuple[Tensor | None, ...]:
        """Of the module."""
        ...

    def losses(self, p: PanelTensors, rows: slice, out: Tensor) -> Float[Tensor, " b"]:
        """Of its output."""
        ...

    def bounds(self, p: PanelTensors, rows: slice, out: Tensor) -> Float[Tensor, " b"] | None:
        """Variational bounds in bits per dimension, where a network learns its variance."""
        ...


class NoisePrediction:
    """Mean squared error of what a diffusion network predicts."""

    prefix = ""

    def __init__(self, flags: Flags, model: nn.Module) -> None:
        self.module = model
        self.process = DiffusionProcess(flags)

    def inputs(self, p: PanelTensors, rows: slice) -> tuple[Tensor | None, ...]:
        """(x_t, timesteps, labels or None)."""
        y = p.y[rows] if p.y is not None else None
        return p.x_t[rows], self.process.network_timesteps(p.t[rows]), y

    def losses(self, p: PanelTensors, rows: slice, out: Tensor) -> Float[Tensor, " b"]:
        """The simple loss (Ho et al. 2020, Eq. 14), whatever is predicted."""
        target = self.process.target(p.x_start[rows], p.t[rows], p.noise[rows])
        return mean_over_pixels((target - out[:, : target.shape[1]]).square())

    def bounds(self, p: PanelTensors, rows: slice, out: Tensor) -> Float[Tensor, " b"] | None:
        """One term each (Ho et al. 2020, Eq. 5)."""
        if not self.process.flags.learn_sigma:
            return None
        return self.process.variational_bound(out, p.x_start[rows], p.x_t[rows], p.t[rows])


class OwnLoss:
    """A loss that comes with the network."""

    prefix = LossModule.PREFIX
    process = None

    def __init__(self, flags: OwnFlags, model: nn.Module) -> None:
        self.module: nn.Module = LossModule(flags, model)

    def inputs(self, p: PanelTensors, rows: slice) -> tuple[Tensor | None, ...]:
        """As `Examples` has them."""
        y = p.y[rows] if p.y is not None else None
        return p.x_start[rows], y, p.noise[rows], p.uniform[rows]

    def losses(self, p: PanelTensors, rows: slice, out: Tensor) -> Float[Tensor, " b"]:
        """The output itself."""
        return out

    def bounds(self, p: PanelTensors, rows: slice, out: Tensor) -> None:
        """None there are."""


def objective_of(flags: Flags, model: nn.Module) -> Objective:
    """Of a network."""
    if isinstance(flags, OwnFlags) and flags.own_loss:
        return OwnLoss(flags, model)
    return NoisePrediction(flags, model)


def draw_panel(
    num_classes: int | None,
    images: ImageSet,
    panel: Panel,
    process: DiffusionProcess | None,
    device: torch.device,
) -> PanelTensors:
    """The panel's tensors: each image once before any twice, one timestep in each equal bin."""
    generator = torch.Generator().manual_seed(panel.seed)
    size = panel.size
    rounds = -(-size // len(images))
    orders = [torch.randperm(len(images), generator=generator) for _ in range(rounds)]
    chosen = torch.cat(orders)[:size]
    x_start = images.images(chosen)
    # One draw in each of `size` equal bins of [0, T), dealt to the images at random.
    spread = (torch.arange(size) + torch.rand(size, generator=generator)) / size
    spread = spread.clamp(max=1 - 2**-24)  # rounded up, the last one would be 1
    dealt = torch.randperm(size, generator=generator)
    noise = torch.randn(x_start.shape, generator=generator)
    y = images.labels_for(num_classes, chosen)
    x_start, uniform, noise = (part.to(device) for part in (x_start, spread[dealt], noise))
    t, x_t = torch.zeros(size, dtype=torch.int64, device=device), x_start
    if process is not None:
        t = (uniform * process.num_steps).long().clamp(max=process.num_steps - 1)
        x_t = process.q_sample(x_start, t, noise)
    return PanelTensors(x_start, t, noise, x_t, None if y is None else y.to(device), uniform)
