"""Epsilon-norm curves of a constant, delta of a known chain, and errors against NumPy's."""

import numpy as np
import pytest
import torch

from flatdiff.landscape.quantization import Scheme, fake_quantize
from flatdiff.measures.exposure import MEASURE, ExposureResult, ExposureSettings
from flatdiff.system.arrays import Arrays
from tests.subjects import computed, constant_network, digits_subject
from tests.tiny import TINY, random_network

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


STD = np.array([0.1, 0.4, 0.6, 0.8, 1.0])  # sqrt(1 - alphas_cumprod), made up


def hand_made(seed: int = 0) -> tuple[np.ndarray, np.ndarray, dict[int, Arrays]]:
    """Norms of 40 images in chunks of 16, 16 and 8, (T', images), and the chunks."""
    generator = np.random.default_rng(seed)
    sampling, training = generator.normal(8, 1, (5, 40)), generator.normal(7, 2, (5, 40))
    errors = hand_made_errors()
    done: dict[int, Arrays] = {
        k: {
            "sampling": sampling[:, start : start + 16],
            "training": training[:, start : start + 16],
            "errors": errors[:, start : start + 16],
            "forward_std": STD,
            "grey_step": np.array(0.125),
            "dimension": np.array(64),
        }
        for k, start in enumerate((0, 16, 32))
    }
    return sampling, training, done


def hand_made_errors() -> np.ndarray:
    """Mean squared errors of 40 images, a fifth above what the forward process has."""
    draws = np.random.default_rng(1).uniform(0.9, 1.1, (5, 40))
    return 1.2 * STD[:, None] ** 2 * draws


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
    assert result.summed_gap_stderr == pytest.approx(5 * result.mean_gap_stderr)
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
    done = hand_made()[2]
    done = {0: {**done[0], "sampling": chain, "training": np.zeros((5, 40))}}
    result = MEASURE.assemble(ExposureSettings(num_sampling_steps=5, num_images=40), done)
    assert result.mean_gap_stderr == pytest.approx(images.std(ddof=1) / 40**0.5)


def test_steps_finer_than_half_a_grey_level_are_left_out_of_the_means() -> None:
    """Levels 0.25 apart: the first step's noise of 0.1 is finer, the second's of 0.4 is not."""
    sampling, training, done = hand_made()
    done = {k: {**arrays, "grey_step": np.array(0.25)} for k, arrays in done.items()}
    result: ExposureResult = MEASURE.assemble(SETTINGS, done)
    assert result.coarse.tolist() == [True, False, False, False, False]
    gap = sampling.mean(axis=1) - training.mean(axis=1)
    assert result.mean_gap == pytest.approx(gap[1:].mean())
    assert result.summed_gap == pytest.approx(gap.sum())
    squares = (sampling[1:] ** 2).mean() - (training[1:] ** 2).mean()
    assert result.mean_squared_gap == pytest.approx(squares)
    np.testing.assert_allclose(result.by_image[0, 0], sampling[1:].mean(axis=0))


def test_blurred_levels_leave_no_step_out() -> None:
    """The last step of 20 is finer than half a level of the digits, an eighth; blurred none is."""
    plain, blurred = (
        computed(
            digits_subject(),
            "exposure",
            ExposureSettings(num_images=4, delta=False, dequantize=dequantize),
        )
        for dequantize in (False, True)
    )
    assert plain.coarse.nonzero()[0].tolist() == [0]
    assert not blurred.coarse.any()
    assert np.array_equal(plain.sampling, blurred.sampling)
    assert not np.array_equal(plain.training, blurred.training)


def test_training_curve_is_on_the_chosen_images() -> None:
    """Whatever the panel is made of: panels of both splits, and both splits of one panel."""
    curves = {
        (panel, split): computed(
            digits_subject(split=panel),
            "exposure",
            ExposureSettings(num_sampling_steps=3, num_images=4, reference_split=split),
        ).training
        for panel in ("train", "held_out")
        for split in ("train", "held_out")
    }
    for split in ("train", "held_out"):
        assert np.array_equal(curves["train", split], curves["held_out", split])
    assert not np.array_equal(curves["train", "train"], curves["train", "held_out"])


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
    for name in ("sampling", "training", "errors"):
        norms = np.concatenate([each[name] for each in arrays], axis=1)
        assert norms.shape == (5, 40)
        assert len(np.unique(norms[-1])) == 40


