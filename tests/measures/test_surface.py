"""Loss surfaces of a quadratic loss are parabolas, known at every cell."""

import warnings
from typing import Any

import numpy as np
import pytest
import torch

from flatdiff.measures.surface import MEASURE, SurfaceResult, SurfaceSettings
from flatdiff.measures.surfaces.settings import grid
from tests.subjects import (
    QuadraticSubject,
    computed,
    constant_network,
    digits_subject,
    random_hessians,
)


def parabola(subject: QuadraticSubject, settings: SurfaceSettings) -> np.ndarray:
    """Written as loops over a and b from the two directions, (rows, columns, members)."""
    if settings.dimensions == 1:
        first = subject.direction(settings.seed, 0, settings.normalization).double().numpy()
        a_axis = np.linspace(-settings.span, settings.span, settings.resolution)
        return np.array([[subject.truth(a * first) for a in a_axis]])
    first, second = (
        d.double().numpy() for d in subject.plane(settings.seed, settings.normalization)
    )
    a_axis = np.linspace(-settings.span, settings.span, settings.resolution)
    b_axis = np.linspace(-settings.span, settings.span, settings.resolution_b or len(a_axis))
    return np.array([[subject.truth(a * first + b * second) for a in a_axis] for b in b_axis])


GRIDS: list[dict[str, Any]] = [
    {"resolution": 5, "resolution_b": 3},
    {"resolution": 3, "resolution_b": 6, "span": 0.3, "seed": 4},
    {"resolution": 4},
    {"resolution": 5, "resolution_b": 4, "normalization": "layer"},
    {"resolution": 2, "resolution_b": 5, "normalization": "none", "span": 2.0},
    {"dimensions": 1, "resolution": 7},
    {"dimensions": 1, "resolution": 8, "normalization": "none"},
]


@pytest.mark.parametrize("changes", GRIDS)
def test_every_cell_of_a_quadratic_loss(changes: dict[str, Any]) -> None:
    """The loss is a formula; a transposed grid, a shifted row or a walked point would differ."""
    subject, settings = QuadraticSubject(random_hessians()), SurfaceSettings(**changes)
    result = computed(subject, "surface", settings)
    truth = parabola(subject, settings)
    members = truth.shape[2]
    np.testing.assert_allclose(result.loss, truth.mean(axis=2), rtol=1e-9)
    np.testing.assert_allclose(result.stderr, truth.std(axis=2, ddof=1) / members**0.5, rtol=1e-9)
    rise = truth - subject.truth(np.zeros(len(subject.weights)))
    np.testing.assert_allclose(
        result.rise_stderr, rise.std(axis=2, ddof=1) / members**0.5, rtol=1e-7, atol=1e-12
    )
    assert result.computed.all()
    assert result.nonfinite_fraction == 0


def test_base_floor_and_axes_of_a_quadratic_loss() -> None:
    """By hand: constants 1/4, 2/4, 3/4; the floor is sqrt of two squared steps over 2 * 3 * 2."""
    subject = QuadraticSubject(random_hessians())
    result = computed(subject, "surface", SurfaceSettings(resolution=2))
    assert result.base_loss == 0.5
    assert result.base_stderr == pytest.approx(0.25 / 3**0.5)
    assert result.base_vb == -0.5
    assert result.noise_floor == pytest.approx((2 / 16 / 12) ** 0.5)
    first, second = subject.plane(0, "filter")
    assert result.axes_cosine == pytest.approx(0, abs=1e-6)
    theta = subject.weights.origin.norm()
    assert result.relative_step == pytest.approx(float(first.double().norm() / theta))
    assert float(second.norm()) > 0


