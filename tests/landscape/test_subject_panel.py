"""The panel's draw: which images, which timesteps, which noise; and NaN, which must stay NaN."""

import dataclasses

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits

from flatdiff.checkpoints.card import read_card
from flatdiff.checkpoints.weights_file import load_model
from flatdiff.errors import CheckpointError
from flatdiff.images.image_set import load_images
from flatdiff.landscape.panel import Panel
from flatdiff.landscape.quantization import Scheme
from flatdiff.landscape.subject import Subject
from flatdiff.measures.lpf import LpfResult, LpfSettings
from flatdiff.measures.statistics import mean, panel_error, standard_error
from flatdiff.system.files import checkpoint_root
from tests.subjects import CPU, computed, digits_subject
from tests.tiny import TINY, random_network


@pytest.mark.parametrize("size", [1, 8, 50, 250, 1000])
@pytest.mark.parametrize("seed", [0, 1])
def test_one_timestep_in_each_equal_bin(size: int, seed: int) -> None:
    """Bins of [0, 1000) whose edges are whole; plain draws leave a third of them empty."""
    t = digits_subject(size, seed).tensors.t.numpy()
    assert sorted(t * size // 1000) == list(range(size))


def test_more_members_than_timesteps() -> None:
    """2000 members hear each of 1000 timesteps exactly twice."""
    t = digits_subject(2000).tensors.t.numpy()
    assert np.bincount(t, minlength=1000).tolist() == [2] * 1000


def test_timesteps_are_dealt_at_random() -> None:
    """In the order of the bins the timestep would belong to the image's place in the file."""
    t = digits_subject(297).tensors.t.numpy()
    assert abs(np.corrcoef(t, np.arange(297))[0, 1]) < 0.25


def sorted_rows(images: torch.Tensor) -> list[tuple[float, ...]]:
    """As a multiset: a few digits may be equal."""
    return sorted(map(tuple, images.flatten(1).tolist()))


def test_each_image_once_before_any_twice() -> None:
    """Against the whole split, read from scikit-learn: 297 images in each of two rounds."""
    x_start = digits_subject(700).tensors.x_start
    held_out = load_images("digits", "held_out", 8, 1)
    everything = sorted_rows(held_out.values.float() / 8 - 1)
    assert sorted_rows(x_start[:297]) == everything
    assert sorted_rows(x_start[297:594]) == everything
    assert not torch.equal(x_start[:297], x_start[297:594])


def test_noise_is_standard_normal() -> None:
    """Moments over 64,000 values within five standard errors."""
    noise = digits_subject(1000).tensors.noise.double()
    assert abs(float(noise.mean())) < 5 / 64_000**0.5
    assert float(noise.var()) == pytest.approx(1, abs=5 * (2 / 64_000) ** 0.5)


def test_panel_error_is_the_spread_over_panels() -> None:
    """One panel foretells how far the means of forty others scatter, on a trained network.

    Forty draws know a standard deviation to 11 %; the plain standard error is over twice as large.
    """
    root = checkpoint_root()
    card = read_card(root, "digits/adm")
    network = load_model(root, card, CPU)
    panels = [Subject(card, network, Panel(size=32, seed=seed)) for seed in range(1, 41)]
    losses = [subject.losses() for subject in panels]
    spread = np.std([mean(values) for values in losses], ddof=1)
    foretold = np.mean(
        [panel_error(values, s.timesteps) for values, s in zip(losses, panels, strict=True)]
    )
    assert 0.7 < foretold / spread < 1.3
    assert standard_error(losses[0]) > 1.6 * spread


@pytest.mark.slow
def test_errors_of_lpf_are_the_spread_over_noise_and_panels() -> None:
    """One result foretells how far the rises of thirty others scatter, in one and in both."""
    root = checkpoint_root()
    card = read_card(root, "digits/adm")
    network = load_model(root, card, CPU)

    def result(seed: int, panel: int) -> LpfResult:
        settings = LpfSettings(mode="filter_relative", num_perturbations=16, seed=seed)
        return computed(Subject(card, network, Panel(size=32, seed=panel)), "lpf", settings)

    of_noise = [result(seed, 0) for seed in range(30)]
    of_panels = [result(0, seed) for seed in range(30)]
    of_both = [result(seed, seed) for seed in range(30)]
    for results, name in (
        (of_noise, "stderr"),
        (of_panels, "gap_panel_stderr"),
        (of_both, "gap_total_stderr"),
    ):
        spread = np.std([each.gap for each in results], ddof=1)
        foretold = np.sqrt(np.mean([getattr(each, name) ** 2 for each in results]))
        assert 0.7 < foretold / spread < 1.4, name


def test_panel_does_not_depend_on_the_global_generator() -> None:
    """Other code's draws before must not change a key's numbers."""
    first = digits_subject().tensors.x_t
    torch.manual_seed(99)
    assert torch.equal(first, digits_subject().tensors.x_t)


def test_labels_go_with_their_images() -> None:
    """Each panel image is looked up in scikit-learn's own table, and its label compared."""
    data, labels = load_digits(return_X_y=True)
    known = {tuple(row): label for row, label in zip(data.tolist(), labels.tolist(), strict=True)}
    subject = digits_subject(20, flags=dataclasses.replace(TINY, num_classes=10))
    y = subject.tensors.y
    assert y is not None
    rows = ((subject.tensors.x_start + 1) * 8).flatten(1).tolist()
    assert [known[tuple(row)] for row in rows] == y.tolist()
    assert len(set(y.tolist())) > 3
    assert np.isfinite(subject.losses()).all()
    assert subject.chains.sample(2, 2, seed=0).shape == (2, 8, 8, 1)


def test_nan_weights_stay_nan() -> None:
    """A damaged network must not look like a good one: every member's loss is NaN."""
    model = random_network(TINY)
    with torch.no_grad():
        model.get_parameter("out.2.bias")[0] = float("nan")
    subject: Subject = digits_subject(model=model)
    assert np.isnan(subject.losses()).all()
    with pytest.raises(CheckpointError, match="finite weights"), subject.quantized(Scheme()):
        raise AssertionError("integers cannot stand for NaN")
    assert np.isnan(subject.relative_norm(subject.direction(0, 0, "filter")))


def test_train_and_held_out_share_no_image() -> None:
    """Drawn from both splits, compared as rows: a leak would make every held-out number wrong."""
    subject = digits_subject(297)
    train = Subject(subject.card, subject.model, Panel(split="train", size=1500))
    seen = set(sorted_rows(train.tensors.x_start))
    assert sum(row in seen for row in sorted_rows(subject.tensors.x_start)) <= 3
