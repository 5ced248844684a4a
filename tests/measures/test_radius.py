"""Radius curves of a quadratic loss: gap = gamma^2 u^T H u / 2, whatever the slope."""

from typing import Any

import numpy as np
import pytest

from flatdiff.errors import SettingsError
from flatdiff.measures.radius import MEASURE, RadiusResult, RadiusSettings
from tests.subjects import NUM_MEMBERS, QuadraticSubject, computed, linear_subject, random_hessians

SETTINGS = RadiusSettings(sizes=(0.5, 1.0, 3.0), num_directions=4)


def of(settings: RadiusSettings = SETTINGS, count: int | None = None) -> RadiusResult:
    """On a quadratic loss; all items, or the first few."""
    return computed(QuadraticSubject(random_hessians()), "radius", settings, count)


def units(settings: RadiusSettings = SETTINGS) -> list[np.ndarray]:
    """The directions, in float64."""
    subject = QuadraticSubject(random_hessians())
    count = range(settings.num_directions)
    drawn = (subject.noise_direction(settings.seed, k, settings.noise) for k in count)
    return [direction.double().numpy() for direction in drawn]


def test_directions_of_the_sphere_have_unit_norm() -> None:
    """Over all parameters at once, biases included (SWAD), so that a size is a distance."""
    for unit in units():
        assert np.linalg.norm(unit) == pytest.approx(1, rel=1e-6)
        assert (unit != 0).all()


@pytest.mark.parametrize("noise", ["sphere", "absolute", "filter_relative"])
def test_curves_of_a_quadratic_loss(noise: Any) -> None:
    """Every curve, mean, error and gap from the formula at theta + size * direction."""
    settings = RadiusSettings(noise=noise, sizes=(0.5, 1.0, 3.0), num_directions=4)
    subject, result = QuadraticSubject(random_hessians()), of(settings)
    truth = np.array(
        [
            [subject.truth(sign * size * unit).mean() for size in settings.sizes]
            for unit in units(settings)
            for sign in (1, -1)
        ]
    )
    np.testing.assert_allclose(result.curves, truth, rtol=1e-6)
    pairs = truth.reshape(4, 2, 3).mean(axis=1)
    np.testing.assert_allclose(result.loss, pairs.mean(axis=0), rtol=1e-6)
    np.testing.assert_allclose(result.stderr, pairs.std(axis=0, ddof=1) / 2, rtol=1e-5)
    np.testing.assert_allclose(result.gap, pairs.mean(axis=0) - 0.5, atol=1e-6)
    assert result.base_loss == 0.5
    assert result.num_directions == 4


def test_gap_grows_with_the_square_and_slopes_cancel() -> None:
    """Antithetic pairs: a quadratic rises as size^2, a linear loss not at all."""
    result = of()
    np.testing.assert_allclose(result.gap / result.gap[1], [0.25, 1, 9], rtol=1e-5)
    flat = computed(linear_subject(), "radius", SETTINGS)
    np.testing.assert_allclose(flat.gap, 0, atol=1e-6)
    assert flat.slope == pytest.approx(0, abs=1e-6)


def test_relative_axis_and_slope() -> None:
    """Size / ||theta||, and the least-squares slope of numpy's own solver."""
    result, subject = of(), QuadraticSubject(random_hessians())
    norm = float(subject.weights.origin.norm())
    np.testing.assert_allclose(result.relative_norms, np.array(SETTINGS.sizes) / norm, rtol=1e-6)
    slopes = [
        np.linalg.lstsq(result.relative_norms[:, None], curve - 0.5, rcond=None)[0][0]
        for curve in result.curves.reshape(4, 2, 3).mean(axis=1)
    ]
    assert result.slope == pytest.approx(np.mean(slopes), rel=1e-6)
    assert result.slope_stderr == pytest.approx(np.std(slopes, ddof=1) / 2, rel=1e-5)


def test_timesteps_are_those_of_the_members() -> None:
    """Three members in the first three bins; the others hold nobody."""
    subject, result = QuadraticSubject(random_hessians()), of()
    base = subject.truth(np.zeros(len(subject.weights)))
    for k, size in enumerate(SETTINGS.sizes):
        gaps = np.array([subject.truth(size * u) + subject.truth(-size * u) for u in units()]) / 2
        expected = (gaps - base).mean(axis=0)
        np.testing.assert_allclose(result.gap_by_timestep[:NUM_MEMBERS, k], expected, atol=1e-6)
        np.testing.assert_allclose(result.member_gaps[:, k], gaps - base, atol=1e-6)
    assert np.isnan(result.gap_by_timestep[NUM_MEMBERS:]).all()


@pytest.mark.parametrize("count", [0, 1, 2])
def test_in_the_making(count: int) -> None:
    """No direction, no curve; one direction, no error."""
    result = of(count=count)
    assert result.num_directions == max(count - 1, 0)
    assert result.curves.shape == (2 * max(count - 1, 0), 3)
    assert np.isnan(result.stderr).all()
    assert np.isnan(result.loss).all() == (count < 2)


def test_a_direction_without_its_base() -> None:
    """Tiles arrive in any order."""
    subject = QuadraticSubject(random_hessians())
    result = MEASURE.assemble(SETTINGS, {2: MEASURE.evaluate(subject, SETTINGS, ("direction", 1))})
    assert np.isfinite(result.loss).all()
    assert np.isnan(result.gap).all()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("noise", "gauss"),
        ("sizes", ()),
        ("sizes", (0.0, 1.0)),
        ("sizes", (2.0, 1.0)),
        ("sizes", (1.0, 1.0)),
        ("sizes", (float("nan"),)),
        ("sizes", (1e9,)),
        ("num_directions", 1),
        ("num_directions", 2.5),
        ("seed", -1),
    ],
)
def test_out_of_range_is_refused_by_name(name: str, value: Any) -> None:
    """A table by hand."""
    with pytest.raises(SettingsError, match=f"^{name} must be"):
        RadiusSettings(**{name: value})
