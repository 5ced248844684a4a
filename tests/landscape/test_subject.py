"""A checkpoint made measurable: losses against a plain loop, weights that come back bit by bit."""

import dataclasses
from collections.abc import Callable, Generator

import numpy as np
import pytest
import torch

from flatdiff.checkpoints.recipe import PRESETS
from flatdiff.diffusion.process import DiffusionProcess
from flatdiff.landscape import subject as module
from flatdiff.landscape.quantization import Scheme
from flatdiff.landscape.subject import Subject
from flatdiff.measures.lpf import LpfSettings
from flatdiff.measures.quantization import QuantizationSettings
from flatdiff.measures.samples import SamplesSettings
from flatdiff.measures.surface import SurfaceSettings
from tests.subjects import computed, constant_network, digits_subject
from tests.tiny import TINY, random_network


def cosine_alphas_cumprod() -> np.ndarray:
    """Nichol & Dhariwal Eq. 17 and the clipping of the last beta, in NumPy alone."""
    edges = np.cos((np.arange(1001) / 1000 + 0.008) / 1.008 * np.pi / 2) ** 2
    return np.cumprod(1 - np.minimum(1 - edges[1:] / edges[:-1], 0.999))


def looped_losses(subject: Subject) -> np.ndarray:
    """Image by image, q_sample by its formula, the network called by its own forward."""
    bar, found = cosine_alphas_cumprod(), []
    for x_start, t, noise in zip(
        subject.tensors.x_start, subject.tensors.t, subject.tensors.noise, strict=True
    ):
        x_t = np.sqrt(bar[t]) * x_start.double() + np.sqrt(1 - bar[t]) * noise.double()
        with torch.no_grad():
            out = subject.model(x_t.float()[None], t[None])[0, : len(noise)]
        found.append(float(((noise - out).double() ** 2).mean()))
    return np.array(found)


FLAGS = {"one level": TINY, "two levels with attention": PRESETS["digits"].flags}


