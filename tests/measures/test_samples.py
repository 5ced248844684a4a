"""Sample grids: the same noise in every row, and a pixel change that a person can add up."""

import numpy as np
import pytest

from flatdiff.measures.request import decisive
from flatdiff.measures.samples import MEASURE, SamplesSettings
from flatdiff.system.arrays import Arrays
from flatdiff.views.base import GRID_COLUMNS
from flatdiff.views.samples import grid_columns
from tests.subjects import computed, constant_network, digits_subject

SETTINGS = SamplesSettings(num_images=11, bits=(8, 4))


def grey(value: int, count: int) -> Arrays:
    """Images of one grey each, counting up."""
    images = np.arange(value, value + count, dtype=np.uint8)[:, None, None, None]
    return {"images": np.broadcast_to(images, (count, 2, 2, 1)).copy()}


def hand_made() -> dict[int, Arrays]:
    """Chunks of 8 and 3 at 32, 8 and 4 bits: two levels darker, ten darker or brighter."""
    return {
        0: grey(100, 8),
        1: grey(98, 8),
        2: grey(90, 8),
        3: grey(200, 3),
        4: grey(198, 3),
        5: grey(210, 3),
    }


def test_pixel_change_of_hand_made_images() -> None:
    """Differences of 2 and of +-10 grey levels; unsigned bytes would wrap -2 around to 254."""
    result = MEASURE.assemble(SETTINGS, hand_made())
    assert result.bits == (32, 8, 4)
    assert result.pixel_change.tolist() == [0, 2, 10]
    assert result.pixel_change_stderr.tolist() == [0, 0, 0]
    assert result.images[0, :, 0, 0, 0].tolist() == [*range(100, 108), 200, 201, 202]
    assert result.images[2, :, 0, 0, 0].tolist() == [*range(90, 98), 210, 211, 212]


@pytest.mark.parametrize(
    ("present", "images"),
    [((), 0), ((0, 1), 0), ((0, 1, 2), 8), ((0, 1, 2, 3, 5), 8), ((3, 4, 5), 3)],
)
def test_only_images_that_every_width_has(present: tuple[int, ...], images: int) -> None:
    """Grids of different length could not be compared column by column."""
    done = {position: hand_made()[position] for position in present}
    result = MEASURE.assemble(SETTINGS, done)
    assert result.images.shape[:2] == (3, images)
    assert np.isnan(result.pixel_change).all() == (images == 0)
    if images == 3:
        assert result.images[0, :, 0, 0, 0].tolist() == [200, 201, 202]


def test_rounding_that_changes_nothing_changes_no_pixel() -> None:
    """A constant's only weight that counts is its tensor's largest, which rounding keeps.

    So any change would come from other noise: another x_T, or another draw at some step.
    """
    subject = digits_subject(model=constant_network(0.5))
    settings = SamplesSettings(num_images=10, num_sampling_steps=3, bits=(2,))
    result = computed(subject, "samples", settings)
    assert result.images.shape == (2, 10, 8, 8, 1)
    assert np.array_equal(result.images[0], result.images[1])
    assert len(np.unique(result.images[0].reshape(10, -1), axis=0)) == 10


def test_rounding_a_real_network_changes_pixels() -> None:
    """The mean is over all pixels of all images, against NumPy on the grids themselves."""
    settings = SamplesSettings(num_images=3, num_sampling_steps=3, bits=(2,))
    result = computed(digits_subject(), "samples", settings)
    finer = SamplesSettings(num_images=3, num_sampling_steps=3, bits=(2,), per_channel=True)
    other = computed(digits_subject(), "samples", finer)
    assert np.array_equal(result.images[0], other.images[0])
    assert not np.array_equal(result.images[1], other.images[1]), "the options reach the weights"
    change = np.abs(result.images[1].astype(int) - result.images[0].astype(int))
    assert result.pixel_change[1] == pytest.approx(change.mean())
    assert change.mean() > 0
    per_image = change.reshape(3, -1).mean(axis=1)
    assert result.pixel_change_stderr[1] == pytest.approx(per_image.std(ddof=1) / 3**0.5)


def test_classes_have_equal_shares_in_order() -> None:
    """Across chunks of eight; a grid has a row a class where they share evenly."""
    settings = SamplesSettings(num_images=12, classes=(7, 2, 5))
    shares = settings.labels(range(8)), settings.labels(range(8, 12))
    assert shares == ((7,) * 4 + (2,) * 4, (5,) * 4)
    assert grid_columns(settings) == 4
    assert grid_columns(SamplesSettings(num_images=11, classes=(7, 2, 5))) == GRID_COLUMNS
    assert SETTINGS.labels(range(8)) == ()


def test_results_from_before_there_were_classes_keep_their_key() -> None:
    """The setting enters a key only where it is chosen."""
    assert "classes" not in decisive(SETTINGS)
    assert decisive(SamplesSettings(classes=(1,)))["classes"] == (1,)
