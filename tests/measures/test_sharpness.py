"""Sharpness of losses whose worst weights are known, and of rescaled networks."""

from typing import Any

import numpy as np
import pytest
import torch

from flatdiff.errors import SettingsError
from flatdiff.measures.sharpness import BALLS, MEASURE, SharpnessResult, SharpnessSettings
from tests.subjects import (
    NUM_MEMBERS,
    NUM_WEIGHTS,
    QuadraticSubject,
    changed,
    computed,
    digits_subject,
    linear_subject,
    random_hessians,
)

SETTINGS = SharpnessSettings(radii=(0.01, 0.1), num_ascent_steps=3)


def test_a_slope_rises_by_the_radius_times_its_steepness() -> None:
    """Of the mean loss; after one step as after three, and with the error of paired members."""
    subject = linear_subject()
    result: SharpnessResult = computed(subject, "sharpness", SETTINGS)
    slope, length = subject.slopes.mean(dim=0), subject.weights.origin.norm()
    expected = np.array(SETTINGS.radii) * float(length * slope.norm())
    np.testing.assert_allclose(result.rise, expected, rtol=1e-6)
    np.testing.assert_allclose(result.first_rise, expected, rtol=1e-6)
    np.testing.assert_allclose(result.relative_norms, SETTINGS.radii, rtol=1e-6)
    along = (subject.slopes @ slope / slope.norm()).numpy() * 0.1 * float(length)
    np.testing.assert_allclose(result.member_rises[1], along, rtol=1e-6)
    by_neighbours = np.sqrt((np.diff(along) ** 2).sum() / (2 * (NUM_MEMBERS - 1)) / NUM_MEMBERS)
    assert result.rise_stderr[1] == pytest.approx(by_neighbours)


def test_a_bowl_rises_by_half_its_top_eigenvalue() -> None:
    """Reached from a small slope by many steps, and by one step not."""
    hessian = torch.diag(torch.linspace(0.5, 3, NUM_WEIGHTS)).expand(NUM_MEMBERS, -1, -1)
    slopes = torch.full((NUM_MEMBERS, NUM_WEIGHTS), 1e-7)
    subject = QuadraticSubject(hessian, slopes)
    settings = SharpnessSettings(radii=(0.1,), num_ascent_steps=100)
    result = computed(subject, "sharpness", settings)
    squared = (0.1 * float(subject.weights.origin.norm())) ** 2
    assert result.rise[0] == pytest.approx(3 / 2 * squared, rel=1e-3)
    assert result.first_rise[0] == pytest.approx(1.75 / 2 * squared, rel=1e-4)
    assert (np.diff(result.by_step[0]) > -1e-12).all()


@pytest.mark.parametrize("ball", BALLS)
def test_rescaling_moves_the_ball_of_the_norm_and_not_the_adaptive_one(ball: Any) -> None:
    """The same function from weights of which some are four times as large."""
    subject = digits_subject(4)
    settings = SharpnessSettings(ball=ball, radii=(0.01,), num_ascent_steps=2)
    own, other = (computed(each, "sharpness", settings) for each in (subject, subject.rescaled(4)))
    # Rescaled before a norm, whose epsilon keeps the function from being quite the same.
    assert other.base_loss == pytest.approx(own.base_loss, rel=1e-3)
    change = abs(other.rise[0] / own.rise[0] - 1)
    assert change < 0.02 if ball == "adaptive" else change > 0.1


def test_the_highest_on_the_way_is_told_and_what_is_no_number_is_not() -> None:
    """From arrays: of three steps the second; the third fell off the world."""
    base = {"losses": np.zeros(2), "timesteps": np.array([0, 500]), "num_steps": np.array(1000)}
    climbed = np.array([[1.0, 1.0], [3.0, 5.0], [np.nan, 1.0]])
    arrays = {"losses": climbed, "relative_norms": np.array([0.1, 0.2, 0.3])}
    result = MEASURE.assemble(SETTINGS, {0: {**base, "vb": np.zeros(0)}, 2: arrays})
    assert np.isnan(result.rise[0])
    assert (result.rise[1], result.first_rise[1], result.relative_norms[1]) == (4, 1, 0.2)
    assert list(result.member_rises[1]) == [3, 5]


def test_an_empty_result_is_not_a_number() -> None:
    """Nothing done: nothing known."""
    result = MEASURE.assemble(SETTINGS, {})
    assert np.isnan([*result.rise, *result.first_rise, result.base_loss]).all()


def test_more_steps_find_no_less() -> None:
    """On a loss that is neither bowl nor slope."""
    subject = QuadraticSubject(random_hessians(), torch.ones(NUM_MEMBERS, NUM_WEIGHTS))
    few, many = (
        computed(subject, "sharpness", changed(SETTINGS, num_ascent_steps=count))
        for count in (1, 8)
    )
    np.testing.assert_array_equal(few.rise, many.first_rise)
    assert (many.rise >= few.rise).all()


@pytest.mark.parametrize(
    "wrong",
    [
        {"ball": "cube"},
        {"radii": ()},
        {"radii": (0.2, 0.1)},
        {"radii": (0.0,)},
        {"radii": (11.0,)},
        {"num_ascent_steps": 0},
        {"num_ascent_steps": 1.5},
    ],
)
def test_settings_are_checked(wrong: dict[str, Any]) -> None:
    """A sentence names the setting."""
    with pytest.raises(SettingsError, match=next(iter(wrong))):
        SharpnessSettings(**wrong)
