"""Feature networks: the same image, the same features, whatever it is wrapped in."""

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import nn

from flatdiff.images import features as module
from flatdiff.images.digits_network import read_network
from flatdiff.images.features import FeatureNetwork, feature_network, small_and_grey
from flatdiff.images.frechet import fit, frechet_distance
from flatdiff.images.image_set import load_images
from tests.tiny import CPU


def digits(count: int = 5) -> NDArray[np.uint8]:
    """The first training digits as files hold them, (count, 8, 8, 1)."""
    images = load_images("digits", "train", 8, 1).written()[:count]
    return images.permute(0, 2, 3, 1).numpy()


@pytest.fixture(scope="module")
def network() -> FeatureNetwork:
    """The shipped one."""
    return feature_network("digits", CPU)


def test_features_are_the_networks_own(network: FeatureNetwork) -> None:
    """Asked image by image, past the wrapper that cuts batches."""
    images = digits(131)
    raw, card = read_network()
    one_by_one = [
        raw.features(torch.from_numpy(image).permute(2, 0, 1)[None].float()) for image in images
    ]
    np.testing.assert_allclose(network(images), torch.cat(one_by_one).numpy(), atol=1e-4)
    assert (network.name, network.digest) == ("digits", card.digest)


def test_grey_is_grey_in_three_channels(network: FeatureNetwork) -> None:
    """The weights of red, green and blue add up to 1."""
    images = digits()
    np.testing.assert_allclose(network(images.repeat(3, axis=3)), network(images), atol=1e-3)


def test_large_images_are_averaged(network: FeatureNetwork) -> None:
    """Each pixel as a square of 16 is the same picture."""
    images = digits()
    large = images.repeat(4, axis=1).repeat(4, axis=2)
    np.testing.assert_allclose(network(large), network(images), atol=1e-3)


def test_grey_of_a_colour() -> None:
    """Pure green is 0.587 bright, and a checkerboard of black and white is half as bright."""
    green = torch.zeros(1, 3, 8, 8)
    green[:, 1] = 100.0
    assert torch.allclose(small_and_grey(green), torch.full((1, 1, 8, 8), 58.7))
    board = (torch.arange(16)[:, None] + torch.arange(16)) % 2 * 255.0
    assert torch.allclose(small_and_grey(board[None, None]), torch.full((1, 1, 8, 8), 127.5))


def test_worse_images_are_farther(network: FeatureNetwork) -> None:
    """What the proxy is for: other digits, then noisier and noisier ones, then one kind only."""
    images, generator = digits(1500), np.random.default_rng(0)
    reference = fit(network(images[:750]))

    def distance(changed: NDArray[np.uint8]) -> float:
        return frechet_distance(fit(network(changed)), reference)

    other = images[750:]
    noise = generator.normal(size=other.shape)
    noisy = [(other + level * noise).clip(0, 255).astype(np.uint8) for level in (0, 20, 40, 80)]
    distances = [distance(changed) for changed in noisy]
    assert distances == sorted(distances)
    labels = load_images("digits", "train", 8, 1).labels
    assert labels is not None
    without_fours = other[(labels[750:] != 4).numpy()]
    assert distance(without_fours) > 1.5 * distances[0]


def test_one_network_is_loaded_once() -> None:
    """Inception takes seconds; another device is another network."""
    assert feature_network("digits", CPU) is feature_network("digits", torch.device("cpu"))


class SumOfPixels(nn.Module):
    """Stands in for Inception: keeps the resized images to be looked at."""

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """(b, 3, 299, 299) to (b, 3)."""
        assert images.shape[1:] == (3, 299, 299)
        return images.sum(dim=(2, 3))


@pytest.mark.filterwarnings("ignore:.*mode.*parameter is deprecated:DeprecationWarning")
def test_inception_sees_clean_fids_resize(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pillow's bicubic in floating point, clipped, per channel; grey is shown three times."""
    monkeypatch.setattr(module, "load_inception", lambda _: SumOfPixels())
    inception = module.NETWORKS["inception"](CPU)
    images = digits(2)
    found = inception(images)
    for image, features in zip(images, found, strict=True):
        large = Image.fromarray(image[:, :, 0].astype(np.float32)).resize(
            (299, 299), Image.Resampling.BICUBIC
        )
        np.testing.assert_allclose(features, [np.asarray(large).clip(0, 255).sum()] * 3, rtol=1e-5)
    assert inception.digest.startswith("f58cb9b6")
