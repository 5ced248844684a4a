"""The perturbation for which Eq. 18 of arXiv 2503.11078 fails as printed, written down."""

import numpy as np
from numpy.typing import NDArray

from flatdiff.paper.theory.random_features import RandomFeatures


def counterexample(features: RandomFeatures) -> NDArray[np.float64]:
    """-(W g) g^T of norm 1, with g = U^T e; (d, m)."""
    g = features.U.T @ features.e
    delta = -np.outer(features.W @ g, g)
    return delta / np.linalg.norm(delta)  # of rank 1: its largest singular value is its norm
