"""What is measured along a run: as much as is said, and no more of the time than is said."""

import dataclasses
from typing import Any

import numpy as np
import pytest

from flatdiff.checkpoints.recipe import PRESETS, make_recipe
from flatdiff.measures.along_run import (
    LPF,
    MAX_SHARE,
    MOST_A_RUN,
    PANEL_SIZE,
    evaluate_step,
    expected_share,
    image_forwards,
    usual_every_steps,
)
from tests.subjects import digits_subject
from tests.tiny import TINY, tiny_recipe


def test_an_evaluation_asks_the_network_as_often_as_is_said() -> None:
    """Images are counted as they enter the network; by hand: 64 (1 + 16) and 8 samples of 10."""
    subject, seen = digits_subject(PANEL_SIZE), list[int]()
    subject.model.register_forward_pre_hook(lambda _, given: seen.append(len(given[0])))
    found, samples = evaluate_step(subject, 12)
    assert sum(seen) == image_forwards(TINY) == 64 * 17 + 8 * 10
    assert samples.shape == (8, 8, 8, 1)
    assert (found.step, len(samples)) == (12, 8)


def test_its_numbers_are_those_of_weights_moved_by_hand() -> None:
    """Each perturbation is added to theta here, and the losses are averaged by NumPy."""
    subject = digits_subject(PANEL_SIZE)
    found, _ = evaluate_step(subject, 3)
    assert found.loss == pytest.approx(float(subject.losses().mean(dtype=np.float64)))
    means = []
    for pair in range(LPF.num_perturbations // 2):
        delta = 0.01 * subject.noise_direction(0, pair, "filter_relative")
        both = []
        for moved in (subject.weights.origin + delta, subject.weights.origin - delta):
            with subject.weights.replaced(moved):
                both.append(subject.losses().mean(dtype=np.float64))
        means.append(np.mean(both))
    assert found.lpf == pytest.approx(np.mean(means), rel=1e-6)
    assert found.stderr == pytest.approx(np.std(means, ddof=1) / np.sqrt(len(means)), rel=1e-4)


def test_weights_and_answers_stay_as_they_were() -> None:
    """Asked twice, the same bits: nothing is drawn from what a caller has."""
    subject = digits_subject(PANEL_SIZE)
    first, drawn = evaluate_step(subject, 1)
    second, again = evaluate_step(subject, 1)
    assert first == second
    assert np.array_equal(drawn, again)


def test_share_is_that_of_the_passes() -> None:
    """Of 1168 images against 10 steps of 100 images, forth and back: 3000, twice with SAM."""
    recipe = tiny_recipe(batch_size=100)
    assert expected_share(recipe, 10) == pytest.approx(1168 / (1168 + 3000))
    sam = dataclasses.replace(recipe, method="sam")
    assert expected_share(sam, 10) == pytest.approx(1168 / (1168 + 6000))


@pytest.mark.parametrize("preset", PRESETS)
@pytest.mark.parametrize(
    "changes", [{}, {"steps": 1000, "swa_start_step": 900}, {"batch_size": 8}]
)
def test_usual_evaluations_are_few_and_cheap(preset: str, changes: dict[str, Any]) -> None:
    """Of every preset, as it is, shorter and with small batches; SAM at the same steps as ADM."""
    recipe = make_recipe(preset, "adm", **changes)
    every = usual_every_steps(recipe)
    assert every is not None
    assert 1 <= recipe.steps // every <= MOST_A_RUN
    assert expected_share(recipe, every) <= MAX_SHARE
    assert usual_every_steps(make_recipe(preset, "sam", **changes)) == every


def test_a_run_too_short_for_one_has_none() -> None:
    """Twelve steps of eight images are a quarter of one evaluation."""
    assert usual_every_steps(tiny_recipe()) is None
