"""A dataset is one record: its files, fingerprint, loader, labels and download, all in one table.

To add one, write its entry in `DATASETS` and the loader that the entry names; everything else
reads the table. `folder:<path>` is no entry but a kind: any folder, or zip, of images. Nothing
here imports torch or reads an image, as pages import this: what does is named as
"module:function" and imported by whoever wants images (`image_set.load_images`).
"""

import os
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Literal

from flatdiff.errors import DataError
from flatdiff.images.fingerprint import files_fingerprint
from flatdiff.system.access import serves_others
from flatdiff.system.files import state_home

Split = Literal["train", "held_out"]
FeatureName = Literal["digits", "inception"]  # a network of `features.NETWORKS`
# Which files decide a fingerprint. never: a published set has one state, and its name says it;
# present: the same while they are absent, as a card may name a dataset that nobody has here;
# always: without its files there is nothing to name.
Watched = Literal["never", "present", "always"]

FOLDER = "folder:"
CIFAR10_BYTES = 170_498_071  # of the archive


@dataclass(frozen=True, kw_only=True)
class Download:
    """What is fetched of a dataset from the internet, only because a person asked for it."""

    num_bytes: int
    fetch: str  # "module:function", which takes nothing and returns where the files are

    @property
    def size(self) -> str:
        """In MB, for a sentence."""
        return f"{self.num_bytes / (1 << 20):.0f} MB"


@dataclass(frozen=True, kw_only=True)
class Dataset:
    """All that flatdiff knows of a dataset."""

    name: str  # as cards, panels and commands have it; part of every key, so never changed
    title: str  # as people have it
    image_shape: tuple[int, int, int] | None  # (C, H, W) that its networks see; None: any square
    loader: str  # "module:function", an `image_set.Loader`
    place: Callable[[], Path] | None = None  # of its files; None: they come with a package
    watched: Watched = "never"
    label_names: tuple[str, ...] = ()  # of labels 0, 1, ..; empty: none, or told by its files
    features: FeatureName = "inception"  # of the network that looks at its images, unless asked
    how_to_get: str = ""  # after "FFHQ is not in <folder>; "; a download has its own words
    download: Download | None = None

    def __post_init__(self) -> None:
        has_source = self.watched == "always" or self.how_to_get or self.download
        assert not self.place or has_source, f"{self.name} needs how_to_get or a download"
        assert self.place or self.watched == "never", f"{self.name} needs a place to be watched"

    def root(self) -> Path:
        """Where its files are or belong; they need not be there.

        Raises:
            DataError: no path, or a folder that may not be read here.
        """
        assert self.place, f"{self.name} has no files of its own"
        return self.place()

    def fingerprint(self, *, fresh: bool = False) -> str:
        """Its name, or 64 hex digits of its files; see `dataset_fingerprint`."""
        if self.watched == "never":
            return self.name
        root = self.root()
        if self.watched == "present" and not root.exists():
            return self.name
        return files_fingerprint(root, fresh=fresh)

    def absent(self, where: Path) -> DataError:
        """The error of a loader that found nothing there, which says how to get the files."""
        how = self.how_to_get
        if self.download:
            how = f"fetch it ({self.download.size}) with: flatdiff download {self.name}"
        return DataError(f"{self.title} is not in {where}; {how}")


def datasets_home() -> Path:
    """Where datasets with a name of their own are kept."""
    return state_home() / "datasets"


def _lsun() -> Path:
    return datasets_home() / "lsun"


def _ffhq64() -> Path:
    folder = datasets_home() / "ffhq64"
    return folder if folder.is_dir() else folder.with_suffix(".zip")


