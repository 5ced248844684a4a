"""A subject is a checkpoint made measurable: its network, its process, its panel, its weights.

The only door between the measures and torch: measures ask for losses, norms and images at points
near the checkpoint, and get NumPy arrays. Everything is float32 and in eval mode, and the weights
are back bit by bit when a question has been answered or has failed.
"""

from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache

import numpy as np
import torch
from jaxtyping import Float
from numpy.typing import NDArray
from torch import Tensor

from flatdiff.cards import Card
from flatdiff.config import LpfMode, Normalization
from flatdiff.data import ImageSet, load_images
from flatdiff.diffusion import DiffusionProcess
from flatdiff.gaussians import mean_over_pixels
from flatdiff.panel import Panel
from flatdiff.quantization import quantized_weights
from flatdiff.sampling import (
    SamplerStep,
    ancestral_steps,
    gaussian_noises,
    last_sample,
    to_uint8,
)
from flatdiff.unet import AdmUNet
from flatdiff.weights import (
    FlatWeights,
    Vector,
    filter_scales,
    gaussian,
    normalize_direction,
    orthogonalize,
)

Losses = NDArray[np.float32]  # (N,), one a panel member

# Values of one activation that a batch may hold: bounds memory whatever the network.
MAX_ACTIVATION_VALUES = 1 << 25


@dataclass(frozen=True)
class PanelTensors:
    """A panel, drawn: row n of each field belongs to member n."""

    x_start: Float[Tensor, "n c h w"]
    t: Tensor  # (N,), integers in [0, T)
    noise: Float[Tensor, "n c h w"]
    x_t: Float[Tensor, "n c h w"]
    y: Tensor | None  # (N,), only for class-conditional networks


