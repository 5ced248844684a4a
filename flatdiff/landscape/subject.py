"""A subject is a checkpoint made measurable: its network, its objective, its panel, its weights.

The only door between the measures and torch: measures ask for losses, norms and images at points
near the checkpoint, and get NumPy arrays. Everything is float32 and in eval mode, and the weights
are back bit by bit when a question has been answered or has failed.
"""

import copy
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from functools import cached_property, lru_cache, partial

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.func import functional_call

from flatdiff.checkpoints.card import Card
from flatdiff.checkpoints.tensors import Shapes
from flatdiff.images.datasets import Split
from flatdiff.images.features import FeatureNetwork, feature_network
from flatdiff.images.frechet import ReferenceStatistics
from flatdiff.images.image_set import ImageSet, load_images
from flatdiff.images.statistics import ImageSource, reference_statistics
from flatdiff.landscape.activations import activation_grams
from flatdiff.landscape.ascent import ascend
from flatdiff.landscape.chains import Chains
from flatdiff.landscape.curvature import Curvature, LossTerm
from flatdiff.landscape.directions import (
    coordinates,
    filter_scales,
    gaussian,
    normalize_direction,
    orthogonalize,
    plane_through,
)
from flatdiff.landscape.flat_weights import FlatWeights, Vector, quantized_weights
from flatdiff.landscape.measurable import Grams, Losses, Names
from flatdiff.landscape.noise import Noise, Normalization
from flatdiff.landscape.objective import draw_panel, objective_of
from flatdiff.landscape.panel import Panel
from flatdiff.landscape.quantization import Scheme
from flatdiff.landscape.rescaling import rescalable
from flatdiff.settings import require

# Values of one activation that a batch may hold: bounds memory whatever the network. A processor
# is fastest, by a tenth to a fifth, with batches that stay near its cache (8 to 16 images of the
# CIFAR-10 network, 128 of digits).
MAX_ACTIVATION_VALUES = 1 << 25
MAX_CACHED_VALUES = 1 << 20
MAX_CACHED_IMAGES = 128
# The same where a loss is differentiated twice: some 600 activations stay, 2.5 GB in all.
MAX_GRAPH_VALUES = 1 << 20
# The same where all images of a batch pass at once, 1 GB.
MAX_HEARD_VALUES = 1 << 28


