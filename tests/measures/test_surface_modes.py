"""Surfaces between checkpoints and interpolated surfaces, on losses known at every point."""

from typing import Any

import numpy as np
import pytest
import torch

from flatdiff.measures.surface import MEASURE, SurfaceResult, SurfaceSettings
from flatdiff.measures.surfaces.result import DISPLAY_RESOLUTION, NOT_SMOOTH
from flatdiff.system.arrays import Arrays
from flatdiff.views.surfaces.plot import drawable, shown_grid
from tests.subjects import (
    NUM_WEIGHTS,
    QuadraticSubject,
    changed,
    computed,
    random_hessians,
)

INTERPOLATED = SurfaceSettings(mode="interpolated")
BETWEEN = SurfaceSettings(axes="checkpoints", dimensions=1, resolution=7)


def with_partners(count: int) -> QuadraticSubject:
    """A quadratic loss and points near its checkpoint."""
    subject = QuadraticSubject(random_hessians())
    generator = torch.Generator().manual_seed(3)
    subject.partners = tuple(
        subject.weights.origin + 0.3 * torch.randn(NUM_WEIGHTS, generator=generator).double()
        for _ in range(count)
    )
    return subject


def planned(subject: QuadraticSubject, settings: SurfaceSettings) -> tuple[SurfaceResult, int]:
    """Computed as the dispatcher does: what the plan wants, until it wants no more."""
    items, done = MEASURE.items(settings), dict[int, Arrays]()
    while missing := [k for k in MEASURE.needed(settings, done) if k not in done]:
        done |= {k: MEASURE.evaluate(subject, settings, items[k]) for k in missing}
    return MEASURE.assemble(settings, done), len(done)


def test_line_between_checkpoints() -> None:
    """Points and barrier from the formula: a = 0 is one checkpoint, a = 1 the other."""
    subject = with_partners(1)
    result, _ = planned(subject, BETWEEN)
    offset = (subject.partners[0] - subject.weights.origin).numpy()
    np.testing.assert_allclose(result.a, [-0.25, 0, 0.25, 0.5, 0.75, 1, 1.25], atol=1e-15)
    truth = np.array([subject.truth(a * offset).mean() for a in result.a])
    np.testing.assert_allclose(result.loss[0], truth, rtol=1e-12)
    assert result.mark_losses == pytest.approx([truth[5]])
    np.testing.assert_allclose(result.marks, [[1, 0, 0]], atol=1e-7)
    chord = truth[1] + result.a[1:6] * (truth[5] - truth[1])
    above = truth[1:6] - chord
    assert result.barrier == pytest.approx(above.max(), abs=1e-12)
    assert result.barrier_at == result.a[1 + int(above.argmax())]


def test_barrier_of_a_bowl_is_none_and_of_a_hill_is_its_height() -> None:
    """L = s (1 - s) h along the line lies h / 4 above its chord, at the middle."""
    subject = with_partners(1)
    offset = subject.partners[0] - subject.weights.origin
    direction = offset / (offset @ offset)
    bowl = 2 * torch.outer(direction, direction).expand(3, -1, -1)
    for sign, expected in ((-1, 0.25), (1, 0.0)):
        hill = QuadraticSubject(sign * bowl)
        hill.partners = (hill.weights.origin + offset,)
        for settings in (BETWEEN, changed(BETWEEN, mode="interpolated")):
            result, _ = planned(hill, settings)
            assert result.barrier == pytest.approx(expected, abs=1e-4)
            assert (result.barrier_at == 0) == (expected == 0)
    assert np.isnan(planned(with_partners(2), SurfaceSettings(resolution=3))[0].barrier)


