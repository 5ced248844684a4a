"""A feature network turns each image into a vector that says what is on it.

Two are known: "digits", small and shipped with flatdiff, and "inception", FID's own. Both are
given what a file of samples holds, 8-bit images, and both say by a digest exactly what they are.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import torch
from jaxtyping import Float, UInt8
from torch import Tensor
from torch.nn import functional as F

from flatdiff.images.digits_network import read_network
from flatdiff.images.inception import SHA256, load_inception

IMAGES_AT_ONCE = 64
GREY = (0.299, 0.587, 0.114)  # of red, green and blue, ITU-R BT.601

Images = UInt8[np.ndarray, "n h w c"]  # c is 1 or 3
Features = Float[np.ndarray, "n d"]


@dataclass(frozen=True)
class FeatureNetwork:
    """A function of images with a name."""

    name: str
    digest: str  # SHA-256 of its weights file
    extract: Callable[[Images], Tensor]  # a few images at once

    def __call__(self, images: Images) -> Features:
        """One vector an image, float32."""
        starts = range(0, len(images), IMAGES_AT_ONCE)
        parts = [self.extract(images[start : start + IMAGES_AT_ONCE]) for start in starts]
        return torch.cat(parts).float().cpu().numpy()


@lru_cache(maxsize=2)  # loading Inception takes seconds
def feature_network(name: str, device: torch.device) -> FeatureNetwork:
    """A network by its name in `NETWORKS`.

    Raises:
        DataError: its weights are absent or damaged.
    """
    return NETWORKS[name](device)


def _digits(device: torch.device) -> FeatureNetwork:
    network, card = read_network()
    network.to(device)

    @torch.inference_mode()
    def extract(images: Images) -> Tensor:
        return network.features(small_and_grey(_channels_first(images, device)))

    return FeatureNetwork("digits", card.digest, extract)


def _inception(device: torch.device) -> FeatureNetwork:
    from cleanfid.resize import build_resizer

    network, resize = load_inception(device), build_resizer("clean")

    @torch.inference_mode()
    def extract(images: Images) -> Tensor:
        rgb = np.broadcast_to(images, (*images.shape[:3], 3))
        return network(_channels_first(np.stack([resize(image) for image in rgb]), device))

    return FeatureNetwork("inception", SHA256, extract)


NETWORKS: dict[str, Callable[[torch.device], FeatureNetwork]] = {
    "digits": _digits,
    "inception": _inception,
}


def small_and_grey(images: Float[Tensor, "b c h w"]) -> Float[Tensor, "b 1 8 8"]:
    """Any images as the digits network wants them; 8 x 8 grey ones stay what they are."""
    if images.shape[1] == 3:
        weights = torch.tensor(GREY, device=images.device)
        images = torch.einsum("bchw,c->bhw", images, weights)[:, None]
    return F.adaptive_avg_pool2d(images, 8)


def _channels_first(images: np.ndarray, device: torch.device) -> Float[Tensor, "b c h w"]:
    return torch.from_numpy(images).to(device).permute(0, 3, 1, 2).float()
