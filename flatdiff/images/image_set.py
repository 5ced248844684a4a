"""An image set is the real images of one split of a dataset as a tensor, all of one size."""

from collections.abc import Callable
from dataclasses import dataclass
from pkgutil import resolve_name

import torch
from jaxtyping import Float, Int
from torch import Tensor

from flatdiff.errors import DataError
from flatdiff.images.datasets import Dataset, Split, dataset_of


@dataclass(frozen=True)
class Wanted:
    """Which images somebody asks for."""

    split: Split
    image_size: int  # pixels a side
    channels: int


@dataclass(frozen=True)
class ImageSet:
    """N images of one split, kept in their own integers until they are used."""

    values: Tensor  # (N, C, H, W), uint8
    white: int  # the integer that becomes +1; 0 becomes -1
    labels: Int[Tensor, " n"] | None = None

    def __len__(self) -> int:
        return len(self.values)

    def images(self, indices: Int[Tensor, " b"]) -> Float[Tensor, "b c h w"]:
        """The chosen images in [-1, 1], float32."""
        return self.values[indices].float() * (2 / self.white) - 1

    def written(self) -> Tensor:
        """All images as a sample is written: (x + 1) * 127.5, truncated; (N, C, H, W), uint8."""
        if self.white == 255:
            return self.values  # may be mapped from a file that is larger than memory
        return (self.values.int() * 255 // self.white).to(torch.uint8)

    def labels_for(
        self, num_classes: int | None, indices: Int[Tensor, " b"]
    ) -> Int[Tensor, " b"] | None:
        """What a network of so many classes is told; None where it is unconditional.

        Raises:
            DataError: the images have no labels, or more classes than the network knows.
        """
        if num_classes is None:
            return None
        if self.labels is None:
            raise DataError("the network wants class labels, and these images have none")
        classes = int(self.labels.max()) + 1
        if classes > num_classes:
            raise DataError(f"the network knows {num_classes} classes, the images have {classes}")
        return self.labels[indices]


# Reads one split; it may ignore the wanted size where the dataset has one of its own, and raises
# DataError where the files are absent or damaged.
Loader = Callable[[Dataset, Wanted], ImageSet]


def load_images(dataset: str, split: Split, image_size: int, channels: int) -> ImageSet:
    """One split of a dataset, checked against the network that will see it.

    Args:
        dataset: a key of `datasets.DATASETS`, or "folder:<path>".
        split: "train" or "held_out".
        image_size: pixels a side that the network expects; collections of images are scaled.
        channels: 1 or 3.

    Raises:
        DataError: no such dataset, it is absent, empty or damaged, or its images do not fit.
    """
    known = dataset_of(dataset)
    load: Loader = resolve_name(known.loader)
    found = load(known, Wanted(split, image_size, channels))
    expected, got = (channels, image_size, image_size), tuple(found.values.shape[1:])
    if got != expected:
        raise DataError(f"the network expects images of (C, H, W) {expected}; {dataset} has {got}")
    _require_labels_named(known, found)
    return found


def _require_labels_named(dataset: Dataset, found: ImageSet) -> None:
    """Assert that the loader's labels are those that the record names."""
    num_labels = 0 if found.labels is None else int(found.labels.max()) + 1
    names = len(dataset.label_names)
    assert (names > 0) == (num_labels > 0), f"{dataset.name}: label_names and loader disagree"
    assert num_labels <= names, f"{dataset.name} has {num_labels} labels and {names} label_names"
