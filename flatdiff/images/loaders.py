"""A loader reads the images of one split of a dataset; `datasets.DATASETS` names them.

The digits come with scikit-learn, CIFAR-10 is read by torchvision; LSUN's database, FFHQ and any
folder or zip are decoded once and cached.
"""

import functools
import logging
import time
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
import torch

from flatdiff.errors import DataError
from flatdiff.images.cache import Source, prepare
from flatdiff.images.datasets import CIFAR10_BYTES, Dataset, Split, datasets_home
from flatdiff.images.image_files import UNREADABLE_SENTENCE
from flatdiff.images.image_set import ImageSet, Wanted
from flatdiff.images.listing import ImageFile, listing
from flatdiff.images.lsun import lsun_images
from flatdiff.system.download import Published, fetch

DIGITS_TRAIN = 1500  # of 1797; the other 297 are held out
LSUN_FOLDERS: dict[Split, str] = {"train": "tower_train_lmdb", "held_out": "tower_val_lmdb"}

TELL_EVERY_S = 30

log = logging.getLogger("flatdiff.images")


def digits(dataset: Dataset, wanted: Wanted) -> ImageSet:
    """scikit-learn's digits, (N, 1, 8, 8) with values 0 to 16, and which digit each is."""
    data, labels = _digits_of_all_writers()
    # One fixed shuffle: the file is ordered by writer, and a split by writer is another question.
    order = np.random.Generator(np.random.PCG64(0)).permutation(len(data))
    chosen = order[:DIGITS_TRAIN] if wanted.split == "train" else order[DIGITS_TRAIN:]
    values = data[chosen].reshape(-1, 1, 8, 8).astype(np.uint8)
    return ImageSet(torch.from_numpy(values), 16, torch.from_numpy(labels[chosen]).long())


@functools.cache
def _digits_of_all_writers() -> tuple[np.ndarray, np.ndarray]:
    """Values (1797, 64) and labels (1797,), as read from a file of text."""
    from sklearn.datasets import load_digits

    data, labels = load_digits(return_X_y=True)
    return np.asarray(data), np.asarray(labels)


def cifar10(dataset: Dataset, wanted: Wanted) -> ImageSet:
    """CIFAR-10's images, (N, 3, 32, 32), and their classes; its test set is held out.

    Raises:
        DataError: it is not there.
    """
    from torchvision.datasets import CIFAR10

    folder = dataset.root()
    try:
        data = CIFAR10(str(folder), train=wanted.split == "train", download=False)
    except RuntimeError:
        raise dataset.absent(folder) from None
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


def lsun_tower(dataset: Dataset, wanted: Wanted) -> ImageSet:
    """LSUN's towers, scaled to the wanted size; its validation set is held out.

    Raises:
        DataError: it is not there, damaged, or the package lmdb is missing.
    """
    folder = dataset.root() / LSUN_FOLDERS[wanted.split]
    if not (folder / "data.mdb").is_file():
        raise dataset.absent(folder.parent)
    return _prepared(dataset, wanted, lsun_images(folder), dataset.name)


def ffhq64(dataset: Dataset, wanted: Wanted) -> ImageSet:
    """FFHQ's images, a collection in a place of its own.

    Raises:
        DataError: it is not there, empty or damaged.
    """
    if not dataset.root().exists():
        raise dataset.absent(datasets_home())
    return folder(dataset, wanted)


def folder(dataset: Dataset, wanted: Wanted) -> ImageSet:
    """A folder, zip or npz of images, scaled to the wanted size; one in ten is held out.

    Their classes are told by subfolders or names, as `classes.class_of_each` has them.

    Raises:
        DataError: it is not there, empty or damaged, or may not be read here.
    """
    root = dataset.root()
    return _prepared(dataset, wanted, _listed(root, wanted.split), str(root))


def _listed(root: Path, split: Split) -> Iterator[ImageFile]:
    """Nothing is looked at before the first is asked for: mostly, none ever is."""
    yield from listing(root).of(split)


def _prepared(dataset: Dataset, wanted: Wanted, files: Iterable[ImageFile], name: str) -> ImageSet:
    """The images are looked through at their first use; what is left out is said at every use."""
    source = Source(name=name, fingerprint=dataset.fingerprint(fresh=True), **vars(wanted))
    found = prepare(source, _told(name, files))
    for sentence in found.census.sentences():
        if found.fresh or UNREADABLE_SENTENCE in sentence:
            log.warning("%s, %s: %s", name, wanted.split, sentence)
    labels = None if found.labels is None else torch.from_numpy(found.labels).long()
    census = found.census
    values = torch.from_numpy(found.values)
    return ImageSet(values, 255, labels, census.classes, census.sha256)


def _told(name: str, files: Iterable[ImageFile]) -> Iterator[ImageFile]:
    """Yield the same files and log how far it is: a large collection takes minutes."""
    told = time.monotonic()
    for number, file in enumerate(files):
        if time.monotonic() - told > TELL_EVERY_S:
            log.warning("%s is looked through, once: %s images so far", name, f"{number:,}")
            told = time.monotonic()
        yield file
