"""A diffusion process adds Gaussian noise to an image in T steps; a network learns the way back.

`DiffusionProcess` holds the constants of one process (the full one, or a respaced one of T' steps)
and the closed forms between x_start, x_t, noise and the network's output: q_sample, the training
losses, p_mean_variance. Equation numbers: Ho et al. 2020 (arXiv 2006.11239) unless marked
"N&D" for Nichol & Dhariwal 2021 (arXiv 2102.09672).
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Int
from numpy.typing import NDArray
from torch import Tensor

from flatdiff.diffusion.any_flags import Flags
from flatdiff.diffusion.gaussians import Image, discretized_nll, mean_over_pixels, normal_kl
from flatdiff.diffusion.schedule import betas_of, respaced_betas, respaced_timesteps

Steps = Int[Tensor, " b"]
# (x_t (B, C, H, W), timesteps (B,)) -> (B, C or 2C, H, W); labels are bound by the caller.
Network = Callable[[Tensor, Tensor], Tensor]


@dataclass(frozen=True)
class ReverseStep:
    """p(x_{i-1} | x_i) as the network sees it; every field is (B, C, H, W)."""

    mean: Tensor
    variance: Tensor
    log_variance: Tensor
    pred_x_start: Tensor
    eps: Tensor  # predicted noise before any clipping


@dataclass(frozen=True)
class TrainingLosses:
    """Per-sample losses, each (B,); a term that the flags do not use is None."""

    loss: Tensor
    mse: Tensor | None
    vb: Tensor | None  # bits per dimension, already rescaled where the flags ask for it


class DiffusionProcess:
    """The constants of one process, float64, shape (T',); T' = T without a respacing."""

    def __init__(self, flags: Flags, timestep_respacing: str = "") -> None:
        full = betas_of(flags)
        self.flags = flags
        self.timestep_map = respaced_timesteps(flags.diffusion_steps, timestep_respacing)
        self.betas = betas = respaced_betas(full, self.timestep_map)
        self.alphas_cumprod = bar = np.cumprod(1 - betas)
        self.alphas_cumprod_prev = prev = np.append(1.0, bar[:-1])
        self.posterior_variance = betas * (1 - prev) / (1 - bar)  # Eq. 7
        # The first posterior variance is 0; the second, where there is one, takes its place.
        self.first_variance = self.posterior_variance[1] if len(betas) > 1 else betas[0]
        self.posterior_log_variance = np.log(
            np.append(self.first_variance, self.posterior_variance[1:])
        )
        self.posterior_mean_x_start = betas * np.sqrt(prev) / (1 - bar)  # Eq. 7
        self.posterior_mean_x_t = (1 - prev) * np.sqrt(1 - betas) / (1 - bar)  # Eq. 7

    @property
    def num_steps(self) -> int:
        """T' of this process."""
        return len(self.betas)

    def network_timesteps(self, steps: Steps) -> Tensor:
        """What the network is told: the full process's timestep, rescaled to 1000 on request."""
        mapping = torch.tensor(self.timestep_map, device=steps.device)
        timesteps = mapping[steps]
        if self.flags.rescale_timesteps:
            return timesteps.float() * (1000.0 / self.flags.diffusion_steps)
        return timesteps

    def q_sample(self, x_start: Image, steps: Steps, noise: Image) -> Image:
        """x_t given x_start and noise (Eq. 4), all (B, C, H, W)."""
        bar = self.alphas_cumprod
        return _at(np.sqrt(bar), steps) * x_start + _at(np.sqrt(1 - bar), steps) * noise

    def posterior_mean(self, x_start: Image, x_t: Image, steps: Steps) -> Image:
        """Mean of q(x_{t-1} | x_t, x_start) (Eq. 7)."""
        first = _at(self.posterior_mean_x_start, steps) * x_start
        return first + _at(self.posterior_mean_x_t, steps) * x_t

    def x_start_from_eps(self, x_t: Image, steps: Steps, eps: Image) -> Image:
        """Eq. 4 solved for x_start."""
        bar = self.alphas_cumprod
        return _at(np.sqrt(1 / bar), steps) * x_t - _at(np.sqrt(1 / bar - 1), steps) * eps

    def eps_from_x_start(self, x_t: Image, steps: Steps, x_start: Image) -> Image:
        """Eq. 4 solved for the noise."""
        bar = self.alphas_cumprod
        return (_at(np.sqrt(1 / bar), steps) * x_t - x_start) / _at(np.sqrt(1 / bar - 1), steps)

    def eps_from_v(self, x_t: Image, steps: Steps, v: Image) -> Image:
        """The noise that a v and an x_t are made of (Salimans & Ho 2022, App. D)."""
        bar = self.alphas_cumprod
        return _at(np.sqrt(bar), steps) * v + _at(np.sqrt(1 - bar), steps) * x_t

    def target(self, x_start: Image, steps: Steps, noise: Image) -> Image:
        """What the network is to predict, (B, C, H, W)."""
        if self.flags.prediction == "eps":
            return noise
        if self.flags.prediction == "x_start":
            return x_start
        bar = self.alphas_cumprod
        return _at(np.sqrt(bar), steps) * noise - _at(np.sqrt(1 - bar), steps) * x_start

    def p_mean_variance(
        self,
        network: Network,
        x_t: Image,
        steps: Steps,
        clip_denoised: bool = True,
        eps_scale: float = 1.0,
    ) -> ReverseStep:
        """One call of the network, read as p(x_{i-1} | x_i).

        Args:
            network: called with the full process's timesteps.
            x_t: (B, C, H, W).
            steps: indices into this process, (B,), in [0, T').
            clip_denoised: clamp the predicted image to [-1, 1].
            eps_scale: what the predicted noise is divided by before the image is.
        """
        output = network(x_t, self.network_timesteps(steps))
        return self.read_output(output, x_t, steps, clip_denoised, eps_scale)

    def read_output(
        self,
        output: Tensor,
        x_t: Image,
        steps: Steps,
        clip_denoised: bool = True,
        eps_scale: float = 1.0,
    ) -> ReverseStep:
        """The network's output (B, C or 2C, H, W), read as p(x_{i-1} | x_i)."""
        channels = x_t.shape[1]
        prediction = output[:, :channels]
        log_variance = self._log_variance(output[:, channels:], x_t, steps)
        eps, pred_x_start = prediction, prediction
        if self.flags.prediction == "x_start":
            eps = self.eps_from_x_start(x_t, steps, prediction)
        elif self.flags.prediction == "v":
            eps = self.eps_from_v(x_t, steps, prediction)
        if eps_scale != 1 or self.flags.prediction != "x_start":
            pred_x_start = self.x_start_from_eps(x_t, steps, eps / eps_scale)
        if clip_denoised:
            pred_x_start = pred_x_start.clamp(-1, 1)
        mean = self.posterior_mean(pred_x_start, x_t, steps)
        return ReverseStep(mean, log_variance.exp(), log_variance, pred_x_start, eps)

    def _log_variance(self, values: Tensor, x_t: Image, steps: Steps) -> Tensor:
        """Learned range (N&D Eq. 15), or fixed at beta ("large") or the posterior's ("small")."""
        smallest = _at(self.posterior_log_variance, steps)
        if self.flags.learn_sigma:
            fraction = (values + 1) / 2
            return fraction * _at(np.log(self.betas), steps) + (1 - fraction) * smallest
        if self.flags.sigma_small:
            return smallest.expand_as(x_t)
        large = np.log(np.append(self.first_variance, self.betas[1:]))
        return _at(large, steps).expand_as(x_t)

    def training_losses(
        self,
        network: Network,
        x_start: Image,
        steps: Steps,
        noise: Image,
        x_t: Image | None = None,
    ) -> TrainingLosses:
        """Per-sample losses of one batch.

        Args:
            network: called once, with the full process's timesteps.
            x_start: clean images in [-1, 1], (B, C, H, W).
            steps: (B,), in [0, T').
            noise: the target, (B, C, H, W).
            x_t: the network's input where it is not q_sample(x_start, steps, noise): input
                perturbation shows the network other noise than it must predict.
        """
        x_t = self.q_sample(x_start, steps, noise) if x_t is None else x_t
        output = network(x_t, self.network_timesteps(steps))
        channels = x_start.shape[1]
        prediction, values = output[:, :channels], output[:, channels:]
        if self.flags.use_kl:
            # guided-diffusion's use_kl is always rescaled: an estimate of the whole bound.
            vb = self.variational_bound(output, x_start, x_t, steps) * self.num_steps
            return TrainingLosses(vb, None, vb)
        mse = mean_over_pixels((self.target(x_start, steps, noise) - prediction) ** 2)
        if not self.flags.learn_sigma:
            return TrainingLosses(mse, mse, None)
        # The bound teaches the variance only; the mean stays with the mse (N&D Sec. 3.1).
        frozen = torch.cat([prediction.detach(), values], dim=1)
        vb = self.variational_bound(frozen, x_start, x_t, steps)
        if self.flags.rescale_learned_sigmas:
            vb = vb * (self.num_steps / 1000)
        return TrainingLosses(mse + vb, mse, vb)

    def variational_bound(
        self, output: Tensor, x_start: Image, x_t: Image, steps: Steps
    ) -> Float[Tensor, " b"]:
        """One term of the variational bound (Eq. 5), in bits per dimension, shape (B,)."""
        step = self.read_output(output, x_t, steps, clip_denoised=False)
        true_mean = self.posterior_mean(x_start, x_t, steps)
        true_log_variance = _at(self.posterior_log_variance, steps).expand_as(x_t)
        kl = normal_kl(true_mean, true_log_variance, step.mean, step.log_variance)
        nll = discretized_nll(x_start, step.mean, 0.5 * step.log_variance)
        bits = mean_over_pixels(torch.where((steps == 0)[:, None, None, None], nll, kl))
        return bits / float(np.log(2))


def _at(values: NDArray[np.float64], steps: Steps) -> Float[Tensor, "b 1 1 1"]:
    """Each sample's constant, float32, ready to multiply an image."""
    return torch.from_numpy(values).to(steps.device)[steps].float()[:, None, None, None]