def test_delta_of_hand_made_errors() -> None:
    """A fifth more variance is 9.5 % more deviation; errors by resampling images 4,000 times."""
    result: ExposureResult = MEASURE.assemble(SETTINGS, hand_made()[2])
    errors = hand_made_errors()
    np.testing.assert_allclose(result.chain_std, np.sqrt(errors.mean(axis=1)))
    np.testing.assert_allclose(result.delta, (result.chain_std - STD) ** 2)
    assert result.delta[4] == pytest.approx((1.2**0.5 - 1) ** 2, rel=0.2)
    draws = np.random.default_rng(2).integers(40, size=(4000, 40))
    resampled = np.sqrt(errors[:, draws].mean(axis=2))
    np.testing.assert_allclose(result.chain_std_stderr, resampled.std(axis=1), rtol=0.1)
    spread = ((resampled - STD[:, None]) ** 2).std(axis=1)
    np.testing.assert_allclose(result.delta_stderr, spread, rtol=0.1)


def test_delta_can_be_left_out() -> None:
    """Half the calls again are saved; the curves are what they are with it."""
    subject = digits_subject()
    without = ExposureSettings(num_sampling_steps=3, num_images=4, delta=False)
    whole = ExposureSettings(num_sampling_steps=3, num_images=4)
    result, other = (computed(subject, "exposure", settings) for settings in (without, whole))
    assert np.isnan([result.delta, result.delta_stderr, result.chain_std]).all()
    assert np.isfinite([other.delta, other.delta_stderr, other.chain_std]).all()
    assert np.array_equal(result.sampling, other.sampling)
    assert np.array_equal(result.training, other.training)
    item = MEASURE.items(whole)[0]
    assert MEASURE.image_forwards(whole, item, 9) == 3 * 4 * 3
    assert MEASURE.image_forwards(without, item, 9) == 2 * 4 * 3


def test_delta_is_zero_where_the_chain_starts() -> None:
    """There the chain is the forward process itself: four standard errors, on both sides."""
    settings = ExposureSettings(num_sampling_steps=4, num_images=64)
    result = computed(digits_subject(), "exposure", settings)
    excess = result.chain_std[-1] - result.forward_std[-1]
    assert abs(excess) < 4 * result.chain_std_stderr[-1]
    assert result.forward_std[-1] == pytest.approx(1, abs=1e-3)


def test_scale_moves_sampling_and_leaves_training_alone() -> None:
    """Epsilon scaling is the sampler's; the network on real images knows nothing of it."""
    subject = digits_subject()
    plain = ExposureSettings(num_sampling_steps=4, num_images=4)
    scaled = ExposureSettings(num_sampling_steps=4, num_images=4, eps_scale=1.1)
    one, two = (computed(subject, "exposure", settings) for settings in (plain, scaled))
    assert np.array_equal(one.training, two.training)
    assert one.sampling[-1] == two.sampling[-1], "the first prediction is made from x_T itself"
    assert (one.sampling[:-1] != two.sampling[:-1]).all()
    assert (one.delta[:-1] != two.delta[:-1]).all()


def test_rounded_weights_have_their_own_curves() -> None:
    """A second subject of a network that was rounded and loaded by hand: equal bits."""
    settings = ExposureSettings(num_sampling_steps=3, num_images=4, bits=2, per_channel=True)
    result = computed(digits_subject(), "exposure", settings)
    model, scheme = random_network(TINY), Scheme(bits=2, per_channel=True)
    model.load_state_dict(
        {
            name: torch.from_numpy(fake_quantize(values.numpy(), scheme))
            for name, values in model.state_dict().items()
        }
    )
    plain = ExposureSettings(num_sampling_steps=3, num_images=4)
    other = computed(digits_subject(model=model), "exposure", plain)
    for name in ("sampling", "training", "delta"):
        assert np.array_equal(getattr(result, name), getattr(other, name)), name