class Subject:
    """One checkpoint on one panel, on one device."""

    def __init__(
        self, card: Card, model: nn.Module, panel: Panel, partners: Sequence[Vector] = ()
    ) -> None:
        self.card = card
        self.model = model
        self.panel = panel
        flags = card.flags
        self.objective = objective_of(flags, model)
        self.device = next(model.parameters()).device
        self.weights = FlatWeights(model)
        self.partners = tuple(partners)  # weights of further checkpoints
        self.images = self._real_images(panel.split)
        process = self.objective.process
        self.tensors = draw_panel(flags.num_classes, self.images, panel, process, self.device)
        self.chains = Chains(flags, self.images, self._network, self.device)
        # Every cell of a surface asks for the same directions; drawing them costs half a forward.
        self.plane = lru_cache(maxsize=1)(self._plane)
        # Every chunk asks for the same images, which may be read from a disk.
        self.chains_on = lru_cache(maxsize=2)(self._chains_on)
        # Chunks of samples take turns at two widths; the search for a range takes seconds.
        self.rounded = lru_cache(maxsize=2)(self._rounded)
        # A whole network more; many questions are asked of one before the next.
        self.rescaled = lru_cache(maxsize=1)(self._rescaled)
        self.curvature = Curvature(self.weights, self._loss_terms)
        # Called before each pass, of which a long chain has thousands; may raise to end it.
        self.between_calls: Callable[[], None] = lambda: None

    # -- points -----------------------------------------------------------------------------

    def at(self, *terms: tuple[float, Vector]) -> AbstractContextManager[None]:
        """Inside: theta = checkpoint + sum of coefficient * direction."""
        return self.weights.moved(*terms)

    def quantized(
        self, scheme: Scheme, names: Names | None = None
    ) -> AbstractContextManager[None]:
        """Inside: all of the checkpoint's tensors rounded, or some; 32 bits change nothing."""
        return self.weights.replaced(self.rounded(scheme, names))

    def _rounded(self, scheme: Scheme, names: Names | None = None) -> Vector:
        return quantized_weights(self.weights, scheme, names)

    def _rescaled(self, factor: float) -> "Subject":
        """The same function from other weights, as a checkpoint of its own; see `rescaling`."""
        model = copy.deepcopy(self.model)
        scale_shift = self.card.flags.use_scale_shift_norm
        with torch.no_grad():
            for name in rescalable(self.shapes, use_scale_shift_norm=scale_shift):
                model.get_parameter(name).mul_(factor)
        twin = Subject(self.card, model, self.panel)
        twin.between_calls = lambda: self.between_calls()
        return twin

    def direction(self, seed: int, index: int, normalization: Normalization) -> Vector:
        """Random direction number `index` of a seed; equal draws for equal architectures."""
        drawn = gaussian(len(self.weights), seed, index).to(self.device)
        return normalize_direction(self.weights, drawn, normalization)

    def _plane(self, seed: int, normalization: Normalization) -> tuple[Vector, Vector]:
        """Two directions, the second orthogonal to the first *after* normalisation."""
        first, second = (self.direction(seed, index, normalization) for index in (0, 1))
        return first, orthogonalize(second, first)

    def activation_grams(self, level: float, rows: slice, names: Names) -> Grams:
        """Of some panel members at one noise level, at the current point; see `activations`.

        Raises:
            SettingsError: the activations of so many images have no room.
        """
        most, count = self._fitting(MAX_HEARD_VALUES), rows.stop - rows.start
        expected = f"at most {most}, for their activations to have room: ask for more batches"
        require(count <= most, "images of a batch", expected, count)
        found, eps = activation_grams(self.objective, self.tensors, level, rows, names)
        return {name: one.cpu().numpy() for name, one in found.items()}, _to_numpy(eps)

    def partner_offset(self, index: int) -> Vector:
        """From the checkpoint to a partner."""
        return self.partners[index] - self.weights.origin

    def partner_plane(self) -> tuple[Vector, Vector]:
        """Axes through the checkpoint and its first one or two partners."""
        return plane_through(self.weights.origin, self.partners[:2])

    def partner_coordinates(self, first: Vector, second: Vector) -> NDArray[np.float64]:
        """Where every partner lies on two axes, (K, 3); see `directions`."""
        return coordinates(self.weights.origin, self.partners, first, second)

    def noise_direction(self, seed: int, index: int, noise: Noise) -> Vector:
        """Gaussian weight noise of unit norm, of unit sigma, or in units of each filter's size."""
        drawn = gaussian(len(self.weights), seed, index).to(self.device)
        if noise == "sphere":
            return drawn / drawn.norm()
        return drawn if noise == "absolute" else drawn * self._filter_scales

    def within(self, vector: Vector, names: Names) -> Vector:
        """A direction within some tensors alone."""
        return self.weights.only(vector, names)

    def eigenvectors(self, count: int, seed: int) -> tuple[Vector, ...]:
        """Of the panel loss's Hessian, from the top down; see `Curvature`."""
        return self.curvature.eigenvectors(count, seed)

    def ascent(self, radius: float, num_steps: int, *, adaptive: bool) -> Iterator[Vector]:
        """Towards the worst weights within a ball, step by step; see `ascent.ascend`."""
        return ascend(self.weights, self.curvature.gradient, radius, num_steps, adaptive=adaptive)

    @cached_property
    def _filter_scales(self) -> Vector:
        return filter_scales(self.weights)

    def cosine(self, first: Vector, second: Vector) -> float:
        """Of the angle between two directions, in float64; 0 where one of them is."""
        a, b = first.double(), second.double()
        norms = float(a.norm() * b.norm())
        return float(a @ b) / norms if norms else 0.0

    def relative_norm(self, vector: Vector) -> float:
        """||vector|| / ||theta||."""
        return float(vector.double().norm() / self.weights.origin.double().norm())

    def relative_distance(self) -> float:
        """How far the current point is from the checkpoint, as a share of ||theta||."""
        return self.relative_norm(self.weights.theta - self.weights.origin)

    def quantization_error(self, scheme: Scheme, names: Names | None = None) -> float:
        """||w_q - w|| / ||w||, of all weights or of some tensors'."""
        origin = self.weights.origin
        change = self.rounded(scheme, names) - origin  # 0 outside of them
        own = origin if names is None else self.within(origin, names)
        return float(change.double().norm() / own.double().norm())

    @property
    def shapes(self) -> Shapes:
        """Of every tensor, by its name in the state dict."""
        return {slot.name: tuple(slot.shape) for slot in self.weights.slots}

    @property
    def num_weights(self) -> int:
        """P."""
        return len(self.weights)

    @property
    def num_steps(self) -> int:
        """T of the un-respaced process; 1 where there is none."""
        process = self.objective.process
        return 1 if process is None else process.num_steps

    @property
    def timesteps(self) -> NDArray[np.int64]:
        """The timestep of each panel member, (N,), in [0, T)."""
        return self.tensors.t.cpu().numpy()

    # -- losses -----------------------------------------------------------------------------

    def losses(self) -> Losses:
        """Of each panel member at the current point, (N,); for diffusion the epsilon-MSE."""
        found = [self._member_losses(rows, out) for rows, out in self._outputs()]
        return _to_numpy(torch.cat(found))

    def losses_and_bounds(self) -> tuple[Losses, Losses | None]:
        """Beside the losses the variational bounds in bits per dimension, from the same pass.

        The bounds are None without learned variance.
        """
        losses, bounds = list[Tensor](), list[Tensor]()
        for rows, out in self._outputs():
            losses.append(self._member_losses(rows, out))
            bound = self.objective.bounds(self.tensors, rows, out)
            if bound is not None:
                bounds.append(bound)
        return _to_numpy(torch.cat(losses)), _to_numpy(torch.cat(bounds)) if bounds else None

    def _member_losses(self, rows: slice, out: Tensor) -> Tensor:
        return self.objective.losses(self.tensors, rows, out)

    def _loss_terms(self) -> Iterator[LossTerm]:
        """Of the panel's mean loss, each small enough to be differentiated twice."""
        for rows in self._batches(self._fitting(MAX_GRAPH_VALUES)):
            yield partial(self._loss_term, rows)

    def _loss_term(self, rows: slice, parameters: dict[str, Tensor]) -> Tensor:
        asked = self.objective
        leaves = {asked.prefix + name: leaf for name, leaf in parameters.items()}
        out = functional_call(asked.module, leaves, asked.inputs(self.tensors, rows))
        return self._member_losses(rows, out).sum() / self.panel.size

    def _outputs(self) -> Iterator[tuple[slice, Tensor]]:
        for rows in self._batches(self.batch_size):
            yield rows, self._network(*self.objective.inputs(self.tensors, rows))

    def _batches(self, size: int) -> Iterator[slice]:
        return (slice(start, start + size) for start in range(0, self.panel.size, size))

    @property
    def batch_size(self) -> int:
        """Images a network call."""
        if self.device.type == "cpu":
            return min(MAX_CACHED_IMAGES, self._fitting(MAX_CACHED_VALUES))
        return self._fitting(MAX_ACTIVATION_VALUES)

    def _fitting(self, max_values: int) -> int:
        """Images a batch, by the size of the network's largest activation."""
        flags = self.card.flags
        values = flags.num_channels * flags.image_size**2
        return max(1, min(self.panel.size, max_values // values))

    @torch.inference_mode()
    def _network(self, *inputs: Tensor | None) -> Tensor:
        self.between_calls()
        return self.objective.module(*inputs)

    def _chains_on(self, split: Split) -> Chains:
        """Chains whose real images are those of a split, whatever the panel's."""
        if split == self.panel.split:
            return self.chains
        return Chains(self.card.flags, self._real_images(split), self._network, self.device)

    def _real_images(self, split: Split) -> ImageSet:
        flags = self.card.flags
        return load_images(self.panel.dataset, split, flags.image_size, flags.in_channels)

    # -- features ---------------------------------------------------------------------------

    def features(self, name: str) -> FeatureNetwork:
        """A feature network on this device; see `features.NETWORKS`."""
        return feature_network(name, self.device)

    def reference_statistics(self, name: str, split: Split) -> ReferenceStatistics:
        """Of the real images that this checkpoint's samples are like."""
        flags = self.card.flags
        source = ImageSource(self.panel.dataset, split, flags.image_size, flags.in_channels)
        return reference_statistics(self.features(name), source)


def _to_numpy(values: Tensor) -> NDArray[np.float32]:
    return values.float().cpu().numpy()
