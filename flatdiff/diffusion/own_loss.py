"""The loss of a network of one's own as a module, so that it can be differentiated like any."""

import torch
from torch import Tensor, nn

from flatdiff.diffusion.own_flags import OwnFlags
from flatdiff.diffusion.own_network import Examples, own_code, own_network
from flatdiff.errors import SettingsError


class LossModule(nn.Module):
    """Examples to losses, (B,) in float32; the network's tensors are below `PREFIX`."""

    PREFIX = "network."

    def __init__(self, flags: OwnFlags, network: nn.Module) -> None:
        """Look up the loss.

        Raises:
            SettingsError: see `own_network`.
        """
        super().__init__()
        self.network = network
        self._name, self._loss = flags.network, own_network(flags).loss
        assert self._loss is not None, "asked of networks with a loss of their own"

    def forward(
        self, images: Tensor, labels: Tensor | None, noise: Tensor, uniform: Tensor
    ) -> Tensor:
        """Of some examples.

        Raises:
            SettingsError: the loss fails, or is not one number an example.
        """
        assert self._loss is not None
        with own_code(f"the loss of {self._name!r} fails", passing=torch.OutOfMemoryError):
            losses = self._loss(self.network, Examples(images, labels, noise, uniform))
        if not isinstance(losses, Tensor) or losses.shape != uniform.shape:
            got = tuple(losses.shape) if isinstance(losses, Tensor) else type(losses).__name__
            raise SettingsError(
                f"the loss of {self._name!r} must be one number an example, of shape "
                f"{tuple(uniform.shape)}; got {got}"
            )
        return losses.float()
