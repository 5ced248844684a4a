"""Sample quality: which images are compared with which, and by what name."""

from typing import Any, NoReturn

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from scipy import stats
from sklearn.datasets import load_digits

from flatdiff.errors import DataError
from flatdiff.images.digits_network import read_network
from flatdiff.images.frechet import Gaussian
from flatdiff.measures.base import stream_seed
from flatdiff.measures.frechet import (
    COLUMNS,
    LABELS,
    MEASURE,
    FrechetResult,
    FrechetSettings,
    _comparisons,
    _num_compared,
    usual_features,
)
from flatdiff.system.arrays import Arrays
from tests.subjects import card_of, computed, constant_network, digits_subject

SETTINGS = FrechetSettings(num_images=130, bits=(8, 4))
REAL = np.random.default_rng(0).normal(size=(40, 2))


def reference(num_features: int = 40) -> Arrays:
    """A standard normal cloud."""
    return {
        "mu": np.zeros(2),
        "root": np.eye(2),
        "features": REAL[:num_features].astype(np.float32),
        "num_images": np.array(1234),
        "digest": np.array("ab" * 32),
    }


def drawn(chunk: int, size: int, shift: float) -> Arrays:
    """The same draws of a chunk at every width, moved along the first axis."""
    features = np.random.default_rng(1 + chunk).normal((shift, 0), size=(size, 2))
    return {"features": features.astype(np.float32)}


def hand_made() -> dict[int, Arrays]:
    """Chunks of 64, 64 and 2 at 32, 8 and 4 bits, which move by nothing, 1 and 3."""
    done = {0: reference()}
    for chunk, size in enumerate((64, 64, 2)):
        for width, shift in enumerate((0.0, 1.0, 3.0)):
            done[1 + 3 * chunk + width] = drawn(chunk, size, shift)
    return done


def assembled(*absent: int, **changes: Any) -> FrechetResult:
    """Without some items."""
    done = {position: arrays for position, arrays in hand_made().items() if position not in absent}
    return MEASURE.assemble(SETTINGS, done | changes.get("more", {}))


def test_a_moved_cloud_is_as_far_as_it_was_moved() -> None:
    """Frechet of two clouds of one shape, and its rise, from the means alone."""
    result = assembled()
    assert (result.bits, result.num_images, result.num_reference) == ((32, 8, 4), 130, 1234)
    own = np.concatenate([drawn(k, n, 0.0)["features"] for k, n in enumerate((64, 64, 2))])
    mean = own.astype(np.float64).mean(axis=0)
    rises = [(mean[0] + shift) ** 2 - mean[0] ** 2 for shift in (0, 1, 3)]
    np.testing.assert_allclose(result.rise, rises, rtol=1e-5, atol=1e-9)
    # The rise is 2 * shift * mean + shift^2, of which only the mean has an error.
    error = stats.sem(own[:, 0])
    np.testing.assert_allclose(result.rise_stderr, [0, 2 * error, 6 * error], rtol=1e-4)
    assert (result.features_digest, result.label) == ("ab" * 32, LABELS["digits"])


def test_far_images_are_neither_precise_nor_recalled() -> None:
    """Two clouds a hundred apart share nothing; the kernel sees them farther than near ones."""
    far = {1 + 3 * k + 2: drawn(k, n, 100.0) for k, n in enumerate((64, 64, 2))}
    result = assembled(more=far)
    assert (result.precision[2], result.recall[2]) == (0, 0)
    assert result.precision[0] > 0.8
    assert result.recall[0] > 0.8
    share = result.precision[0]
    expected = np.sqrt(share * (1 - share) / 129)
    assert result.precision_stderr[0] == pytest.approx(expected)
    assert result.kernel[0] < result.kernel[1] < result.kernel[2]


@pytest.mark.parametrize("seen", [30, 150, 300])
def test_the_kernels_error_covers_the_draw_of_real_images(seen: int) -> None:
    """Three hundred draws of generated and of real images spread as far as the error says.

    Of all of the real ones none is drawn, and nothing is added.
    """
    draw = np.random.default_rng(seen)
    everything = draw.normal(size=(300, 3)) @ np.diag((1.0, 2.0, 0.5))
    found = []
    for _ in range(300):
        real = draw.permutation(everything)[:seen]
        cloud = draw.normal((1.0, 0, 0), size=(100, 3)).astype(np.float32)
        found.append(_comparisons(cloud, real.astype(np.float32), 1 - seen / 300))
    spread = np.std([one["kernel"] for one in found], ddof=1)
    assert np.mean([one["kernel_stderr"] for one in found]) == pytest.approx(spread, rel=0.15)