DATASETS: dict[str, Dataset] = {
    entry.name: entry
    for entry in (
        Dataset(
            name="digits",
            title="scikit-learn's handwritten digits",
            image_shape=(1, 8, 8),
            loader="flatdiff.images.loaders:digits",
            label_names=tuple("0123456789"),
            features="digits",
        ),
        Dataset(
            name="cifar10",
            title="CIFAR-10",
            image_shape=(3, 32, 32),
            loader="flatdiff.images.loaders:cifar10",
            place=datasets_home,  # in which torchvision has a folder of its own
            label_names=(
                *("airplane", "automobile", "bird", "cat", "deer"),
                *("dog", "frog", "horse", "ship", "truck"),
            ),
            download=Download(
                num_bytes=CIFAR10_BYTES, fetch="flatdiff.images.loaders:download_cifar10"
            ),
        ),
        Dataset(
            name="lsun_tower",
            title="LSUN tower",
            image_shape=(3, 64, 64),
            loader="flatdiff.images.loaders:lsun_tower",
            place=_lsun,
            how_to_get="get tower_train_lmdb.zip and tower_val_lmdb.zip from LSUN "
            "(github.com/fyu/lsun, `download.py -c tower`) and unpack them there",
        ),
        Dataset(
            name="ffhq64",
            title="FFHQ",
            image_shape=(3, 64, 64),
            loader="flatdiff.images.loaders:ffhq64",
            place=_ffhq64,
            watched="present",
            how_to_get="place its images (thumbnails128x128, or any size) there as the folder "
            "ffhq64, or as ffhq64.zip",
        ),
    )
}


def dataset_of(name: str) -> Dataset:
    """The record of a dataset by its name.

    Raises:
        DataError: no such dataset.
    """
    if is_folder(name):
        return Dataset(
            name=name,
            title="a folder or zip of images",
            image_shape=None,
            loader="flatdiff.images.loaders:folder",
            place=partial(_folder, name.removeprefix(FOLDER)),
            watched="always",
        )
    if name not in DATASETS:
        raise DataError(f"dataset must be one of {known_names()}; got {name!r}")
    return DATASETS[name]


def is_folder(name: str) -> bool:
    """Whether a dataset's name is `folder:<path>`, a place on this machine alone."""
    return name.startswith(FOLDER)


def known_names() -> str:
    """All that one may write where a dataset is asked for, in a row."""
    return ", ".join([*DATASETS, f"{FOLDER}<path>"])


def dataset_fingerprint(name: str, *, fresh: bool = False) -> str:
    """Changes when the images do: a collection's by names, sizes and times; published sets never.

    A name that is not known is its own fingerprint: a card may come from a program that knows
    more, and loading the images is what is refused.

    Args:
        name: of the dataset.
        fresh: look now; else an answer may be `fingerprint.FRESH_S` old.

    Raises:
        DataError: the folder is not there, cannot be listed, or may not be read here.
    """
    if not is_folder(name) and name not in DATASETS:
        return name
    return dataset_of(name).fingerprint(fresh=fresh)


def _folder(text: str) -> Path:
    """The path that somebody wrote, or a stranger's card names, where it may be read here."""
    try:
        usable = b"\0" not in os.fsencode(text)
    except UnicodeEncodeError:
        usable = False
    if not text:
        raise DataError("folder: wants the path of a folder, a zip or an npz of images behind it")
    if not usable:
        raise DataError(f"{text!r} cannot be the path of a folder or a zip")
    root = Path(text)
    _refuse_elsewhere(root)
    return root


def _refuse_elsewhere(root: Path) -> None:
    """A card may come from a stranger, and what it names is shown to whoever visits.

    Who is alone with the dashboard may name any folder; where visitors come, by a password or to
    look only, it must be one that the owner has named.
    """
    chosen = os.environ.get("FLATDIFF_FOLDERS")
    visited = serves_others()
    if chosen is None and not visited:
        return
    allowed = [datasets_home(), *(Path(part) for part in (chosen or "").split(os.pathsep) if part)]
    try:
        allows = any(root.resolve().is_relative_to(place.resolve()) for place in allowed)
    except (OSError, RuntimeError):  # links that lead in a circle, or through what is not open
        allows = False
    if not allows:
        raise DataError(
            f"{root} may not be read here: FLATDIFF_FOLDERS names the folders whose images are "
            f"shown, now {chosen or 'none'}"
        )
