"""An image set is the real images of one split of a dataset as a tensor, all of one size."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pkgutil import resolve_name

import torch
from jaxtyping import Float, Int
from torch import Tensor

from flatdiff.errors import DataError
from flatdiff.images.datasets import Dataset, Split, dataset_of
from flatdiff.images.listing import in_short


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
    classes: tuple[str, ...] = ()  # names of labels 0, 1, ..
    sha256: str = ""  # of a collection's pixels and labels; "": a published set's name says it

    def __len__(self) -> int:
        return len(self.values)

    def images(self, indices: Int[Tensor, " b"]) -> Float[Tensor, "b c h w"]:
        """The chosen images in [-1, 1], float32."""
        return self.values[indices].float() * self.grey_step - 1

    @property
    def grey_step(self) -> float:
        """Between one grey level and the next, in [-1, 1]."""
        return 2 / self.white

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
            DataError: the images have no labels, or another number of classes.
        """
        if num_classes is None:
            return None
        if self.labels is None:
            raise DataError(
                "the network wants class labels, and these images have none: they are told by "
                "subfolders, or by names up to the first _ (cat_01.png)"
            )
        if len(self.classes) != num_classes:
            raise DataError(
                f"the network knows {num_classes} classes, the images have {len(self.classes)} "
                f"({in_short(self.classes)})"
            )
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
    return _with_classes(known, found)


def _with_classes(dataset: Dataset, found: ImageSet) -> ImageSet:
    """With the record's names of labels, where the loader has none of its own."""
    found = found if found.classes else replace(found, classes=dataset.label_names)
    num_labels = 0 if found.labels is None else int(found.labels.max()) + 1
    names = len(found.classes)
    assert (names > 0) == (num_labels > 0), f"{dataset.name}: label_names and loader disagree"
    assert num_labels <= names, f"{dataset.name} has {num_labels} labels and {names} label_names"
    return found