def test_plane_through_three_checkpoints() -> None:
    """The loss at each partner's own place is the loss of its weights."""
    subject = with_partners(3)
    settings = SurfaceSettings(axes="checkpoints", resolution=3)
    result, _ = planned(subject, settings)
    offsets = [(p - subject.weights.origin).numpy() for p in subject.partners]
    assert result.marks.shape == (3, 3)
    np.testing.assert_allclose(result.marks[0], [1, 0, 0], atol=1e-6)
    np.testing.assert_allclose(result.marks[1][1:], [1, 0], atol=1e-6)
    assert 0 < result.marks[2][2] < 1, "a third partner lies beside the plane"
    losses = [subject.truth(offset).mean() for offset in offsets[:2]]
    np.testing.assert_allclose(result.mark_losses, losses, rtol=1e-12)
    first, second = subject.partner_plane()
    point = 1.25 * first.numpy() - 0.25 * second.numpy()
    assert result.loss[0, 2] == pytest.approx(subject.truth(point).mean(), rel=1e-9)


def test_parabolas_are_interpolated_at_once() -> None:
    """They are reproduced: the first level is enough, everywhere, errors included."""
    subject = QuadraticSubject(0.1 * random_hessians())
    result, evaluations = planned(subject, INTERPOLATED)
    assert evaluations == 1 + 81 + 16 + 24
    assert (result.mode, result.note, result.num_evaluations) == ("interpolated", "", 121)
    assert result.error_estimate < 1e-8
    assert result.centre_error < 1e-8 < result.centre_rise
    size = DISPLAY_RESOLUTION[2]
    assert result.loss.shape == (size, size)
    first, second = (d.double().numpy() for d in subject.plane(0, "filter"))
    for i, j in ((0, 0), (7, 50), (30, 30), (60, 1)):
        truth = subject.truth(result.a[j] * first + result.b[i] * second)
        assert result.loss[i, j] == pytest.approx(truth.mean(), rel=1e-7)
        assert result.stderr[i, j] == pytest.approx(truth.std(ddof=1) / 3**0.5, rel=1e-6)
        rise = truth - subject.truth(np.zeros(NUM_WEIGHTS))
        expected = rise.std(ddof=1) / 3**0.5
        assert result.rise_stderr[i, j] == pytest.approx(expected, rel=1e-5, abs=1e-9)


class Shaped(QuadraticSubject):
    """The loss is a function of the first coordinate a along the first direction alone."""

    def __init__(self, shape: Any) -> None:
        super().__init__(random_hessians())
        self.shape = shape
        self.unit = self.direction(0, 0, "filter").double().numpy()
        self.unit /= self.unit @ self.unit

    def truth(self, offset: np.ndarray) -> np.ndarray:
        """(3,), all members alike."""
        return np.full(3, 1.0) * self.shape(float(offset @ self.unit))


@pytest.mark.parametrize("seed", range(40))
def test_a_plan_never_comes_to_need_less(seed: int) -> None:
    """Random bumps on a line: what was decided of a level stays so when finer points are known.

    The first is one that once made it shrink: its range grows with the second level.
    """
    draw = np.random.default_rng(seed)
    center, width, height = draw.uniform(-1, 1), draw.uniform(0.05, 0.5), draw.uniform(0, 2)
    if seed == 0:
        center, width, height = 0.3931326, 0.2386484, 0.9346635

    def bump(a: float) -> float:
        return 0.1 + 0.02 * a**2 + height * np.exp(-(((a - center) / width) ** 2))

    subject, settings = Shaped(bump), SurfaceSettings(mode="interpolated", dimensions=1)
    items, done, needed = MEASURE.items(settings), dict[int, Arrays](), set[int]()
    while missing := [k for k in MEASURE.needed(settings, done) if k not in done]:
        assert needed <= set(MEASURE.needed(settings, done))
        needed = set(MEASURE.needed(settings, done))
        done |= {k: MEASURE.evaluate(subject, settings, items[k]) for k in missing}
    assert set(MEASURE.needed(settings, done)) == set(done)


