"""The Frechet distance at Inception's 2048 dimensions, against clean-fid's.

    python -m benchmarks.frechet [--rounds 3]

Both sides go in turn to the same number, on one thread. clean-fid's starts from means and
covariances, which are made beforehand. Ours starts from the features where there are fewer of
them than dimensions, as in a measurement of this size, and from the same means and covariances
where there are more. The features are made here, with a spectrum that falls off as Inception's
does. clean-fid's side runs with scipy below 1.18 only.
"""

import argparse
import statistics
import time
from collections.abc import Callable

import numpy as np
from cleanfid.fid import frechet_distance as clean_fid_distance
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from flatdiff.images.frechet import Gaussian, fit, frechet_distance, gaussian_of

DIMENSIONS = 2048
NUM_IMAGES = (1024, 5000)

Array = NDArray[np.float64]


def make_features(num_images: int, seed: int) -> Array:
    """(n, 2048); another seed is another cloud around another mean."""
    generator = np.random.default_rng(seed)
    mixing = np.random.default_rng(0).normal(size=(DIMENSIONS, DIMENSIONS)) / DIMENSIONS**0.5
    scales = 1 / np.sqrt(1 + np.arange(DIMENSIONS))
    drawn = generator.normal(size=(num_images, DIMENSIONS)) * scales * generator.uniform(0.8, 1.2)
    return drawn @ mixing + 0.01 * generator.normal(size=DIMENSIONS)


def moments_of(features: Array) -> tuple[Array, Array]:
    """Mean and covariance, as clean-fid takes them."""
    return features.mean(axis=0), np.cov(features, rowvar=False)


def ours(features: Array, moments: tuple[Array, Array]) -> Gaussian:
    """What our side starts with."""
    return fit(features) if len(features) <= DIMENSIONS else gaussian_of(*moments)


def timed(distance: Callable[[], float]) -> tuple[float, float]:
    """Seconds and the number."""
    started = time.perf_counter()
    value = distance()
    return time.perf_counter() - started, value


def compare(num_images: int, seed: int) -> float:
    """One round: clean-fid's seconds over ours."""
    a, b = (make_features(num_images, 1 + 2 * seed + k) for k in range(2))
    of_a, of_b = moments_of(a), moments_of(b)
    own_s, own = timed(lambda: frechet_distance(ours(a, of_a), ours(b, of_b)))
    other_s, other = timed(lambda: float(clean_fid_distance(*of_a, *of_b)))
    print(
        f"{num_images} images: ours {own_s:5.2f} s   clean-fid {other_s:6.1f} s   ratio "
        f"{other_s / own_s:6.1f}   relative difference of the numbers {abs(own / other - 1):.0e}",
        flush=True,
    )
    return other_s / own_s


def main() -> None:
    """Print one line a round, and each case's ratio with its spread."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    rounds = parser.parse_args().rounds
    for num_images in NUM_IMAGES:
        with threadpool_limits(1):
            ratios = [compare(num_images, seed) for seed in range(rounds)]
        print(
            f"{num_images} images: ratio median {statistics.median(ratios):.1f}, from "
            f"{min(ratios):.1f} to {max(ratios):.1f}"
        )


if __name__ == "__main__":
    main()
