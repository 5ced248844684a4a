"""Subjects of known truth: a quadratic loss, a network that predicts a constant, a random network.

And the requests and arrays that the tests of the store share.
"""

import dataclasses
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from flatdiff.checkpoints.card import Card
from flatdiff.diffusion.any_flags import Flags
from flatdiff.diffusion.flags import AdmFlags
from flatdiff.diffusion.unet import AdmUNet
from flatdiff.images.datasets import Split
from flatdiff.landscape.curvature import Curvature
from flatdiff.landscape.flat_weights import FlatWeights
from flatdiff.landscape.panel import Panel
from flatdiff.landscape.subject import Subject
from flatdiff.measures import MEASURES
from flatdiff.measures.request import Request
from flatdiff.measures.surface import SurfaceSettings
from flatdiff.system.arrays import Arrays
from tests.tiny import CPU, TINY, random_network, tiny_recipe

torch.set_num_threads(1)

NUM_MEMBERS = 3  # panel members of a quadratic subject


def card_of(flags: Flags = TINY, **changes: Any) -> Card:
    """A card of weights that were never written to disk."""
    settings = {
        "family": "digits",
        "name": "adm",
        "method": "adm",
        "weights": "raw",
        "dataset": "digits",
        "split": "train",
        "flags": flags,
        "step": 12,
        "num_parameters": 1,
        "digest": "0" * 64,
        "recipe": tiny_recipe(),
    }
    return Card(**{**settings, **changes})


def digits_subject(
    size: int = 6,
    seed: int = 0,
    model: AdmUNet | None = None,
    flags: AdmFlags = TINY,
    split: Split = "held_out",
) -> Subject:
    """A real subject on digits; without a model, one with random weights that are not zero."""
    network = random_network(flags) if model is None else model
    return Subject(card_of(network.flags), network, Panel(size=size, seed=seed, split=split))


def constant_network(eps: float) -> AdmUNet:
    """Predicts `eps` for every pixel of every image at every step: only the last bias counts."""
    model = random_network(TINY)
    with torch.no_grad():
        model.get_parameter("out.2.weight").zero_()
        model.get_parameter("out.2.bias").fill_(eps)
    return model


class QuadraticSubject(Subject):
    """Member n loses 0.5 d^T A_n d + g_n^T d + c_n at an offset d from the checkpoint.

    The points, directions and rounding are the real subject's; only the network is replaced.
    """

    def __init__(self, hessians: Tensor, slopes: Tensor | None = None) -> None:
        torch.manual_seed(7)
        # Filters, a norm's pair and biases: every kind of tensor that directions treat apart.
        self.net = nn.Sequential(nn.Conv2d(1, 2, 2), nn.LayerNorm(2), nn.Linear(2, 2)).double()
        self.weights = FlatWeights(self.net)
        self.device = CPU
        self.panel = Panel(size=len(hessians))
        self.partners: tuple[Tensor, ...] = ()
        self.card = card_of()
        self.hessians = hessians.double()
        flat = torch.zeros(hessians.shape[:2])
        self.slopes = (flat if slopes is None else slopes).double()
        self.constants = torch.arange(1.0, 1 + len(hessians)).double() / 4
        self.calls = 0
        self.curvature = Curvature(self.weights, lambda: [self._mean_loss])

    def plane(self, seed: int, normalization: Any) -> tuple[Tensor, Tensor]:
        """Not cached."""
        return self._plane(seed, normalization)

    def rounded(self, scheme: Any, names: Any = None) -> Tensor:
        """Not cached."""
        return self._rounded(scheme, names)

    @property
    def num_steps(self) -> int:
        """As in most processes."""
        return 1000

    @property
    def timesteps(self) -> Any:
        """One member in each of the first bins."""
        return np.arange(len(self.constants)) * 100

    def losses(self) -> Any:
        """(NUM_MEMBERS,), float64."""
        self.calls += 1
        return self.truth((self.weights.theta - self.weights.origin).numpy())

    def losses_and_bounds(self) -> Any:
        """Told apart from the losses by their sign."""
        losses = self.losses()
        return losses, -losses

    def _mean_loss(self, parameters: dict[str, Tensor]) -> Tensor:
        """What can be differentiated."""
        known = [(slot.name, slot.of(self.weights.theta)) for slot in self.weights.slots]
        theta = torch.cat([parameters.get(name, own).flatten() for name, own in known])
        offset = theta - self.weights.origin
        curved = 0.5 * torch.einsum("i,nij,j->n", offset, self.hessians, offset)
        return (curved + self.slopes @ offset + self.constants).mean()

    def truth(self, offset: NDArray[np.float64]) -> NDArray[np.float64]:
        """The loss of each member at an offset from the checkpoint."""
        curved = 0.5 * np.einsum("i,nij,j->n", offset, self.hessians.numpy(), offset)
        return curved + self.slopes.numpy() @ offset + self.constants.numpy()


