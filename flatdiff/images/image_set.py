"""An image set is the real images of one split of a dataset, all of one size.

`digits` comes with scikit-learn and needs no network; `cifar10` is torchvision's, downloaded only
on request; `lsun_tower` is LSUN's database, `ffhq64` and `folder:<path>` are folders or zips of
images.
"""

import logging
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from flatdiff.errors import DataError
from flatdiff.images.cache import Source, prepare
from flatdiff.images.datasets import (
    FOLDER,
    Split,
    collection_of,
    dataset_fingerprint,
    datasets_home,
)
from flatdiff.images.image_files import UNREADABLE, ImageFile, collection, lsun_images
from flatdiff.system.download import Published, fetch

DIGITS_TRAIN = 1500  # of 1797; the other 297 are held out
CIFAR10_BYTES = 170_498_071  # of the archive
LSUN_FOLDERS: dict[Split, str] = {"train": "tower_train_lmdb", "held_out": "tower_val_lmdb"}

TELL_EVERY_S = 30

log = logging.getLogger("flatdiff.images")


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


def load_images(dataset: str, split: Split, image_size: int, channels: int) -> ImageSet:
    """One split of a dataset, checked against the network that will see it.

    Args:
        dataset: a key of LOADERS, or "folder:<path>".
        split: "train" or "held_out".
        image_size: pixels a side that the network expects; collections of images are scaled.
        channels: 1 or 3.

    Raises:
        DataError: no such dataset, it is absent, empty or damaged, or its images do not fit.
    """
    wanted = Wanted(split, image_size, channels)
    if dataset.startswith(FOLDER):
        found = _collection(dataset, wanted)
    elif dataset in LOADERS:
        found = LOADERS[dataset](wanted)
    else:
        known = ", ".join([*LOADERS, "folder:<path>"])
        raise DataError(f"dataset must be one of {known}; got {dataset!r}")
    expected, got = (channels, image_size, image_size), tuple(found.values.shape[1:])
    if got != expected:
        raise DataError(f"the network expects images of (C, H, W) {expected}; {dataset} has {got}")
    return found


def _digits(wanted: Wanted) -> ImageSet:
    from sklearn.datasets import load_digits

    data, labels = load_digits(return_X_y=True)
    # One fixed shuffle: the file is ordered by writer, and a split by writer is another question.
    order = np.random.Generator(np.random.PCG64(0)).permutation(len(data))
    chosen = order[:DIGITS_TRAIN] if wanted.split == "train" else order[DIGITS_TRAIN:]
    values = data[chosen].reshape(-1, 1, 8, 8).astype(np.uint8)
    return ImageSet(torch.from_numpy(values), 16, torch.from_numpy(labels[chosen]).long())


def _cifar10(wanted: Wanted) -> ImageSet:
    from torchvision.datasets import CIFAR10

    folder = datasets_home()
    try:
        data = CIFAR10(str(folder), train=wanted.split == "train", download=False)
    except RuntimeError:
        raise DataError(
            f"CIFAR-10 is not in {folder}; fetch it (163 MB) with: flatdiff download cifar10"
        ) from None
    values = torch.from_numpy(data.data).permute(0, 3, 1, 2).contiguous()
    return ImageSet(values, 255, torch.tensor(data.targets))


def download_cifar10() -> Path:
    """Fetch CIFAR-10 and unpack it with torchvision; returns the folder.

    Raises:
        DataError: the download did not end well.
    """
    from torchvision.datasets import CIFAR10

    folder = datasets_home()
    archive = Published(
        what="CIFAR-10",
        url=CIFAR10.url,
        num_bytes=CIFAR10_BYTES,
        algorithm="md5",
        digest=CIFAR10.tgz_md5,
    )
    fetch(archive, folder / CIFAR10.filename)
    try:
        CIFAR10(str(folder), download=True)  # finds the archive, and checks what is in it
    except (OSError, RuntimeError) as error:
        raise DataError(f"CIFAR-10 could not be unpacked in {folder}: {error}") from None
    return folder


def _lsun_tower(wanted: Wanted) -> ImageSet:
    folder = datasets_home() / "lsun" / LSUN_FOLDERS[wanted.split]
    if not (folder / "data.mdb").is_file():
        raise DataError(
            f"LSUN's towers are not in {folder}; get tower_train_lmdb.zip and tower_val_lmdb.zip "
            "from LSUN (github.com/fyu/lsun, `download.py -c tower`) and unpack them in "
            f"{folder.parent}"
        )
    return _prepared("lsun_tower", wanted, lsun_images(folder))


def _ffhq64(wanted: Wanted) -> ImageSet:
    home = datasets_home()
    root = collection_of("ffhq64")
    if root is None or not root.exists():
        raise DataError(
            f"FFHQ is not in {home}; place its images (thumbnails128x128, or any size) in "
            f"{home / 'ffhq64'}, or as {home / 'ffhq64.zip'}"
        )
    return _collection("ffhq64", wanted)


def _collection(dataset: str, wanted: Wanted) -> ImageSet:
    root = collection_of(dataset)
    assert root is not None, "only collections come here"
    return _prepared(dataset, wanted, collection(root, wanted.split), str(root))


def _prepared(
    dataset: str, wanted: Wanted, files: Iterable[ImageFile], name: str = ""
) -> ImageSet:
    """Looked through at its first use; what is left out is said at every use."""
    source = Source(
        name=name or dataset, fingerprint=dataset_fingerprint(dataset, fresh=True), **vars(wanted)
    )
    found = prepare(source, _told(source.name, files))
    for sentence in found.outcome.sentences():
        if found.fresh or UNREADABLE in sentence:
            log.warning("%s, %s: %s", source.name, wanted.split, sentence)
    return ImageSet(torch.from_numpy(found.values), 255)


def _told(name: str, files: Iterable[ImageFile]) -> Iterator[ImageFile]:
    """The same; a large collection takes minutes, and somebody waits."""
    told = time.monotonic()
    for number, file in enumerate(files):
        if time.monotonic() - told > TELL_EVERY_S:
            log.warning("%s is looked through, once: %s images so far", name, f"{number:,}")
            told = time.monotonic()
        yield file


LOADERS: dict[str, Callable[[Wanted], ImageSet]] = {
    "digits": _digits,
    "cifar10": _cifar10,
    "lsun_tower": _lsun_tower,
    "ffhq64": _ffhq64,
}
