"""`statistics`: look once through all real images of a dataset that is too large to wait for."""

import sys
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from flatdiff.checkpoints.card import read_card
from flatdiff.images.datasets import Split
from flatdiff.measures.frechet import FeatureName
from flatdiff.system.files import checkpoint_root

if TYPE_CHECKING:
    from flatdiff.images.features import Features


def statistics(
    *, checkpoint: str, features: FeatureName = "inception", split: Split = "train"
) -> int:
    """Make the reference statistics of a checkpoint's dataset, for every checkpoint of it.

    Args:
        checkpoint: <family>/<name>, whose dataset and image size count.
        features: the network that looks.
        split: the real images to compare samples with.
    """
    from flatdiff.diffusion.devices import pick_device
    from flatdiff.images.features import feature_network
    from flatdiff.images.statistics import (
        ImageSource,
        feature_batches,
        statistics_file,
        statistics_of,
        write_statistics,
    )

    card = read_card(checkpoint_root(), checkpoint)
    network = feature_network(features, pick_device())
    source = ImageSource(card.dataset, split, card.flags.image_size, card.flags.in_channels)
    images = source.load()
    found = statistics_of(_counted(feature_batches(network, images), len(images)))
    path = statistics_file(network, source)
    write_statistics(path, found)
    print(f"written: {path}, of {found.num_images:,} images")
    return 0


def _counted(batches: "Iterable[Features]", total: int) -> "Iterator[Features]":
    """The same, with one line on the terminal that keeps up."""
    done = 0
    for features in batches:
        done += len(features)
        if sys.stderr.isatty():
            print(f"\r{done:,} of {total:,} images ", end="", file=sys.stderr, flush=True)
        yield features
