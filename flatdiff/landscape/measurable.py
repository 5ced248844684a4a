"""A measurable is what a measure may ask of a checkpoint: losses, norms and images near it.

`subject.Subject` answers with torch. Here are the questions alone, without it, so that measures
(and the pages that import them) never load it. Answers are NumPy arrays.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from flatdiff.checkpoints.card import Card
from flatdiff.checkpoints.tensors import Shapes
from flatdiff.images.datasets import Split
from flatdiff.images.frechet import ReferenceStatistics
from flatdiff.landscape.noise import Noise, Normalization
from flatdiff.landscape.quantization import Scheme
from flatdiff.landscape.spectrum import Eigenpairs, Quadrature

# (n, n) by module, of n images, and their predicted noises, (n, D).
Grams = tuple[Mapping[str, NDArray[np.float64]], NDArray[np.float32]]
Losses = NDArray[np.float32]  # (N,), one a panel member
Names = tuple[str, ...]  # of tensors in the state dict
Vector = Any  # of theta's length, wherever the weights live; a measure only hands it back


@runtime_checkable  # or no checker of annotations takes it
class MeasurableChains(Protocol):
    """Sampling and its errors; see `chains.Chains`."""

    def sample(
        self, num_images: int, num_sampling_steps: int, seed: int, labels: Sequence[int] = ()
    ) -> NDArray[np.uint8]: ...

    def sampling_eps_norms(
        self, num_images: int, num_sampling_steps: int, seed: int, eps_scale: float = 1.0
    ) -> NDArray[np.float32]: ...

    def training_eps_norms(
        self, num_images: int, num_sampling_steps: int, seed: int, *, dequantize: bool = False
    ) -> NDArray[np.float32]: ...

    def errors(
        self,
        num_images: int,
        num_sampling_steps: int,
        seed: int,
        eps_scale: float = 1.0,
        *,
        dequantize: bool = False,
    ) -> NDArray[np.float32]: ...

    def forward_std(self, num_sampling_steps: int) -> NDArray[np.float64]: ...

    @property
    def grey_step(self) -> float: ...


@runtime_checkable
class MeasurableCurvature(Protocol):
    """The Hessian of the panel's loss; see `curvature.Curvature`."""

    def within(self, names: Names) -> "MeasurableCurvature": ...

    def gradient_norm(self) -> float: ...

    def eigenpairs(self, count: int, seed: int, tolerance: float, /) -> Eigenpairs: ...

    def lanczos(self, num_steps: int, seed: int) -> Quadrature: ...

    def signs(self, seed: int) -> Vector: ...

    def vector(self, values: NDArray[Any], /) -> Vector: ...


@runtime_checkable
class FeatureFunction(Protocol):
    """Images (N, H, W, C) in bytes to features (N, D); see `features.FeatureNetwork`."""

    @property
    def digest(self) -> str: ...

    def __call__(self, images: NDArray[np.uint8], /) -> NDArray[Any]: ...


@runtime_checkable
class Measurable(Protocol):
    """A checkpoint on one panel; see `subject.Subject`, whose words these are."""

    @property
    def card(self) -> Card: ...

    @property
    def chains(self) -> MeasurableChains: ...

    def chains_on(self, split: Split, /) -> MeasurableChains: ...

    @property
    def curvature(self) -> MeasurableCurvature: ...

    @property
    def shapes(self) -> Shapes: ...

    @property
    def num_weights(self) -> int: ...

    @property
    def num_steps(self) -> int: ...

    @property
    def timesteps(self) -> NDArray[np.int64]: ...

    def losses(self) -> Losses: ...

    def losses_and_bounds(self) -> tuple[Losses, Losses | None]: ...

    def at(self, *terms: tuple[float, Vector]) -> AbstractContextManager[None]: ...

    def quantized(
        self, scheme: Scheme, names: Names | None = None
    ) -> AbstractContextManager[None]: ...

    def quantization_error(self, scheme: Scheme, names: Names | None = None) -> float: ...

    def rescaled(self, factor: float, /) -> "Measurable": ...

    def noise_direction(self, seed: int, index: int, noise: Noise) -> Vector: ...

    def within(self, vector: Vector, names: Names) -> Vector: ...

    def plane(self, seed: int, normalization: Normalization, /) -> tuple[Vector, Vector]: ...

    @property
    def partners(self) -> Sequence[Vector]: ...

    def activation_grams(self, level: float, rows: slice, names: Names) -> Grams: ...

    def partner_offset(self, index: int) -> Vector: ...

    def partner_plane(self) -> tuple[Vector, Vector]: ...

    def partner_coordinates(self, first: Vector, second: Vector) -> NDArray[np.float64]: ...

    def eigenvectors(self, count: int, seed: int) -> tuple[Vector, ...]: ...

    def ascent(self, radius: float, num_steps: int, *, adaptive: bool) -> Iterator[Vector]: ...

    def cosine(self, first: Vector, second: Vector) -> float: ...

    def relative_norm(self, vector: Vector) -> float: ...

    def relative_distance(self) -> float: ...

    def features(self, name: str) -> FeatureFunction: ...

    def reference_statistics(self, name: str, split: Split) -> ReferenceStatistics: ...