# Parameters of the network in QuadraticSubject: 8 + 2, 2 + 2, 4 + 2.
NUM_WEIGHTS = 20


def random_hessians(seed: int = 0) -> Tensor:
    """Symmetric, neither diagonal nor definite, another one for each member."""
    draws = torch.randn(
        NUM_MEMBERS, NUM_WEIGHTS, NUM_WEIGHTS, generator=torch.Generator().manual_seed(seed)
    )
    return draws + draws.mT


def random_slopes(seed: int = 0) -> Tensor:
    """Another one for each member."""
    return torch.randn(NUM_MEMBERS, NUM_WEIGHTS, generator=torch.Generator().manual_seed(seed))


def linear_subject(seed: int = 0) -> QuadraticSubject:
    """No curvature at all."""
    flat = torch.zeros(NUM_MEMBERS, NUM_WEIGHTS, NUM_WEIGHTS)
    return QuadraticSubject(flat, random_slopes(seed))


def computed(subject: Subject, measure: str, settings: Any, num_items: int | None = None) -> Any:
    """The result of a measure, of all items or of the first few."""
    definition = MEASURES[measure]
    items = definition.items(settings)[:num_items]
    done = {k: definition.evaluate(subject, settings, item) for k, item in enumerate(items)}
    return definition.assemble(settings, done)


def surface_request(**changes: Any) -> Request:
    """A request of thirteen cells and their base: 14 items."""
    settings = {"dimensions": 1, "resolution": 13, **changes}
    return Request(
        measure="surface",
        checkpoint="digits/adm",
        checkpoint_digest="0" * 64,
        architecture="a" * 64,
        panel=Panel(size=4),
        settings=SurfaceSettings(**settings),
    )


def arrays_of(item: int) -> Arrays:
    """Arrays that name their item, with every kind of number that must survive."""
    odd = [float("nan"), float("inf"), -float("inf"), -0.0, 1e-310, item + 1 / 3]
    return {"losses": np.array([*odd, item]), "image": np.full((2, 2), item % 256, np.uint8)}


def same_arrays(one: Arrays, other: Arrays) -> bool:
    """Names, types, shapes and bytes; NaN equals NaN and 0 is not -0."""
    return one.keys() == other.keys() and all(
        (one[name].dtype, one[name].shape, one[name].tobytes())
        == (other[name].dtype, other[name].shape, other[name].tobytes())
        for name in one
    )


def changed(record: Any, **changes: Any) -> Any:
    """A frozen record with some fields replaced."""
    return dataclasses.replace(record, **changes)


def wide_weights(length: int) -> FlatWeights:
    """The weights of one wide neuron, standard normal."""
    net = nn.Linear(length, 1, bias=False)
    with torch.no_grad():
        net.weight.normal_(generator=torch.Generator().manual_seed(1))
    return FlatWeights(net)