@pytest.mark.parametrize("resolution", [2, 3, 4, 25, 51, 1025])
def test_grid_is_symmetric_and_even(resolution: int) -> None:
    """NumPy's linspace to rounding, but mirrored to the bit and exactly 0 in an odd middle."""
    found = 0.3 * grid(resolution)
    np.testing.assert_allclose(found, np.linspace(-0.3, 0.3, resolution), atol=1e-15)
    assert np.array_equal(found, -found[::-1])
    assert (found[resolution // 2] == 0) == (resolution % 2 == 1)


@pytest.mark.parametrize("shape", [(25, 25), (5, 3), (1, 17), (2, 40), (9, 10)])
def test_each_cell_once_and_coarse_before_fine(shape: tuple[int, int]) -> None:
    """A surface in the making covers the plane early: any prefix holds a whole coarser grid."""
    rows, columns = shape
    settings = SurfaceSettings(
        dimensions=1 if rows == 1 else 2, resolution=columns, resolution_b=max(rows, 2)
    )
    items = list(MEASURE.items(settings))
    cells = [item[1:] for item in items if item[0] == "cell"]
    assert items[0] == ("base",)
    assert sorted(cells) == [(i, j) for i in range(rows) for j in range(columns)]
    assert len(items) == 1 + len(cells)
    for stride in (1, 2, 4):
        coarse = [(i, j) for i in range(0, rows, stride) for j in range(0, columns, stride)]
        assert set(cells[: len(coarse)]) == set(coarse) or len(coarse) < 4


class Holed(QuadraticSubject):
    """Not a number on one side of the first direction, infinite on another's."""

    def truth(self, offset: np.ndarray) -> np.ndarray:
        """Of the parabola where it is finite."""
        losses = super().truth(offset)
        along = offset @ self.direction(0, 0, "filter").double().numpy()
        if along > 0.1:
            return losses * np.nan
        if along < -0.1:
            losses[1] = np.inf
        return losses


def test_holes_stay_holes_and_touch_no_neighbour() -> None:
    """Left and right columns are not finite, the middle one is the parabola's; none is filled."""
    settings = SurfaceSettings(resolution=3, resolution_b=4)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        result = computed(Holed(random_hessians()), "surface", settings)
    truth = parabola(QuadraticSubject(random_hessians()), settings).mean(axis=2)
    assert np.isnan(result.loss[:, [0, 2]]).all()
    np.testing.assert_allclose(result.loss[:, 1], truth[:, 1])
    assert result.computed.all()
    assert result.nonfinite_fraction == pytest.approx(2 / 3)
    assert np.isnan(result.stderr[:, [0, 2]]).all()
    assert np.isfinite(result.rise_stderr[:, 1]).all()


def test_network_with_nan_weights_is_all_hole() -> None:
    """The real subject: computed everywhere, a number nowhere."""
    model = constant_network(0.0)
    with torch.no_grad():
        model.get_parameter("out.2.bias")[0] = float("nan")
    settings = SurfaceSettings(resolution=2)
    result = computed(digits_subject(2, model=model), "surface", settings)
    assert result.computed.all()
    assert np.isnan(result.loss).all()
    assert np.isnan(result.base_loss)
    assert result.nonfinite_fraction == 1


def partial(count: int) -> tuple[SurfaceResult, SurfaceResult]:
    """Of a loss below zero: the first items only, and all."""
    subject = QuadraticSubject(random_hessians())
    subject.constants -= 100
    settings = SurfaceSettings(resolution=5, resolution_b=3)
    return computed(subject, "surface", settings, count), computed(subject, "surface", settings)


@pytest.mark.parametrize("count", [0, 1, 2, 4, 9, 16])
def test_what_is_not_computed_is_not_a_number(count: int) -> None:
    """The losses are negative, so "not computed" cannot be told by a sign."""
    some, whole = partial(count)
    cells = min(max(count - 1, 0), 15)
    assert some.computed.sum() == cells
    assert (whole.loss < 0).all()
    assert np.isnan(some.loss[~some.computed]).all()
    assert np.array_equal(some.loss[some.computed], whole.loss[some.computed])
    np.testing.assert_equal(some.noise_floor, whole.noise_floor if count else np.nan)
    np.testing.assert_equal(some.base_loss, whole.base_loss if count else np.nan)


@pytest.mark.parametrize("position", [1, 7, 15])
def test_cells_without_their_base_have_no_paired_error(position: int) -> None:
    """Tiles arrive in any order; a cell alone must still stand in its own place."""
    settings = SurfaceSettings(resolution=5, resolution_b=3)
    subject = QuadraticSubject(random_hessians())
    item = MEASURE.items(settings)[position]
    result = MEASURE.assemble(settings, {position: MEASURE.evaluate(subject, settings, item)})
    cell = item[1:]
    assert np.argwhere(result.computed).tolist() == [list(cell)]
    assert result.loss[cell] == pytest.approx(parabola(subject, settings)[cell].mean())
    assert np.isnan(result.rise_stderr[cell])
