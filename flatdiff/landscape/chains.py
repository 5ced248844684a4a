"""A chain is a checkpoint's network run through a respaced process, from noise or a real image.

What measures ask of chains: the images at their end, the norms of the predicted noise along them,
and how far they stray from the image they began with. The same seed feeds every checkpoint and
every rounding of its weights the same images, the same x_T and the same noises.
"""

from collections.abc import Callable, Iterator, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from flatdiff.diffusion.any_flags import Flags
from flatdiff.diffusion.process import DiffusionProcess, Network
from flatdiff.diffusion.sampling import (
    SamplerStep,
    ancestral_steps,
    chain_errors,
    gaussian_noises,
    last_sample,
    to_uint8,
)
from flatdiff.errors import DataError
from flatdiff.images.image_set import ImageSet

# (x_t (B, C, H, W), timesteps (B,), labels (B,) or None) -> (B, C or 2C, H, W).
LabelledNetwork = Callable[[Tensor, Tensor, Tensor | None], Tensor]


class Chains:
    """The chains of one network; all of its randomness comes from the seeds it is asked with."""

    def __init__(
        self, flags: Flags, images: ImageSet, network: LabelledNetwork, device: torch.device
    ) -> None:
        self.flags = flags
        self.images = images  # real ones
        self.network = network
        self.device = device

    def sample(
        self, num_images: int, num_sampling_steps: int, seed: int, labels: Sequence[int] = ()
    ) -> NDArray[np.uint8]:
        """Images of the ancestral chain from N(0, I), (num_images, H, W, C).

        Args:
            num_images: how many.
            num_sampling_steps: T'.
            seed: of x_T and all noises.
            labels: of the images' classes, one each; none: random ones, where there are any.

        Raises:
            DataError: the network knows no such class.
        """
        chain = self.from_noise(num_images, num_sampling_steps, seed, labels=labels)
        images = to_uint8(last_sample(chain))
        return images.permute(0, 2, 3, 1).cpu().numpy()

    def sampling_eps_norms(
        self, num_images: int, num_sampling_steps: int, seed: int, eps_scale: float = 1.0
    ) -> NDArray[np.float32]:
        """||eps||_2 of the raw prediction along the chain, (T', num_images), row i = step i."""
        chain = self.from_noise(num_images, num_sampling_steps, seed, eps_scale)
        norms = [step.eps.flatten(1).norm(dim=1) for step in chain]
        return torch.stack(norms[::-1]).cpu().numpy()

    def training_eps_norms(
        self, num_images: int, num_sampling_steps: int, seed: int, *, dequantize: bool = False
    ) -> NDArray[np.float32]:
        """||eps||_2 on real images noised to each step, (T', num_images), row i = step i."""
        process, generator = self._process(num_sampling_steps), _generator(seed)
        x_start, network = self._real_images(num_images, generator, dequantize)
        rows = []
        for index in range(num_sampling_steps):
            steps = torch.full((num_images,), index, device=self.device)
            noise = torch.randn(x_start.shape, generator=generator).to(self.device)
            x_t = process.q_sample(x_start, steps, noise)
            rows.append(process.p_mean_variance(network, x_t, steps).eps.flatten(1).norm(dim=1))
        return torch.stack(rows).cpu().numpy()

    def errors(
        self,
        num_images: int,
        num_sampling_steps: int,
        seed: int,
        eps_scale: float = 1.0,
        *,
        dequantize: bool = False,
    ) -> NDArray[np.float32]:
        """`sampling.chain_errors` from real images, (T', num_images), row i = step i."""
        process, generator = self._process(num_sampling_steps), _generator(seed)
        x_start, network = self._real_images(num_images, generator, dequantize)
        noises = gaussian_noises(x_start, generator)
        return chain_errors(process, network, x_start, noises, eps_scale=eps_scale).cpu().numpy()

    def forward_std(self, num_sampling_steps: int) -> NDArray[np.float64]:
        """sqrt(1 - alphas_cumprod), the standard deviation of q(x_i | x_start), (T',)."""
        return np.sqrt(1 - self._process(num_sampling_steps).alphas_cumprod)

    def from_noise(
        self,
        num_images: int,
        num_sampling_steps: int,
        seed: int,
        eps_scale: float = 1.0,
        labels: Sequence[int] = (),
    ) -> Iterator[SamplerStep]:
        """The ancestral chain from N(0, I), of these classes, or of random ones."""
        _require_known(labels, self.flags.num_classes or 0)
        generator = _generator(seed)
        shape = (num_images, *self.flags.image_shape)
        x_T = torch.randn(shape, generator=generator).to(self.device)
        y = None
        if self.flags.num_classes is not None:
            y = torch.randint(self.flags.num_classes, (num_images,), generator=generator)
            y = torch.tensor(labels) if labels else y
        process, noises = self._process(num_sampling_steps), gaussian_noises(x_T, generator)
        return ancestral_steps(process, self._told(y), x_T, noises, eps_scale=eps_scale)

    def _process(self, num_sampling_steps: int) -> DiffusionProcess:
        return DiffusionProcess(self.flags, str(num_sampling_steps))

    @property
    def grey_step(self) -> float:
        """Between one grey level of the real images and the next, in [-1, 1]."""
        return self.images.grey_step

    def _real_images(
        self, num_images: int, generator: torch.Generator, dequantize: bool
    ) -> tuple[Tensor, Network]:
        """Images drawn with replacement, and the network told of their classes.

        Dequantized, each value is uniform over its grey level (Theis et al. 2016, Sec. 3.1).
        """
        chosen = torch.randint(len(self.images), (num_images,), generator=generator)
        y = self.images.labels_for(self.flags.num_classes, chosen)
        x_start = self.images.images(chosen)
        if dequantize:
            x_start += self.grey_step * (torch.rand(x_start.shape, generator=generator) - 0.5)
        return x_start.to(self.device), self._told(y)

    def _told(self, y: Tensor | None) -> Network:
        """The network with its labels bound."""
        labels = None if y is None else y.to(self.device)
        return lambda x_t, timesteps: self.network(x_t, timesteps, labels)


def _require_known(labels: Sequence[int], num_classes: int) -> None:
    if any(label >= num_classes for label in labels):
        known = f"0 to {num_classes - 1}" if num_classes else "none: it is unconditional"
        raise DataError(f"the network knows no class {max(labels)}; its labels are {known}")


def _generator(seed: int) -> torch.Generator:
    """On the CPU, so that every device draws the same."""
    return torch.Generator().manual_seed(seed)
