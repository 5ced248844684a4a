"""Reference statistics say what the real images of a split look like to a feature network.

Mean and covariance are of the whole split, as clean-fid's custom statistics are; of its features,
those of up to ten thousand images are kept, in one random order, for what compares image with
image. A small split is looked through whenever it is asked for; a large one once, by `python -m
flatdiff statistics`, into a file that serves every checkpoint of the dataset.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from flatdiff.errors import DataError, StoreError
from flatdiff.images.datasets import Split, dataset_fingerprint
from flatdiff.images.features import IMAGES_AT_ONCE, FeatureNetwork, Features
from flatdiff.images.frechet import Gaussian, ReferenceStatistics, gaussian_of
from flatdiff.images.image_set import ImageSet, load_images
from flatdiff.settings import digest
from flatdiff.system.arrays import decode_arrays, encode_arrays
from flatdiff.system.files import atomic_write, state_home

VERSION = 1  # raised when the same split would give other statistics
SMALL_SPLIT = 2000  # images that are looked through without asking
KEPT_FEATURES = 10_000


@dataclass(frozen=True)
class ImageSource:
    """Which real images, at which size."""

    dataset: str
    split: Split
    image_size: int  # pixels a side
    channels: int

    def load(self) -> ImageSet:
        """The images; see `load_images` for the errors."""
        return load_images(self.dataset, self.split, self.image_size, self.channels)


def reference_statistics(network: FeatureNetwork, source: ImageSource) -> ReferenceStatistics:
    """Read from their file, or made at once where the split is small.

    Raises:
        DataError: the split is large and has no file, or the images or the file cannot be read.
    """
    path = statistics_file(network, source)
    if path.exists():
        return _read(path)
    images = source.load()
    if len(images) > SMALL_SPLIT:
        raise DataError(
            f"the {len(images):,} images of {source.dataset}, {source.split}, have no statistics "
            f"in {network.name} features yet; make them once with: flatdiff statistics "
            f"--checkpoint <family>/<name> --features {network.name} --split {source.split}"
        )
    return statistics_of(feature_batches(network, images))


def statistics_file(network: FeatureNetwork, source: ImageSource) -> Path:
    """Where they are kept; another name where the images or the network are others."""
    fingerprint = dataset_fingerprint(source.dataset, fresh=True)
    key = digest(
        {
            "version": VERSION,
            "source": vars(source),
            "data": fingerprint,
            "network": network.digest,
        }
    )
    return state_home() / "features" / f"{network.name}-{source.split}-{key[:16]}.npz"


def feature_batches(network: FeatureNetwork, images: ImageSet) -> Iterator[Features]:
    """Features of all images in one random order, a few at a time."""
    values = images.written().permute(0, 2, 3, 1).numpy()
    order = torch.randperm(len(values), generator=torch.Generator().manual_seed(0)).numpy()
    for start in range(0, len(values), IMAGES_AT_ONCE):
        yield network(values[order[start : start + IMAGES_AT_ONCE]])


def statistics_of(batches: Iterable[Features]) -> ReferenceStatistics:
    """Of all batches together, in float64; at least two images."""
    count, kept, total, products = 0, [], 0.0, 0.0
    for features in batches:
        if count < KEPT_FEATURES:
            kept.append(features[: KEPT_FEATURES - count])
        wide = features.astype(np.float64)
        count, total, products = (
            count + len(wide),
            total + wide.sum(axis=0),
            products + wide.T @ wide,
        )
    mu = np.asarray(total / count)
    cov = (products - count * np.outer(mu, mu)) / (count - 1)
    return ReferenceStatistics(gaussian_of(mu, cov), np.concatenate(kept), count)


def write_statistics(path: Path, statistics: ReferenceStatistics) -> None:
    """Without pickle, atomically.

    Raises:
        FlatdiffError: the folder cannot be written.
    """
    arrays = {
        "mu": statistics.gaussian.mu,
        "root": statistics.gaussian.root,
        "features": statistics.features,
        "num_images": np.array(statistics.num_images),
    }
    atomic_write(path, encode_arrays([arrays]))


def _read(path: Path) -> ReferenceStatistics:
    try:
        (arrays,) = decode_arrays(path.read_bytes())
        fitted = Gaussian(arrays["mu"], arrays["root"])
        return ReferenceStatistics(fitted, arrays["features"], int(arrays["num_images"]))
    except (OSError, StoreError, ValueError, KeyError) as error:
        raise DataError(
            f"the statistics in {path} cannot be read ({error}); remove the file and make them "
            "again"
        ) from None