def test_nine_points_are_the_first_picture() -> None:
    """Corners, middles of the sides and the checkpoint come first, then every second node."""
    items, subject = MEASURE.items(INTERPOLATED), QuadraticSubject(random_hessians())
    plan = MEASURE.needed(INTERPOLATED, {})
    assert len(set(plan)) == len(plan)
    shapes = []
    for count in (10, 26):
        done = {k: MEASURE.evaluate(subject, INTERPOLATED, items[k]) for k in plan[:count]}
        result = MEASURE.assemble(INTERPOLATED, done)
        assert drawable(result)
        columns, rows, loss = shown_grid(result)
        assert (columns[0], columns[-1], rows[0], rows[-1]) == (-1, 1, -1, 1)
        shapes.append(loss.shape)
    assert shapes == [(3, 3), (5, 5)]


def test_what_one_level_misses_the_next_one_finds() -> None:
    """A wave too short for nine nodes and long enough for seventeen."""
    subject = Shaped(lambda a: np.sin(6.5 * a))
    result, evaluations = planned(subject, INTERPOLATED)
    assert evaluations == 1 + 289 + 16 + 16
    assert result.mode == "interpolated"
    truth = np.sin(6.5 * result.a)
    missed = np.abs(result.loss - truth).max()
    assert missed <= 2 * result.error_estimate
    assert result.error_estimate <= 0.01 * 2


@pytest.mark.parametrize(
    "shape",
    [
        lambda a: float(a > 0.37),
        lambda a: np.sin(60 * a),
        lambda a: np.nan if a > 0.8 else a**2,
        lambda a: np.inf if a > 0.8 else a**2,
    ],
    ids=["step", "noise", "nan", "inf"],
)
def test_what_is_not_smooth_is_computed_in_every_cell_and_says_so(shape: Any) -> None:
    """Each cell is the formula's; holes stay where they are."""
    settings = SurfaceSettings(mode="interpolated", dimensions=1, tolerance=0.001)
    result, _ = planned(Shaped(shape), settings)
    assert (result.mode, result.note) == ("exact", NOT_SMOOTH)
    assert result.error_estimate == 0
    truth = np.array([shape(float(a)) for a in result.a])
    np.testing.assert_allclose(result.loss[0], np.where(np.isfinite(truth), truth, np.nan))
    assert len(result.a) == 25


@pytest.mark.parametrize("count", [0, 1, 22, 26, 72, 121])
def test_surface_in_the_making(count: int) -> None:
    """Nothing at first, then the coarsest nodes; never a number that was not computed."""
    subject = QuadraticSubject(random_hessians())
    result = computed(subject, "surface", INTERPOLATED, count)
    assert result.mode == "exact"
    assert result.loss.shape == (9, 9)
    assert np.isnan(result.loss[~result.computed]).all()
    assert result.computed.sum() == min(max(count - 1, 0), 81)
    if count >= 26:
        assert result.computed[::2, ::2].all(), "every second node comes first"


def test_settings_that_change_nothing_are_spelled_one_way() -> None:
    """Equal numbers have equal settings, and so equal keys."""
    same = SurfaceSettings(mode="interpolated", resolution=99, resolution_b=3)
    assert same == INTERPOLATED
    assert SurfaceSettings(axes="checkpoints", seed=3, span=2, normalization="none") == (
        SurfaceSettings(axes="checkpoints")
    )
    assert SurfaceSettings(tolerance=0.2) == SurfaceSettings()


def test_plane_of_eigenvectors() -> None:
    """Along them the loss is 0.5 (lambda_1 a^2 + lambda_2 b^2), by NumPy's eigenvalues."""
    hessians = random_hessians()
    settings = SurfaceSettings(axes="eigenvectors", resolution=5, span=2.0)
    result, _ = planned(QuadraticSubject(hessians), settings)
    second, first = np.linalg.eigvalsh(hessians.mean(dim=0).double().numpy())[-2:]
    rise = 0.5 * (first * result.a**2 + second * result.b[:, None] ** 2)
    np.testing.assert_allclose(result.loss - result.base_loss, rise, rtol=1e-3)
    assert abs(result.axes_cosine) < 1e-4
