"""Datasets against scikit-learn's own arrays and against images painted by the test."""

from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits

from flatdiff.diffusion.sampling import to_uint8
from flatdiff.errors import DataError
from flatdiff.images.image_set import ImageSet, load_images

BLACK, WHITE = -1.0, 1.0


def rows_of(images: ImageSet) -> list[tuple[int, ...]]:
    """Each image and its label as one row of integers."""
    assert images.labels is not None
    flat = images.values.flatten(1).tolist()
    return [(*row, label) for row, label in zip(flat, images.labels.tolist(), strict=True)]


def test_digits_are_split_without_loss_or_overlap() -> None:
    """As multisets of (pixels, label), the two splits must make up scikit-learn's table."""
    train, held_out = (load_images("digits", split, 8, 1) for split in ("train", "held_out"))
    assert (len(train), len(held_out)) == (1500, 297)
    data, labels = load_digits(return_X_y=True)
    whole = Counter(
        (*row, label) for row, label in zip(data.astype(int).tolist(), labels, strict=True)
    )
    assert Counter(rows_of(train)) + Counter(rows_of(held_out)) == whole


def test_digits_are_eighths_from_minus_one_to_one() -> None:
    """Grey value v of 0..16 is v/8 - 1, exact in float32."""
    train = load_images("digits", "train", 8, 1)
    images = train.images(torch.arange(1500))
    assert torch.equal(images, train.values.float() / 8 - 1)
    assert (images.min().item(), images.max().item()) == (BLACK, WHITE)
    assert torch.equal(train.images(torch.tensor([7, 3])), images[[7, 3]])


def test_written_images_are_those_of_samples() -> None:
    """The samples' own rule on the digits, whose sixteenths are exact; 8-bit images unchanged.

    In floating point some of the 256 levels would come back one too low.
    """
    train = load_images("digits", "train", 8, 1)
    assert torch.equal(train.written(), to_uint8(train.images(torch.arange(len(train)))))
    levels = torch.arange(256, dtype=torch.uint8).reshape(256, 1, 1, 1)
    assert torch.equal(ImageSet(levels, 255).written(), levels)


def test_digits_of_both_splits_have_all_classes() -> None:
    """Drawn evenly, a class is 10 % of a split; 7 points are four standard errors of 297."""
    for split in ("train", "held_out"):
        labels = load_images("digits", split, 8, 1).labels
        assert labels is not None
        shares = np.bincount(labels.numpy(), minlength=10) / len(labels)
        assert shares.min() > 0.03
        assert shares.max() < 0.17


@pytest.mark.parametrize(("size", "channels"), [(16, 1), (8, 3), (7, 1)])
def test_wrong_size_is_refused_with_both_sizes(size: int, channels: int) -> None:
    """Digits are (1, 8, 8), whatever the network would like."""
    with pytest.raises(DataError, match=rf"\({channels}, {size}, {size}\).*\(1, 8, 8\)"):
        load_images("digits", "train", size, channels)


@pytest.mark.parametrize("dataset", ["", "mnist", "Digits", "folder"])
def test_unknown_dataset_is_refused_with_the_known_ones(dataset: str) -> None:
    """The list must hold everything one may write there."""
    with pytest.raises(DataError, match="digits, cifar10, lsun_tower, ffhq64, folder:<path>"):
        load_images(dataset, "train", 8, 1)


def test_absent_cifar10_names_the_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An empty home holds no dataset, and nothing may be fetched unasked."""
    monkeypatch.setenv("FLATDIFF_HOME", str(tmp_path))
    with pytest.raises(DataError, match="flatdiff download cifar10"):
        load_images("cifar10", "train", 32, 3)
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []
