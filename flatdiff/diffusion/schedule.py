"""A noise schedule is the betas of a diffusion process; a respacing keeps some of its timesteps.

Betas, their cumulated products and all that derives from them are float64 NumPy arrays of shape
(T,); they become float32 only where they meet an image. Equations are those of Ho et al. 2020
(arXiv 2006.11239) and Nichol & Dhariwal 2021 (arXiv 2102.09672).
"""

import itertools
import math

import numpy as np
from numpy.typing import NDArray

from flatdiff.diffusion.any_flags import Flags
from flatdiff.diffusion.flags import AdmFlags, NoiseSchedule
from flatdiff.diffusion.own_flags import OwnFlags
from flatdiff.errors import SettingsError

MAX_BETA = 0.999


def betas_of(flags: Flags) -> NDArray[np.float64]:
    """Of the full process that a network was trained for, shape (T,)."""
    if isinstance(flags, OwnFlags) and flags.betas:
        return np.array(flags.betas, dtype=np.float64)
    if isinstance(flags, AdmFlags | OwnFlags):
        return make_betas(flags.noise_schedule, flags.diffusion_steps)
    config = flags.scheduler_config
    steps, start, end = flags.diffusion_steps, config["beta_start"], config["beta_end"]
    match config["beta_schedule"]:
        case "linear":
            return np.linspace(start, end, steps, dtype=np.float64)
        case "scaled_linear":
            return np.linspace(start**0.5, end**0.5, steps, dtype=np.float64) ** 2
    return make_betas("cosine", steps)


def make_betas(noise_schedule: NoiseSchedule, diffusion_steps: int) -> NDArray[np.float64]:
    """Betas of the full process, shape (T,).

    >>> float(make_betas("linear", 1000)[-1])
    0.02
    """
    if noise_schedule == "linear":
        scale = 1000 / diffusion_steps
        return np.linspace(scale * 1e-4, scale * 0.02, diffusion_steps, dtype=np.float64)
    edges = [_cosine_alpha_bar(i / diffusion_steps) for i in range(diffusion_steps + 1)]
    betas = [1 - after / before for before, after in itertools.pairwise(edges)]
    return np.minimum(np.array(betas), MAX_BETA)


def _cosine_alpha_bar(time: float) -> float:
    """Nichol & Dhariwal, Eq. 17, time in [0, 1]."""
    return math.cos((time + 0.008) / 1.008 * math.pi / 2) ** 2


def respaced_timesteps(diffusion_steps: int, respacing: str) -> tuple[int, ...]:
    """The timesteps of the full process that a respacing keeps, ascending.

    Args:
        diffusion_steps: T of the full process.
        respacing: "" for every step; "20" for 20 evenly spread ones; "10,10,20" for so many in
            each of three equal sections; "ddim50" for a fixed integer stride.

    Raises:
        SettingsError: the text is no respacing, or asks for more steps than there are.

    >>> respaced_timesteps(1000, "20")[:4]
    (0, 53, 105, 158)
    >>> respaced_timesteps(1000, "ddim20")[:4]
    (0, 50, 100, 150)
    """
    if not respacing:
        return tuple(range(diffusion_steps))
    if respacing.startswith("ddim"):
        return _ddim_stride(diffusion_steps, respacing)
    counts = [_positive_count(part, respacing) for part in respacing.split(",")]
    base, extra = divmod(diffusion_steps, len(counts))
    kept: set[int] = set()
    start = 0
    for index, count in enumerate(counts):
        size = base + (index < extra)
        if count > size:
            raise SettingsError(
                f"timestep_respacing {respacing!r} asks for {count} steps of a section that has "
                f"{size}; ask for at most {size}"
            )
        kept.update(_spread(start, size, count))
        start += size
    return tuple(sorted(kept))


def _spread(start: int, size: int, count: int) -> list[int]:
    """`count` integers from `start` to `start + size - 1`, both included where count > 1.

    The position is accumulated, not multiplied: its rounding is part of the public definition.
    """
    stride = (size - 1) / (count - 1) if count > 1 else 1.0
    position, steps = 0.0, []
    for _ in range(count):
        steps.append(start + round(position))
        position += stride
    return steps


def _ddim_stride(diffusion_steps: int, respacing: str) -> tuple[int, ...]:
    wanted = _positive_count(respacing.removeprefix("ddim"), respacing)
    counts = {len(range(0, diffusion_steps, s)): s for s in range(diffusion_steps, 0, -1)}
    if wanted in counts:
        return tuple(range(0, diffusion_steps, counts[wanted]))
    below = max((count for count in counts if count < wanted), default=1)
    above = min((count for count in counts if count > wanted), default=diffusion_steps)
    raise SettingsError(
        f"timestep_respacing {respacing!r}: no integer stride visits {wanted} of "
        f"{diffusion_steps} steps; the nearest are ddim{below} and ddim{above}"
    )


def _positive_count(text: str, respacing: str) -> int:
    if text.strip().isdecimal() and len(text) < 10 and int(text) >= 1:
        return int(text)
    raise SettingsError(
        f"timestep_respacing must be a count of at least 1 ('20'), counts by section "
        f"('10,10,20') or a DDIM stride ('ddim50'); got {respacing!r}"
    )


def respaced_betas(betas: NDArray[np.float64], timesteps: tuple[int, ...]) -> NDArray[np.float64]:
    """Betas of the shorter process that has the same alphas_cumprod at the kept timesteps.

    Shape (T,) and T' timesteps to shape (T',).
    """
    kept = np.cumprod(1 - betas)[list(timesteps)]
    return 1 - kept / np.append(1.0, kept[:-1])
