"""A dataset is an array of real images of one size, and a fixed split into train and held out.

`digits` comes with scikit-learn and needs no network; `cifar10` is torchvision's, downloaded only
on request; `folder:<path>` is any folder of images.
"""

import hashlib
import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float, Int
from PIL import Image, ImageOps
from torch import Tensor

from flatdiff.errors import DataError
from flatdiff.files import state_home
from flatdiff.panel import Split

DIGITS_TRAIN = 1500  # of 1797; the other 297 are held out
FOLDER_HELD_OUT_EVERY = 10  # of a folder's sorted images
IMAGE_SUFFIXES = (".png", ".jpg", ".jpeg", ".webp", ".bmp")
MAX_CORRUPT_SHARE = 0.01
# What Pillow raises, by format and by the byte that is wrong.
UNREADABLE = (
    OSError,
    ValueError,
    TypeError,
    SyntaxError,
    EOFError,
    struct.error,
    Image.DecompressionBombError,
)


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
        dataset: "digits", "cifar10" or "folder:<path>".
        split: "train" or "held_out".
        image_size: pixels a side that the network expects.
        channels: 1 or 3.

    Raises:
        DataError: no such dataset, it is absent, empty or damaged, or its images do not fit.
    """
    if dataset.startswith("folder:"):
        found = _folder(Path(dataset.removeprefix("folder:")), split, image_size, channels)
    elif dataset in LOADERS:
        found = LOADERS[dataset](split)
    else:
        known = ", ".join([*LOADERS, "folder:<path>"])
        raise DataError(f"dataset must be one of {known}; got {dataset!r}")
    expected, got = (channels, image_size, image_size), tuple(found.values.shape[1:])
    if got != expected:
        raise DataError(f"the network expects images of (C, H, W) {expected}; {dataset} has {got}")
    return found


def _digits(split: Split) -> ImageSet:
    from sklearn.datasets import load_digits

    data, labels = load_digits(return_X_y=True)
    # One fixed shuffle: the file is ordered by writer, and a split by writer is another question.
    order = np.random.Generator(np.random.PCG64(0)).permutation(len(data))
    chosen = order[:DIGITS_TRAIN] if split == "train" else order[DIGITS_TRAIN:]
    values = data[chosen].reshape(-1, 1, 8, 8).astype(np.uint8)
    return ImageSet(torch.from_numpy(values), 16, torch.from_numpy(labels[chosen]).long())


def _cifar10(split: Split) -> ImageSet:
    from torchvision.datasets import CIFAR10

    folder = state_home() / "datasets"
    try:
        data = CIFAR10(str(folder), train=split == "train", download=False)
    except RuntimeError:
        raise DataError(
            f"CIFAR-10 is not in {folder}; fetch it (163 MB) with: "
            "python -m flatdiff download cifar10"
        ) from None
    values = torch.from_numpy(data.data).permute(0, 3, 1, 2).contiguous()
    return ImageSet(values, 255, torch.tensor(data.targets))


def download_cifar10() -> Path:
    """Fetch CIFAR-10 with torchvision, which checks its MD5; returns the folder.

    Raises:
        DataError: the download did not end well.
    """
    from torchvision.datasets import CIFAR10

    folder = state_home() / "datasets"
    try:
        CIFAR10(str(folder), download=True)
    except (OSError, RuntimeError) as error:
        raise DataError(
            f"CIFAR-10 could not be downloaded ({error}); without a network, place "
            f"cifar-10-python.tar.gz in {folder} and try again"
        ) from None
    return folder


LOADERS: dict[str, Callable[[Split], ImageSet]] = {"digits": _digits, "cifar10": _cifar10}


def _folder(root: Path, split: Split, image_size: int, channels: int) -> ImageSet:
    paths = [
        path for path in image_paths(root) if (_held_out(path, root)) == (split == "held_out")
    ]
    if not paths:
        raise DataError(
            f"{root} has no images for the split {split!r}; expected a folder with files ending "
            f"in {', '.join(IMAGE_SUFFIXES)}"
        )
    images = [_read_image(path, image_size, channels) for path in paths]
    readable = [image for image in images if image is not None]
    corrupt = len(images) - len(readable)
    if corrupt > MAX_CORRUPT_SHARE * len(images):
        raise DataError(f"{corrupt} of {len(images)} images in {root} cannot be read")
    return ImageSet(torch.from_numpy(np.stack(readable)), 255)


def image_paths(root: Path) -> Iterator[Path]:
    """Every image file below a folder, in one fixed order."""
    return iter(sorted(p for p in root.rglob("*") if _is_image(p)))


def _is_image(path: Path) -> bool:
    return path.suffix.lower() in IMAGE_SUFFIXES and path.is_file()


def _held_out(path: Path, root: Path) -> bool:
    """By the name's own hash, so that adding an image never moves another one."""
    name = path.relative_to(root).as_posix().encode()
    return hashlib.sha256(name).digest()[0] < 256 // FOLDER_HELD_OUT_EVERY


def _read_image(path: Path, image_size: int, channels: int) -> np.ndarray | None:
    """Upright, shorter side resized, centre-cropped, (C, H, W) uint8; None where unreadable."""
    try:
        with Image.open(path) as image:
            upright = _eight_bits(ImageOps.exif_transpose(image))
            upright = upright.convert("L" if channels == 1 else "RGB")
    except UNREADABLE:
        return None
    fitted = ImageOps.fit(upright, (image_size, image_size), Image.Resampling.LANCZOS)
    return np.asarray(fitted).reshape(image_size, image_size, channels).transpose(2, 0, 1)


def _eight_bits(image: Image.Image) -> Image.Image:
    """16-bit grey keeps its high byte; Pillow's own conversion would clip it to white."""
    if not image.mode.startswith("I"):
        return image
    return Image.fromarray((np.asarray(image) >> 8).astype(np.uint8))
