"""Epsilon-norm curves of a network that predicts a constant, and errors against NumPy's."""

import numpy as np
import pytest

from flatdiff.measures.base import Arrays
from flatdiff.measures.exposure import MEASURE, ExposureResult, ExposureSettings
from tests.subjects import computed, constant_network, digits_subject

SETTINGS = ExposureSettings(num_sampling_steps=5, num_images=40)


@pytest.mark.parametrize("eps", [0.5, -0.25, 0.0])
def test_constant_prediction_has_no_bias(eps: float) -> None:
    """The norm of a constant image of 64 pixels is 8 |c|, at every step of both curves."""
    subject = digits_subject(model=constant_network(eps))
    settings = ExposureSettings(num_sampling_steps=4, num_images=18)
    result = computed(subject, "exposure", settings)
    np.testing.assert_allclose(result.sampling, 8 * abs(eps), rtol=1e-6)
    np.testing.assert_allclose(result.training, 8 * abs(eps), rtol=1e-6)
    np.testing.assert_allclose(result.gap, 0, atol=1e-6)
    assert result.mean_gap == pytest.approx(0, abs=1e-6)
    assert result.mean_squared_gap == pytest.approx(0, abs=1e-5)
    assert result.sqrt_dimension == 8
    assert result.num_images == 18


def hand_made(seed: int = 0) -> tuple[np.ndarray, np.ndarray, dict[int, Arrays]]:
    """Norms of 40 images in chunks of 16, 16 and 8, (T', images), and the chunks."""
    generator = np.random.default_rng(seed)
    sampling, training = generator.normal(8, 1, (5, 40)), generator.normal(7, 2, (5, 40))
    done: dict[int, Arrays] = {
        k: {
            "sampling": sampling[:, start : start + 16],
            "training": training[:, start : start + 16],
            "dimension": np.array(64),
        }
        for k, start in enumerate((0, 16, 32))
    }
    return sampling, training, done


def test_gaps_and_errors_of_hand_made_norms() -> None:
    """Variances of the two curves add, as the images are independent; NumPy's formulas."""
    sampling, training, done = hand_made()
    result: ExposureResult = MEASURE.assemble(SETTINGS, done)
    gap = sampling.mean(axis=1) - training.mean(axis=1)
    np.testing.assert_allclose(result.gap, gap)
    variance = sampling.var(axis=1, ddof=1) / 40 + training.var(axis=1, ddof=1) / 40
    np.testing.assert_allclose(result.gap_stderr, np.sqrt(variance))
    assert result.mean_gap == pytest.approx(gap.mean())
    assert result.summed_gap == pytest.approx(gap.sum())
    squares = (sampling**2).mean() - (training**2).mean()
    assert result.mean_squared_gap == pytest.approx(squares)
    for name, one, other in (
        ("mean_gap_stderr", sampling, training),
        ("mean_squared_gap_stderr", sampling**2, training**2),
    ):
        spread = one.mean(axis=0).var(ddof=1) / 40 + other.mean(axis=0).var(ddof=1) / 40
        assert getattr(result, name) == pytest.approx(spread**0.5), name


def test_error_of_the_mean_gap_sees_that_steps_belong_together() -> None:
    """Each image its own constant over all steps: as uncertain as one step, not a fifth."""
    images = np.random.default_rng(0).normal(8, 1, 40)
    chain = np.tile(images, (5, 1))
    done = {0: {"sampling": chain, "training": np.zeros((5, 40)), "dimension": np.array(64)}}
    result = MEASURE.assemble(ExposureSettings(num_sampling_steps=5, num_images=40), done)
    assert result.mean_gap_stderr == pytest.approx(images.std(ddof=1) / 40**0.5)


@pytest.mark.parametrize("present", [(), (0,), (2,), (0, 2)])
def test_partial_results_use_the_chunks_there_are(present: tuple[int, ...]) -> None:
    """Against the columns of those chunks alone."""
    sampling, _, done = hand_made()
    columns = [c for k in present for c in range(16 * k, min(16 * k + 16, 40))]
    result = MEASURE.assemble(SETTINGS, {k: done[k] for k in present})
    assert result.num_images == len(columns)
    if columns:
        np.testing.assert_allclose(result.sampling, sampling[:, columns].mean(axis=1))
    else:
        assert np.isnan(result.sampling).all()
        assert np.isnan([result.mean_gap, result.mean_squared_gap, result.sqrt_dimension]).all()


def test_no_two_images_share_their_noise() -> None:
    """Chunks and curves that repeat a draw would make the error bars too small."""
    items = MEASURE.items(SETTINGS)
    subject = digits_subject()
    arrays = [MEASURE.evaluate(subject, SETTINGS, item) for item in items]
    for name in ("sampling", "training"):
        norms = np.concatenate([each[name] for each in arrays], axis=1)
        assert norms.shape == (5, 40)
        assert len(np.unique(norms[-1])) == 40