def test_few_generated_images_are_compared_with_many_real_ones() -> None:
    """All of them where there are no more than two thousand."""
    sizes = [_num_compared(FrechetSettings(num_images=n)) for n in (64, 5000, 50_000)]
    assert sizes == [2048, 5000, 10_000]


@pytest.mark.parametrize(
    ("absent", "images"),
    [((), 130), ((9,), 128), ((1,), 66), ((5, 9), 64), ((1, 5), 2), ((1, 5, 9), 0)],
)
def test_only_images_that_every_width_has(absent: tuple[int, ...], images: int) -> None:
    """Other images at another width would be another sample; distances wait for the last one."""
    result = assembled(*absent)
    assert result.num_images == images
    for name in COLUMNS:
        values = getattr(result, name)
        assert np.isnan(values).all() if absent else np.isfinite(values).all(), name


def test_distances_are_not_estimated_on_the_way(monkeypatch: pytest.MonkeyPatch) -> None:
    """The web process assembles at every step; an estimate there would raise here."""

    def refuse(*_: object) -> NoReturn:
        raise AssertionError("estimated")

    for name in ("frechet_estimate", "kernel_estimate", "precision_recall"):
        monkeypatch.setattr(f"flatdiff.measures.frechet.{name}", refuse)
    assert assembled(9).num_images == 128
    with pytest.raises(AssertionError, match="estimated"):
        assembled()


@pytest.mark.parametrize(("images", "known"), [(2, False), (3, False), (4, True)])
def test_precision_needs_more_images_than_neighbours(images: int, known: bool) -> None:
    """Three neighbours beside the image itself; a spread needs two images."""
    settings = FrechetSettings(num_images=images, bits=())
    result = MEASURE.assemble(settings, {0: reference(), 1: drawn(0, images, 0.0)})
    assert np.isfinite(result.frechet_stderr).all()
    assert np.isfinite(result.precision).all() == known


@pytest.mark.parametrize("count", [0, 1, 2, 3])
def test_before_there_is_anything_to_say(count: int) -> None:
    """Not even the reference; then not a chunk of every width: unknown, not zero."""
    done = dict(list(hand_made().items())[:count])
    result = MEASURE.assemble(SETTINGS, done)
    assert all(np.isnan(getattr(result, name)).all() for name in COLUMNS)
    assert result.num_images == 0
    assert result.num_reference == (1234 if count else 0)


def test_without_the_reference_nothing_is_known() -> None:
    """All images are there."""
    result = assembled(0)
    assert result.num_images == 130
    assert np.isnan(result.frechet).all()
    assert result.features_digest == ""


def test_rounding_that_changes_nothing_changes_no_number() -> None:
    """A constant's only weight that counts is its tensor's largest, which rounding keeps.

    So any rise would come from other noise: another x_T, or another draw at some step.
    """
    subject = digits_subject(model=constant_network(0.5))
    settings = FrechetSettings(num_images=70, num_sampling_steps=3, bits=(2,))
    result = computed(subject, "frechet", settings)
    assert (result.num_images, result.num_reference) == (70, 1500)
    for name in COLUMNS:
        values = getattr(result, name)
        assert values[0] == values[1], name
    assert result.rise.tolist() == [0, 0]
    assert result.rise_stderr.tolist() == [0, 0]


def features_of(images: NDArray[np.uint8]) -> NDArray[np.float64]:
    """Straight from the network."""
    grey = torch.from_numpy(images).permute(0, 3, 1, 2).float()
    return read_network()[0].features(grey).double().numpy()


