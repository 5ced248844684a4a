"""Reference statistics: NumPy's moments of the same features, wherever they come from."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from flatdiff.errors import DataError
from flatdiff.images import statistics as module
from flatdiff.images.features import FeatureNetwork, feature_network
from flatdiff.images.frechet import ReferenceStatistics
from flatdiff.images.image_set import load_images
from flatdiff.images.statistics import (
    ImageSource,
    feature_batches,
    reference_statistics,
    statistics_file,
    statistics_of,
    write_statistics,
)
from tests.tiny import CPU, typed

DIGITS = ImageSource("digits", "train", 8, 1)


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty state directory."""
    monkeypatch.setenv("FLATDIFF_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


@pytest.fixture
def network() -> FeatureNetwork:
    """The shipped one."""
    return feature_network("digits", CPU)


def test_moments_are_numpys(network: FeatureNetwork) -> None:
    """Of all digits at once, in their own order."""
    found = reference_statistics(network, DIGITS)
    images = load_images("digits", "train", 8, 1).written().permute(0, 2, 3, 1).numpy()
    features = network(images).astype(np.float64)
    assert found.num_images == 1500
    np.testing.assert_allclose(found.gaussian.mu, features.mean(axis=0), atol=1e-5)
    cov = found.gaussian.root @ found.gaussian.root.T
    np.testing.assert_allclose(cov, np.cov(features, rowvar=False), atol=1e-4)
    kept, known = (np.sort(part, axis=0) for part in (found.features, features))
    np.testing.assert_allclose(kept, known, atol=1e-4)


def batches(features: NDArray[np.float32], size: int) -> Iterator[NDArray[np.float32]]:
    for start in range(0, len(features), size):
        yield features[start : start + size]


@pytest.mark.parametrize("size", [1, 7, 20, 50])
def test_batches_do_not_matter(size: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of 50 vectors the first 20 are kept, cut wherever; the moments are of all."""
    monkeypatch.setattr(module, "KEPT_FEATURES", 20)
    features = np.random.default_rng(0).normal(5, 2, (50, 3)).astype(np.float32)
    found = statistics_of(batches(features, size))
    assert np.array_equal(found.features, features[:20])
    assert found.num_images == 50
    cov = found.gaussian.root @ found.gaussian.root.T
    np.testing.assert_allclose(cov, np.cov(features.astype(np.float64), rowvar=False), rtol=1e-9)


def test_kept_images_are_a_random_sample(network: FeatureNetwork) -> None:
    """A folder is sorted by name, so its first images may be all of one kind; each comes once."""
    images = load_images("digits", "train", 8, 1)
    found = np.concatenate(list(feature_batches(network, images)))
    own = network(images.written().permute(0, 2, 3, 1).numpy())
    assert not np.allclose(found[:64], own[:64], atol=1e-3)
    np.testing.assert_allclose(np.sort(found, axis=0), np.sort(own, axis=0), atol=1e-4)
    again = next(feature_batches(network, images))
    assert np.array_equal(found[:64], again)


def test_large_split_asks_for_the_command(
    network: FeatureNetwork, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody waits for 50,000 images without having asked; with a file, nothing is looked at."""
    monkeypatch.setattr(module, "SMALL_SPLIT", 1499)
    with pytest.raises(DataError, match=r"1,500 images .* flatdiff statistics"):
        reference_statistics(network, DIGITS)
    assert not home.exists()
    made = statistics_of(batches(np.eye(4, dtype=np.float32), 2))
    write_statistics(statistics_file(network, DIGITS), made)
    monkeypatch.setattr(module, "load_images", lambda *_: pytest.fail("images were read"))
    same(reference_statistics(network, DIGITS), made)


def same(one: ReferenceStatistics, other: ReferenceStatistics) -> None:
    """Bit by bit."""
    assert np.array_equal(one.gaussian.mu, other.gaussian.mu)
    assert np.array_equal(one.gaussian.root, other.gaussian.root)
    assert np.array_equal(one.features, other.features)
    assert one.num_images == other.num_images


@pytest.mark.parametrize("content", [b"", b"<html>", b"PK\x03\x04 cut"])
def test_damaged_file_is_named(content: bytes, network: FeatureNetwork) -> None:
    """Not used, not replaced in silence."""
    path = statistics_file(network, DIGITS)
    path.parent.mkdir(parents=True)
    path.write_bytes(content)
    with pytest.raises(DataError, match="remove the file") as caught:
        reference_statistics(network, DIGITS)
    assert str(path) in str(caught.value)
    assert path.read_bytes() == content


def test_other_images_have_another_file(network: FeatureNetwork, tmp_path: Path) -> None:
    """By split, size, channels, network, and by what is in a folder."""
    folder = tmp_path / "images"
    folder.mkdir()
    Image.new("L", (8, 8)).save(folder / "0.png")
    source = ImageSource(f"folder:{folder}", "train", 8, 1)
    files = [statistics_file(network, source)]
    files.append(statistics_file(network, ImageSource(source.dataset, "held_out", 8, 1)))
    files.append(statistics_file(network, ImageSource(source.dataset, "train", 16, 1)))
    files.append(statistics_file(network, ImageSource(source.dataset, "train", 8, 3)))
    other = FeatureNetwork("digits", "0" * 64, network.extract)
    files.append(statistics_file(other, source))
    Image.new("L", (8, 8)).save(folder / "1.png")
    files.append(statistics_file(network, source))
    assert len(set(files)) == len(files)
    assert files[-1] == statistics_file(network, source)


def test_command_makes_what_the_measure_reads(network: FeatureNetwork) -> None:
    """Its file, read here, against statistics made here."""
    done = typed("statistics", "--checkpoint", "digits/adm", "--features", "digits")
    assert done.returncode == 0, done.stderr
    path = statistics_file(network, DIGITS)
    assert f"{path}, of 1,500 images" in done.stdout
    read = reference_statistics(network, DIGITS)
    path.unlink()
    made = reference_statistics(network, DIGITS)
    np.testing.assert_allclose(read.gaussian.root, made.gaussian.root, atol=1e-5)
    np.testing.assert_allclose(read.features, made.features, atol=1e-4)
