r"""A random feature model is a score whose only learned weights are the last, linear ones.

    s_theta(x) = 1/m theta sigma(W^T x + U^T e)          (Eq. 9)

with theta (d, m) learned, W (d, m) and U (d_e, m) drawn and frozen, e (d_e,) the embedding of the
timestep. The paper's theory (arXiv 2503.11078, Sec. 3 and its appendix) is about this model. Here
d = 2, so that all of it can be computed and drawn; W and U are scaled so that ||W||_2 = ||U^T e||
= m, so that a perturbation of norm below 1 always leaves a prior. ||.||_2 of a matrix is its
largest singular value.
"""

from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
from jaxtyping import Float

from flatdiff.errors import SettingsError
from flatdiff.paper.theory.tilted_priors import Tilt, Values

Activation = Literal["identity", "relu"]
ACTIVATIONS: tuple[Activation, ...] = get_args(Activation)
DIMENSIONS = 2
EMBEDDING = np.full(4, 0.5)  # e: any unit vector does, since only U^T e enters
LEAST_FEATURES = 4  # three would do for every A and b of a tilt to be within reach
MOST_FEATURES = 64

Delta = Float[np.ndarray, "d m"]


@dataclass(frozen=True)
class RandomFeatures:
    """The frozen part of the model."""

    W: Float[np.ndarray, "d m"]
    U: Float[np.ndarray, "d_e m"]
    e: Float[np.ndarray, " d_e"]
    activation: Activation = "identity"

    @property
    def m(self) -> int:
        """Number of features."""
        return self.W.shape[1]

    @property
    def bias(self) -> Float[np.ndarray, " m"]:
        """U^T e."""
        return self.U.T @ self.e

    @property
    def row_space(self) -> Float[np.ndarray, "m three"]:
        """(W^T, U^T e): what of a perturbation is orthogonal to these columns does nothing."""
        return np.column_stack([self.W.T, self.bias])

    def features(self, x: Float[np.ndarray, "... d"]) -> Float[np.ndarray, "... m"]:
        """sigma(W^T x + U^T e)."""
        before = x @ self.W + self.bias
        return np.maximum(before, 0.0) if self.activation == "relu" else before

    def score(
        self, theta: Float[np.ndarray, "d m"], x: Float[np.ndarray, "... d"]
    ) -> Float[np.ndarray, "... d"]:
        """s_theta(x), Eq. 9."""
        return self.features(x) @ theta.T / self.m


def draw_features(m: int, seed: int, activation: Activation = "identity") -> RandomFeatures:
    """W is Gaussian; U is positive, so that every feature is active around 0, as the proof wants.

    Raises:
        SettingsError: m is out of range.
    """
    if not LEAST_FEATURES <= m <= MOST_FEATURES:
        raise SettingsError(f"m must be in [{LEAST_FEATURES}, {MOST_FEATURES}], got {m}")
    draw = np.random.default_rng(seed)
    W = draw.normal(size=(DIMENSIONS, m))
    U = np.abs(draw.normal(size=(len(EMBEDDING), m)))
    W *= m / np.linalg.norm(W, 2)
    U *= m / np.linalg.norm(U.T @ EMBEDDING)
    return RandomFeatures(W, U, EMBEDDING, activation)


def least_squares(
    features: RandomFeatures,
    x: Float[np.ndarray, "n d"],
    scores: Float[np.ndarray, "n d"],
    weights: Float[np.ndarray, " n"],
) -> Float[np.ndarray, "d m"]:
    """theta* with the least mean loss (Eq. 10) over weighted points; of many, the shortest."""
    root = np.sqrt(weights)[:, None]
    solved = np.linalg.lstsq(root * features.features(x), root * scores, rcond=1e-10)[0]
    return features.m * solved.T


def score_loss(scores: Float[np.ndarray, "... d"], targets: Float[np.ndarray, "... d"]) -> Values:
    """Eq. 10 at every point: the squared distance of the model's score from the prior's."""
    return np.asarray(np.square(scores - targets).sum(-1))


def tilt_of(features: RandomFeatures, delta: Delta, *, as_printed: bool = False) -> Tilt:
    """I(x, delta) of Theorem 3.3, with the proof's 1/m (Eq. 34) or as printed without it."""
    scale = 1.0 if as_printed else 1.0 / features.m
    return Tilt(scale * delta @ features.W.T, scale * delta @ features.bias)


def of_norm(delta: Delta, size: float) -> Delta:
    """The same direction with ||delta||_2 = size."""
    return delta * (size / np.linalg.norm(delta, 2))


