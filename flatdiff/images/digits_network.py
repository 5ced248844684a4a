"""The digits network tells handwritten digits apart, and its last hidden layer is a feature.

Trained here from scikit-learn's digits alone, in seconds: `flatdiff train-features`. It
stands in for Inception where that cannot see (8 x 8 pixels) or is not there; a distance between
its features is a proxy, never an FID.
"""

import dataclasses
import hashlib
import json
from dataclasses import dataclass
from pathlib import Path

import torch
from jaxtyping import Float
from safetensors.torch import load
from torch import Tensor, nn
from torch.nn import functional as F

from flatdiff.checkpoints.weights_file import serialize_weights
from flatdiff.errors import DataError
from flatdiff.images.image_set import ImageSet, load_images
from flatdiff.settings import from_mapping
from flatdiff.system.files import atomic_write

WEIGHTS_FILE, CARD_FILE = "digits_features.safetensors", "digits_features.json"
FOLDER = Path(__file__).parent
NUM_FEATURES = 32
STEPS, BATCH_SIZE, LEARNING_RATE = 2000, 64, 1e-3
GREY_LEVEL = 16  # of 255, between two neighbours of the digits' own levels


@dataclass(frozen=True, kw_only=True)
class NetworkCard:
    """What stands beside the weights."""

    digest: str  # SHA-256 of the weights file
    held_out_accuracy: float  # share of right answers
    held_out_images: int
    seed: int
    command: str  # that trained it
    environment: dict[str, str]  # versions, threads, device


class DigitsNetwork(nn.Module):
    """Three convolutions, a hidden layer of features, ten classes."""

    scale: Tensor  # (), gives the features a mean variance of 1 over the training images

    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(
            *(nn.Conv2d(1, 32, 3, padding=1), nn.SiLU()),
            *(nn.Conv2d(32, 32, 3, padding=1), nn.SiLU(), nn.MaxPool2d(2)),
            *(nn.Conv2d(32, 64, 3, padding=1), nn.SiLU(), nn.MaxPool2d(2)),
            *(nn.Flatten(), nn.Linear(256, NUM_FEATURES)),
        )
        self.head = nn.Linear(NUM_FEATURES, 10)
        self.register_buffer("scale", torch.ones(()))

    def forward(self, grey: Float[Tensor, "b 1 8 8"]) -> Float[Tensor, "b 10"]:
        """Logits of the ten digits; grey in [0, 255]."""
        return self.head(F.silu(self._hidden(grey)))

    def features(self, grey: Float[Tensor, "b 1 8 8"]) -> Float[Tensor, "b d"]:
        """The hidden layer before its activation, scaled."""
        return self._hidden(grey) * self.scale

    def _hidden(self, grey: Tensor) -> Tensor:
        return self.body(grey / 127.5 - 1)


def train_network(data: ImageSet, seed: int, steps: int = STEPS) -> DigitsNetwork:
    """A new network, trained to classify the images; the same seed, the same bits.

    Grey levels are smeared over the width of one of the digits' own, so that the network does not
    tell a generated image by its levels in between.
    """
    torch.manual_seed(seed)
    network = DigitsNetwork()
    generator = torch.Generator().manual_seed(seed)
    optimizer = torch.optim.Adam(network.parameters(), lr=LEARNING_RATE)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)
    grey, labels = _grey(data), _labels(data)
    for _ in range(steps):
        chosen = torch.randint(len(grey), (BATCH_SIZE,), generator=generator)
        smear = GREY_LEVEL * (torch.rand(BATCH_SIZE, 1, 8, 8, generator=generator) - 0.5)
        loss = F.cross_entropy(network((grey[chosen] + smear).clamp(0, 255)), labels[chosen])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
    with torch.no_grad():
        network.scale.copy_(network.features(grey).var(dim=0).mean().rsqrt())
    return network.eval().requires_grad_(False)


def accuracy(network: DigitsNetwork, data: ImageSet) -> float:
    """Share of right answers."""
    return (network(_grey(data)).argmax(dim=1) == _labels(data)).float().mean().item()


def write_network(
    network: DigitsNetwork, folder: Path, *, seed: int, command: str, environment: dict[str, str]
) -> NetworkCard:
    """Weights first, then the card that names their digest.

    Raises:
        FlatdiffError: the folder cannot be written.
    """
    content, digest = serialize_weights(network.state_dict())
    held_out = load_images("digits", "held_out", 8, 1)
    card = NetworkCard(
        digest=digest,
        held_out_accuracy=accuracy(network, held_out),
        held_out_images=len(held_out),
        seed=seed,
        command=command,
        environment=environment,
    )
    atomic_write(folder / WEIGHTS_FILE, content)
    text = json.dumps(dataclasses.asdict(card), indent=1)
    atomic_write(folder / CARD_FILE, (text + "\n").encode())
    return card


def read_network(folder: Path = FOLDER) -> tuple[DigitsNetwork, NetworkCard]:
    """The trained network and its card.

    Raises:
        DataError: the files are absent or damaged.
    """
    try:
        content = (folder / WEIGHTS_FILE).read_bytes()
        card = from_mapping(NetworkCard, json.loads((folder / CARD_FILE).read_text()), "card")
    except (OSError, ValueError, TypeError) as error:
        raise DataError(f"the digits network in {folder} cannot be read: {error}") from None
    if (got := hashlib.sha256(content).hexdigest()) != card.digest:
        raise DataError(
            f"the digits network in {folder} has SHA-256 {got[:12]}..., its card says "
            f"{card.digest[:12]}...; restore it, or train it with: flatdiff "
            "train-features"
        )
    network = DigitsNetwork()
    network.load_state_dict(load(content))
    return network.eval().requires_grad_(False), card


def _grey(data: ImageSet) -> Float[Tensor, "n 1 8 8"]:
    return data.written().float()


def _labels(data: ImageSet) -> Tensor:
    assert data.labels is not None, "a classifier learns from labels"
    return data.labels
