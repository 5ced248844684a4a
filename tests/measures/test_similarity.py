"""Similarity of networks of which it is known: copies, permuted ones, and others."""

from typing import Any

import numpy as np
import pytest
import torch

from flatdiff.checkpoints.tensors import blocks_of
from flatdiff.diffusion.unet import AdmUNet
from flatdiff.errors import SettingsError
from flatdiff.landscape import subject as subject_module
from flatdiff.landscape.flat_weights import FlatWeights
from flatdiff.landscape.panel import Panel
from flatdiff.landscape.subject import Subject
from flatdiff.measures.similarity import MEASURE, SimilarityResult, SimilaritySettings
from tests.subjects import card_of, computed
from tests.tiny import TINY, random_network

SIZE = 16


def subject_of(*networks: AdmUNet) -> Subject:
    """The first one on a panel, the others its partners."""
    first, *others = networks
    points = [FlatWeights(network).origin for network in others]
    return Subject(card_of(TINY), first, Panel(size=SIZE), points)


def settings_of(subject: Subject, **changes: Any) -> SimilaritySettings:
    """Of every block, in two batches at two levels."""
    known = {"levels": (0.2, 0.8), "num_batches": 2, "blocks": tuple(blocks_of(subject.shapes))}
    return SimilaritySettings(**{**known, **changes})


def test_a_copy_is_alike_in_all_and_another_is_not() -> None:
    """Three checkpoints: the first, its copy, and one of other weights."""
    subject = subject_of(random_network(TINY, 0), random_network(TINY, 0), random_network(TINY, 1))
    before = subject.weights.theta.clone()
    result: SimilarityResult = computed(subject, "similarity", settings_of(subject))
    blocks = [k for k, name in enumerate(result.blocks) if name.startswith(("in", "mid", "out"))]
    np.testing.assert_allclose(result.cka[:, blocks, 0, 1], 1, atol=1e-6)
    assert (result.cka[:, blocks, 0, 2] < 0.999).any()
    assert np.isnan(result.cka[:, result.blocks.index("time_embed.0")]).all()
    known = np.isfinite(result.cka[:, :, 0, 2])
    assert result.mean_cka[0, 2] == pytest.approx(result.cka[:, :, 0, 2][known].mean())
    assert result.mean_cka_stderr[0, 2] > 0
    np.testing.assert_allclose(result.disagreement[:, 0, 1], 0)
    assert (result.disagreement[:, 0, 2] > 0).all()
    assert result.distance[0, 1] == 0
    assert result.distance[0, 2] == pytest.approx(result.distance[1, 2], rel=1e-6)
    np.testing.assert_array_equal(result.distance, result.distance.T)
    assert torch.equal(subject.weights.theta, before)


def test_the_difference_is_that_of_the_networks_outputs() -> None:
    """At one level, by asking each network itself."""
    one, other = random_network(TINY, 0), random_network(TINY, 1)
    subject = subject_of(one, other)
    result = computed(subject, "similarity", settings_of(subject, levels=(0.5,)))
    process = subject.objective.process
    assert process is not None
    t = torch.full((SIZE,), round(0.5 * (process.num_steps - 1)))
    x_t = process.q_sample(subject.tensors.x_start, t, subject.tensors.noise)
    with torch.inference_mode():
        a, b = (network(x_t, process.network_timesteps(t), None) for network in (one, other))
    channels = subject.tensors.x_start.shape[1]
    expected = (a[:, :channels] - b[:, :channels]).square().mean()
    assert result.disagreement[0, 0, 1] == pytest.approx(float(expected), rel=1e-5)
    norm = (FlatWeights(one).origin - FlatWeights(other).origin).norm()
    assert result.distance[0, 1] == pytest.approx(float(norm / FlatWeights(one).origin.norm()))


def test_permuted_channels_are_far_apart_and_alike() -> None:
    """The first convolution with its filters in another order: CKA of its block is 1."""
    one, other = random_network(TINY, 0), random_network(TINY, 0)
    first = other.get_submodule("input_blocks.0.0")
    with torch.no_grad():
        for tensor in first.parameters():
            tensor.copy_(tensor.flip(0))
    subject = subject_of(one, other)
    result = computed(subject, "similarity", settings_of(subject))
    block = result.blocks.index("input_blocks.0")
    np.testing.assert_allclose(result.cka[:, block, 0, 1], 1, atol=1e-5)
    assert result.distance[0, 1] > 0


def test_what_is_done_first_is_a_picture_already() -> None:
    """The weights and one batch of each level; an error takes two."""
    subject = subject_of(random_network(TINY, 0), random_network(TINY, 1))
    settings = settings_of(subject)
    first = computed(subject, "similarity", settings, 3)
    assert np.isfinite(first.cka[:, -1]).all()
    assert np.isnan(first.cka_stderr).all()
    assert first.num_checkpoints == 2
    half = computed(subject, "similarity", settings, 2)
    assert np.isnan(half.cka[1]).all()
    nothing = MEASURE.assemble(settings, {})
    assert (nothing.num_checkpoints, nothing.distance.size) == (0, 0)


def test_too_small_a_panel_is_refused() -> None:
    subject = subject_of(random_network(TINY, 0), random_network(TINY, 1))
    settings = settings_of(subject, num_batches=5)
    with pytest.raises(SettingsError, match="the panel must be at least 20 images; got 16"):
        MEASURE.evaluate(subject, settings, ("batch", 0, 0))


def test_a_batch_that_has_no_room_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a large network all images of a batch pass at once."""
    values = 5 * TINY.num_channels * TINY.image_size**2
    monkeypatch.setattr(subject_module, "MAX_HEARD_VALUES", values)
    subject = subject_of(random_network(TINY, 0), random_network(TINY, 1))
    with pytest.raises(SettingsError, match=r"at most 5, .* ask for more batches; got 8"):
        MEASURE.evaluate(subject, settings_of(subject), ("batch", 0, 0))


@pytest.mark.parametrize(
    "wrong",
    [
        {"levels": ()},
        {"levels": (0.5, 0.5)},
        {"levels": (0.5, 1.5)},
        {"num_batches": 1},
        {"num_batches": 2.0},
        {"blocks": ("a", "a")},
    ],
)
def test_settings_are_checked(wrong: dict[str, Any]) -> None:
    """A sentence names the setting."""
    with pytest.raises(SettingsError, match=next(iter(wrong))):
        SimilaritySettings(**wrong)
