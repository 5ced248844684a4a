"""Builds the network that flags describe; those that denoise are called as (x_t, t, labels).

diffusers is asked for only where a network of its own is built: `pip install diffusers`.
"""

from typing import Any

from torch import nn

from flatdiff.diffusion.any_flags import Flags
from flatdiff.diffusion.diffusers_flags import DiffusersFlags
from flatdiff.diffusion.flags import AdmFlags
from flatdiff.diffusion.own_flags import OwnFlags
from flatdiff.diffusion.own_network import own_code, own_network
from flatdiff.diffusion.unet import AdmUNet
from flatdiff.errors import SettingsError


def build_network(flags: Flags) -> nn.Module:
    """With weights that nobody has set.

    Raises:
        SettingsError: diffusers is not installed, or makes no network of its config; or it is
            somebody's own code that may not run here, or fails.
    """
    if isinstance(flags, AdmFlags):
        return AdmUNet(flags)
    return _own(flags) if isinstance(flags, OwnFlags) else _of_diffusers(flags)


def _own(flags: OwnFlags) -> nn.Module:
    with own_code(f"the network {flags.network!r} cannot be built"):
        model = own_network(flags).build()
    if not isinstance(model, nn.Module):
        got = type(model).__name__
        raise SettingsError(f"{flags.network!r} must build a torch.nn.Module; got {got}")
    return model


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