def test_items_hold_what_the_network_sees() -> None:
    """Sampled and looked at here again; the reference is NumPy's of the training split."""
    subject = digits_subject()
    settings = FrechetSettings(num_images=65, num_sampling_steps=2, bits=(3,))
    items = MEASURE.items(settings)
    assert items[0] == ("reference",)
    found = [MEASURE.evaluate(subject, settings, item) for item in items]
    np.testing.assert_allclose(found[0]["mu"], features_mean(), atol=1e-4)
    assert found[0]["features"].shape == (1500, 32), "every real image"
    assert str(found[0]["digest"]) == read_network()[1].digest
    for (_, k, size, bits), arrays in zip(items[1:], found[1:], strict=True):
        with subject.quantized(settings.at(bits)):
            images = subject.chains.sample(size, 2, stream_seed(0, k))
        np.testing.assert_allclose(arrays["features"], features_of(images), atol=1e-3)
    assert np.abs(found[1]["features"] - found[2]["features"]).max() > 0.01


def features_mean() -> NDArray[np.float64]:
    """Of the training digits."""
    data = np.asarray(load_digits(return_X_y=True)[0])
    order = np.random.Generator(np.random.PCG64(0)).permutation(len(data))[:1500]
    grey = np.floor(data[order] * 255 / 16).astype(np.uint8).reshape(-1, 8, 8, 1)
    return features_of(grey).mean(axis=0)


def test_held_out_split_is_another_reference() -> None:
    """297 images instead of 1500."""
    settings = FrechetSettings(reference_split="held_out", num_images=300)
    arrays = MEASURE.evaluate(digits_subject(), settings, ("reference",))
    assert int(arrays["num_images"]) == 297
    assert len(arrays["features"]) == 297


def test_inception_without_its_file_says_where_to_get_it() -> None:
    """The test's home has none, and nothing is fetched."""
    settings = FrechetSettings(features="inception", num_images=2, num_sampling_steps=2)
    with pytest.raises(DataError, match="flatdiff download inception"):
        computed(digits_subject(), "frechet", settings)


def test_only_inceptions_distance_is_called_fid() -> None:
    """In whatever case; and clean-fid's mode is named."""
    assert "proxy" in LABELS["digits"]
    assert "fid" not in LABELS["digits"].lower()
    assert LABELS["inception"] == "FID (clean-fid, mode clean)"


@pytest.mark.parametrize(
    ("datasets", "features"),
    [
        (["digits", "digits"], "digits"),
        (["cifar10"], "inception"),
        (["digits", "cifar10"], "inception"),
        (["digits", "unheard of"], "inception"),
        (["folder:/nowhere"], "inception"),
        ([], "inception"),
    ],
)
def test_digits_alone_are_seen_by_the_digits_network(datasets: list[str], features: str) -> None:
    """A small network of digits says nothing of other images."""
    assert usual_features([card_of(dataset=dataset) for dataset in datasets]) == features


def test_a_new_network_raises_the_version() -> None:
    """The key of a result knows the version, not the network: the two change together."""
    assert (MEASURE.version, read_network()[1].digest[:8]) == (2, "91ee7311")


def test_cost_counts_the_images_that_pass_the_network() -> None:
    """Against a counter in front of the network."""
    subject, seen = digits_subject(), []
    network = subject.chains.network
    subject.chains.network = lambda x, t, y: (seen.append(len(x)), network(x, t, y))[1]
    settings = FrechetSettings(num_images=65, num_sampling_steps=3)
    items = MEASURE.items(settings)
    for item in items:
        MEASURE.evaluate(subject, settings, item)
    costs = [MEASURE.image_forwards(settings, item, 10) for item in items]
    assert sum(seen) == 2 * 65 * 3
    assert sum(costs) == sum(seen) + 1


def test_reference_needs_no_covariance_of_full_rank() -> None:
    """Fewer real images than features: the root has fewer columns, or zeros."""
    done = hand_made()
    done[0] |= {"root": np.array([[1.0, 0.0], [0.0, 0.0]])}
    result = MEASURE.assemble(SETTINGS, done)
    flat = Gaussian(np.zeros(2), np.array([[1.0], [0.0]]))
    done[0] |= {"root": flat.root}
    again = MEASURE.assemble(SETTINGS, done)
    np.testing.assert_allclose(result.frechet, again.frechet, atol=1e-6)
    assert np.isfinite(result.frechet_stderr).all()