def asymmetric(features: RandomFeatures) -> Delta:
    """The direction, of norm 1, that breaks the symmetry of delta W^T and nothing else does."""
    return of_norm(np.stack([features.W[1], -features.W[0]]), 1.0)


def random_perturbation(features: RandomFeatures, seed: int) -> Delta:
    """A Gaussian direction of norm 1, made symmetric: what is left of it on that hyperplane."""
    delta = np.random.default_rng(seed).normal(size=features.W.shape)
    return of_norm(_symmetric(features, delta), 1.0)


def effective_perturbations(
    features: RandomFeatures, count: int, seed: int
) -> Float[np.ndarray, "count d m"]:
    """The same without what does nothing: each row a mix of the row space, (count, d, m)."""
    draws = np.random.default_rng(seed).normal(size=(count, DIMENSIONS, 3))
    deltas = _symmetric(features, draws @ _basis(features).T)
    return deltas / np.linalg.norm(deltas, 2, axis=(-2, -1), keepdims=True)


@dataclass(frozen=True)
class Slice:
    """The perturbations v w^T that stretch and shift the prior along one axis v.

    delta W^T is symmetric if and only if W w is along v: the unit vectors w that do anything are a
    circle, and the angle on it is the `mix`, in degrees. 0 narrows and shifts as far as it can,
    90 narrows without a shift, 180 widens and shifts, 270 widens without a shift, if v is along
    W U^T e; along other axes the places without a shift or a stretch are elsewhere.
    """

    v: Float[np.ndarray, " d"]
    farthest: Float[np.ndarray, " m"]  # w of mix 0: the nearest to U^T e
    narrowest: Float[np.ndarray, " m"]  # w of mix 90: orthogonal to U^T e

    def perturbations(self, mix: Float[np.ndarray, "..."] | float) -> Float[np.ndarray, "... d m"]:
        """Of norm 1, by mix."""
        turn = np.deg2rad(np.asarray(mix, dtype=float))[..., None]
        w = np.cos(turn) * self.farthest + np.sin(turn) * self.narrowest
        return self.v[:, None] * w[..., None, :]

    def only_shift(self, features: RandomFeatures) -> float:
        """The mix that does not stretch, and shifts along v."""
        pulls = self.v @ features.W @ np.column_stack([self.farthest, self.narrowest])
        return float(np.rad2deg(np.arctan2(pulls[0], -pulls[1])) % 360)


def slice_along(features: RandomFeatures, degrees: float | None = None) -> Slice:
    """The slice of an axis.

    Args:
        features: of the model.
        degrees: from the first coordinate to the axis; None: along W g with g = U^T e. There, mix
            180 is -(W g) g^T scaled to norm 1, for which Eq. 18 as printed fails at every size:
            it widens the prior along the axis on which it shifts it.
    """
    turn = np.deg2rad(degrees or 0.0)
    v = np.array([np.cos(turn), np.sin(turn)])
    if degrees is None:
        v = features.W @ features.bias
        v /= np.linalg.norm(v)
    basis = _basis(features)
    across = basis.T @ features.W.T @ np.array([-v[1], v[0]])  # W w is along v: w is across this
    across /= np.linalg.norm(across)
    bias = basis.T @ features.bias
    farthest = bias - (bias @ across) * across
    farthest /= np.linalg.norm(farthest)
    v = v * np.where(v @ features.W @ basis @ farthest < 0, -1.0, 1.0)
    narrowest = np.cross(across, farthest)
    narrowest = narrowest * np.where(v @ features.W @ basis @ narrowest < 0, -1.0, 1.0)
    return Slice(v, basis @ farthest, basis @ narrowest)


def needed_size(
    features: RandomFeatures,
    v: Float[np.ndarray, " d"],
    mean: Values,
    std: Values,
) -> Values:
    """The least ||delta||_2 that makes N(0, I) this Gaussian.

    Args:
        features: of the model.
        v: a unit vector.
        mean: along v; 0 across it.
        std: along v; 1 across it.
    """
    precision = 1 / np.square(std)
    rows = np.concatenate([(precision - 1)[..., None] * v, (-mean * precision)[..., None]], -1)
    return np.asarray(
        features.m * np.linalg.norm(rows @ np.linalg.pinv(features.row_space), axis=-1)
    )


def _symmetric(features: RandomFeatures, deltas: np.ndarray) -> np.ndarray:
    """Perturbations (..., d, m) without their asymmetric part."""
    normal = asymmetric(features)
    share = (deltas * normal).sum((-1, -2), keepdims=True) / np.square(normal).sum()
    return deltas - share * normal


def _basis(features: RandomFeatures) -> Float[np.ndarray, "m three"]:
    """An orthonormal basis of the row space."""
    return np.linalg.qr(features.row_space)[0]
