"""Builds the network that flags describe; every one is called as (x_t, timesteps, labels).

diffusers is asked for only where a network of its own is built: `pip install diffusers`.
"""

from typing import Any

from torch import nn

from flatdiff.diffusion.any_flags import Flags
from flatdiff.diffusion.diffusers_flags import DiffusersFlags
from flatdiff.diffusion.flags import AdmFlags
from flatdiff.diffusion.unet import AdmUNet
from flatdiff.errors import SettingsError


def build_network(flags: Flags) -> nn.Module:
    """With weights that nobody has set.

    Raises:
        SettingsError: diffusers is not installed, or makes no network of its config.
    """
    return AdmUNet(flags) if isinstance(flags, AdmFlags) else _of_diffusers(flags)


def _of_diffusers(flags: DiffusersFlags) -> nn.Module:
    try:
        from diffusers.models.unets.unet_2d import UNet2DModel
    except ImportError:
        raise SettingsError(
            "it is a network of diffusers, which is not installed: pip install diffusers"
        ) from None

    class Measured(UNet2DModel):
        """Under the same names of tensors; called as an ADM network is."""

        def forward(self, *inputs: Any) -> Any:  # pyright: ignore[reportIncompatibleMethodOverride]
            """Of (x_t, timesteps, labels or None)."""
            x, timesteps, *rest = inputs
            labels = rest[0] if rest else None
            return super().forward(x, timesteps, class_labels=labels, return_dict=False)[0]

    try:
        return Measured(**flags.unet_config)
    except (TypeError, ValueError, KeyError, AttributeError) as error:
        raise SettingsError(f"diffusers makes no network of this config: {error}") from None