class Subject:
    """One checkpoint on one panel, on one device."""

    def __init__(self, card: Card, model: AdmUNet, panel: Panel) -> None:
        self.card = card
        self.model = model
        self.panel = panel
        self.process = DiffusionProcess(card.flags)
        self.device = next(model.parameters()).device
        self.weights = FlatWeights(model)
        flags = card.flags
        self.images = load_images(panel.dataset, panel.split, flags.image_size, flags.in_channels)
        self.tensors = draw_panel(card, self.images, panel, self.process, self.device)
        # Every cell of a surface asks for the same directions; drawing them costs half a forward.
        self.direction = lru_cache(maxsize=2)(self._direction)
        self.plane = lru_cache(maxsize=1)(self._plane)

    # -- points -----------------------------------------------------------------------------

    def at(self, *terms: tuple[float, Vector]) -> AbstractContextManager[None]:
        """Inside: theta = checkpoint + sum of coefficient * direction."""
        return self.weights.moved(*terms)

    def quantized(self, bits: int) -> AbstractContextManager[None]:
        """Inside: the checkpoint's weights rounded to so many bits; 32 changes nothing."""
        return self.weights.replaced(quantized_weights(self.weights, bits))

    def _direction(self, seed: int, index: int, normalization: Normalization) -> Vector:
        """Random direction number `index` of a seed; equal draws for equal architectures."""
        drawn = gaussian(len(self.weights), seed, index).to(self.device)
        return normalize_direction(self.weights, drawn, normalization)

    def _plane(self, seed: int, normalization: Normalization) -> tuple[Vector, Vector]:
        """Two directions, the second orthogonal to the first *after* normalisation."""
        first, second = (self._direction(seed, index, normalization) for index in (0, 1))
        return first, orthogonalize(second, first)

    def noise_direction(self, seed: int, index: int, mode: LpfMode) -> Vector:
        """Gaussian weight noise of unit sigma, absolute or in units of each filter's size."""
        drawn = gaussian(len(self.weights), seed, index).to(self.device)
        return drawn if mode == "absolute" else drawn * self._filter_scales

    @cached_property
    def _filter_scales(self) -> Vector:
        return filter_scales(self.weights)

    def relative_norm(self, vector: Vector) -> float:
        """||vector|| / ||theta||."""
        return float(vector.double().norm() / self.weights.origin.double().norm())

    def quantization_error(self, bits: int) -> float:
        """||theta_q - theta|| / ||theta||."""
        return self.relative_norm(quantized_weights(self.weights, bits) - self.weights.origin)

    # -- losses -----------------------------------------------------------------------------

    def losses(self) -> Losses:
        """Epsilon-MSE of each panel member at the current point, (N,)."""
        return self._losses(self.tensors)

    def losses_of_panel(self, seed: int) -> Losses:
        """The same on another draw of the panel, for the noise floor."""
        panel = replace(self.panel, seed=seed)
        return self._losses(draw_panel(self.card, self.images, panel, self.process, self.device))

    def variational_bounds(self) -> Losses | None:
        """The bound of each member in bits per dimension; None without learned variance."""
        if not self.card.flags.learn_sigma:
            return None
        p = self.tensors
        return _to_numpy(
            torch.cat(
                [
                    self.process.variational_bound(out, p.x_start[rows], p.x_t[rows], p.t[rows])
                    for rows, out in self._outputs(p)
                ]
            )
        )

    def _losses(self, p: PanelTensors) -> Losses:
        target = p.x_start if self.card.flags.predict_xstart else p.noise
        channels = target.shape[1]
        return _to_numpy(
            torch.cat(
                [
                    mean_over_pixels((target[rows] - out[:, :channels]).square())
                    for rows, out in self._outputs(p)
                ]
            )
        )

    def _outputs(self, p: PanelTensors) -> Iterator[tuple[slice, Tensor]]:
        for start in range(0, len(p.t), self.batch_size):
            rows = slice(start, start + self.batch_size)
            y = p.y[rows] if p.y is not None else None
            yield rows, self._network(p.x_t[rows], self.process.network_timesteps(p.t[rows]), y)

    @property
    def batch_size(self) -> int:
        """Images a network call, by the size of its largest activation."""
        flags = self.card.flags
        values = flags.num_channels * flags.image_size**2
        return max(1, min(self.panel.size, MAX_ACTIVATION_VALUES // values))

    @torch.inference_mode()
    def _network(self, x: Tensor, timesteps: Tensor, y: Tensor | None = None) -> Tensor:
        return self.model(x, timesteps, y)

    # -- chains -----------------------------------------------------------------------------

    def sample(self, num_images: int, num_sampling_steps: int, seed: int) -> NDArray[np.uint8]:
        """Images of the ancestral chain from N(0, I), (num_images, H, W, C).

        The same seed feeds every checkpoint and bit width the same x_T and the same noises.
        """
        images = to_uint8(last_sample(self._chain(num_images, num_sampling_steps, seed)))
        return images.permute(0, 2, 3, 1).cpu().numpy()

    def sampling_eps_norms(
        self, num_images: int, num_sampling_steps: int, seed: int
    ) -> NDArray[np.float32]:
        """||eps||_2 of the raw prediction along the chain, (T', num_images), row i = step i."""
        chain = self._chain(num_images, num_sampling_steps, seed)
        norms = {step.index: step.eps.flatten(1).norm(dim=1) for step in chain}
        return _to_numpy(torch.stack([norms[i] for i in range(num_sampling_steps)]))

    def training_eps_norms(
        self, num_images: int, num_sampling_steps: int, seed: int
    ) -> NDArray[np.float32]:
        """||eps||_2 on real images noised to each step, (T', num_images), row i = step i."""
        process = DiffusionProcess(self.card.flags, str(num_sampling_steps))
        generator = torch.Generator().manual_seed(seed)
        chosen = torch.randint(len(self.images), (num_images,), generator=generator)
        x_start = self.images.images(chosen).to(self.device)
        y = self.images.labels_for(self.card.flags.num_classes, chosen)
        y = None if y is None else y.to(self.device)
        rows = []
        for index in range(num_sampling_steps):
            steps = torch.full((num_images,), index, device=self.device)
            noise = torch.randn(x_start.shape, generator=generator).to(self.device)
            x_t = process.q_sample(x_start, steps, noise)
            out = self._network(x_t, process.network_timesteps(steps), y)
            rows.append(process.read_output(out, x_t, steps).eps.flatten(1).norm(dim=1))
        return _to_numpy(torch.stack(rows))

    def _chain(self, num_images: int, num_sampling_steps: int, seed: int) -> Iterator[SamplerStep]:
        process = DiffusionProcess(self.card.flags, str(num_sampling_steps))
        generator = torch.Generator().manual_seed(seed)
        shape = (num_images, *self.card.flags.image_shape)
        x_T = torch.randn(shape, generator=generator).to(self.device)
        classes = self.card.flags.num_classes
        y = None
        if classes is not None:
            y = torch.randint(classes, (num_images,), generator=generator).to(self.device)
        return ancestral_steps(
            process, lambda x, t: self._network(x, t, y), x_T, gaussian_noises(x_T, generator)
        )


def draw_panel(
    card: Card, images: ImageSet, panel: Panel, process: DiffusionProcess, device: torch.device
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
    t = (spread * process.num_steps).long().clamp(max=process.num_steps - 1)
    t = t[torch.randperm(size, generator=generator)]
    noise = torch.randn(x_start.shape, generator=generator)
    y = images.labels_for(card.flags.num_classes, chosen)
    x_start, t, noise = (part.to(device) for part in (x_start, t, noise))
    x_t = process.q_sample(x_start, t, noise)
    return PanelTensors(x_start, t, noise, x_t, None if y is None else y.to(device))


def _to_numpy(values: Tensor) -> NDArray[np.float32]:
    return values.float().cpu().numpy()