@pytest.mark.parametrize("name", FLAGS)
@pytest.mark.parametrize("batch", [1, 4, 6])
def test_losses_are_those_of_a_plain_loop(
    name: str, batch: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The loop shares only the network; batches that do not divide the panel are the risk."""
    flags = FLAGS[name]
    values = flags.num_channels * flags.image_size**2
    monkeypatch.setattr(module, "MAX_CACHED_VALUES", batch * values)
    subject = digits_subject(6, flags=flags)
    assert subject.batch_size == batch
    assert subject.losses() == pytest.approx(looped_losses(subject), rel=2e-5)
    with subject.at((0.1, subject.direction(0, 0, "filter"))):
        moved = looped_losses(subject)
        assert subject.losses() == pytest.approx(moved, rel=2e-5)


def test_constant_prediction_has_the_loss_of_its_constant() -> None:
    """Mean of (noise - c)^2 needs no network at all."""
    subject = digits_subject(8, model=constant_network(0.3))
    expected = ((subject.tensors.noise.double().numpy() - 0.3) ** 2).mean(axis=(1, 2, 3))
    assert subject.losses() == pytest.approx(expected, rel=1e-6)


def test_predicted_images_are_compared_with_images() -> None:
    """With predict_xstart the same constant is compared with x_start, not with the noise."""
    flags = dataclasses.replace(TINY, predict_xstart=True)
    model = constant_network(0.3)
    model.flags = flags
    subject = digits_subject(8, model=model)
    expected = ((subject.tensors.x_start.double().numpy() - 0.3) ** 2).mean(axis=(1, 2, 3))
    assert subject.losses() == pytest.approx(expected, rel=1e-6)


def test_the_origin_of_a_surface_is_the_checkpoint() -> None:
    """Equal bits, not about equal: 0 times a direction must add nothing."""
    subject = digits_subject()
    first, second = subject.plane(0, "filter")
    direct = subject.losses()
    with subject.at((0.0, first), (0.0, second)):
        assert np.array_equal(subject.losses(), direct)
    result = computed(subject, "surface", SurfaceSettings(resolution=3))
    assert result.loss[1, 1] == result.base_loss == direct.mean(dtype=np.float64)


MEASUREMENTS = {
    "surface": SurfaceSettings(resolution=3),
    "lpf": LpfSettings(num_perturbations=4, mode="filter_relative"),
    "quantization": QuantizationSettings(),
    "samples": SamplesSettings(num_images=2, num_sampling_steps=2, bits=(4,)),
}


@pytest.mark.parametrize("measure", MEASUREMENTS)
def test_weights_are_back_and_the_answer_is_the_same_again(measure: str) -> None:
    """Compared with a copy made before, by bits; any residue would change the second answer."""
    subject = digits_subject()
    before = [p.detach().clone() for p in subject.model.parameters()]
    one = computed(subject, measure, MEASUREMENTS[measure])
    assert torch.equal(subject.weights.theta, subject.weights.origin)
    for parameter, copy in zip(subject.model.parameters(), before, strict=True):
        assert torch.equal(parameter, copy)
    for other in (subject, digits_subject()):
        again = computed(other, measure, MEASUREMENTS[measure])
        for name, value in vars(one).items():
            np.testing.assert_array_equal(getattr(again, name), value, err_msg=name)


def fails_at_a_point(subject: Subject) -> None:
    with subject.at((1.0, subject.direction(0, 0, "filter"))):
        raise ZeroDivisionError


def fails_while_rounded(subject: Subject) -> None:
    with subject.quantized(Scheme(bits=2)):
        raise ZeroDivisionError


def moves_by_a_wrong_length(subject: Subject) -> None:
    with subject.at((1.0, torch.ones(3))):
        raise AssertionError("not reached")


def abandoned_chain(subject: Subject) -> Generator[None]:
    with subject.quantized(Scheme(bits=2)):
        for _ in subject.chains.from_noise(1, 5, 0):
            yield


@pytest.mark.parametrize("fail", [fails_at_a_point, fails_while_rounded, moves_by_a_wrong_length])
def test_weights_are_back_after_a_failure(fail: Callable[[Subject], None]) -> None:
    """A tile that fails is followed by others on the same subject."""
    subject = digits_subject()
    before = subject.weights.theta.clone()
    with pytest.raises((ZeroDivisionError, RuntimeError)):
        fail(subject)
    assert torch.equal(subject.weights.theta, before)


def test_weights_are_back_after_an_abandoned_chain() -> None:
    """Closing the generator is what a cancelled or collected consumer does."""
    subject = digits_subject()
    before = subject.weights.theta.clone()
    chain = abandoned_chain(subject)
    next(chain)
    assert not torch.equal(subject.weights.theta, before)
    chain.close()
    assert torch.equal(subject.weights.theta, before)


def rescaled_response(factor: float, mode: str) -> np.ndarray:
    """Losses under noise of a network whose first block's convolution is scaled."""
    model = random_network(TINY)
    with torch.no_grad():
        for kind in ("weight", "bias"):
            model.get_parameter(f"input_blocks.1.0.in_layers.2.{kind}").mul_(factor)
    settings = LpfSettings(mode=mode, lpf_sigma=0.1, num_perturbations=8)  # pyright: ignore[reportArgumentType]
    return computed(digits_subject(model=model), "lpf", settings).perturbed_losses


def test_filter_relative_noise_does_not_see_a_rescaling() -> None:
    """A GroupNorm divides the factor out again: same function, so the same flatness is due.

    Absolute noise fails this, which shows that the test can tell.
    """
    plain, scaled = (rescaled_response(factor, "filter_relative") for factor in (1.0, 8.0))
    assert scaled == pytest.approx(plain, rel=1e-3)
    plain, scaled = (rescaled_response(factor, "absolute") for factor in (1.0, 8.0))
    assert np.abs(scaled / plain - 1).max() > 0.02


@pytest.mark.parametrize("learn_sigma", [True, False])
def test_variational_bound_only_where_there_is_one(learn_sigma: bool) -> None:
    """Bits per dimension of a bad network are finite and positive; without a variance none."""
    flags = dataclasses.replace(TINY, learn_sigma=learn_sigma, rescale_learned_sigmas=False)
    subject = digits_subject(3, flags=flags)
    own, bounds = subject.losses_and_bounds()
    assert np.array_equal(own, subject.losses())
    if not learn_sigma:
        assert bounds is None
        return
    p, rows = subject.tensors, []
    for n in range(3):
        one = slice(n, n + 1)
        losses = DiffusionProcess(subject.card.flags).training_losses(
            lambda x, t: subject.model(x, t).detach(), p.x_start[one], p.t[one], p.noise[one]
        )
        assert losses.vb is not None
        rows.append(float(losses.vb))
    assert bounds == pytest.approx(rows, rel=1e-4)


def test_relative_norm_by_hand() -> None:
    """Twice the weights is 2; rounding error is the norm of what rounding changed."""
    subject = digits_subject()
    assert subject.relative_norm(2 * subject.weights.origin) == pytest.approx(2, rel=1e-6)
    before = subject.weights.theta.double().clone()
    with subject.quantized(Scheme(bits=4)):
        change = (subject.weights.theta.double() - before).norm() / before.norm()
    assert subject.quantization_error(Scheme(bits=4)) == pytest.approx(float(change), rel=1e-5)
    assert subject.quantization_error(Scheme(bits=32)) == 0
