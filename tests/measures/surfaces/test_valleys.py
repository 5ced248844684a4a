"""Valleys and basins of loss surfaces: in units of the loss, with what the errors allow."""

import numpy as np
import pytest
from numpy.typing import NDArray

from flatdiff.measures.surface import SurfaceResult
from flatdiff.measures.surfaces.valleys import CERTAIN, basin, cell_error, surface_valleys
from tests.results import surface
from tests.subjects import changed

SIDE = np.linspace(-1, 1, 41)
BASE = 0.5


def over_plane(rise: NDArray, stderr: float = 0.0, error: float = 0.0) -> SurfaceResult:
    """A whole surface with the same error everywhere."""
    return changed(
        surface(),
        a=SIDE,
        b=SIDE,
        loss=BASE + rise,
        rise_stderr=np.full(rise.shape, stderr),
        computed=np.ones(rise.shape, dtype=bool),
        error_estimate=error,
        base_loss=BASE,
    )


def bowl() -> NDArray:
    """(a² + b²), 0 in the middle."""
    return np.add.outer(SIDE**2, SIDE**2)


def two_wells() -> NDArray:
    """The checkpoint's at 0, another 0.2 deeper at a = 0.75; the pass between them at some 0.1."""
    a = SIDE[None, :]
    line = 0.1 * np.sin(np.pi * a / 0.75) ** 2 - 0.2 * (a / 0.75) ** 3
    return np.where(a < 0, a**2, line + np.maximum(0, 2 * (a - 0.75))) + SIDE[:, None] ** 2


def test_a_bowl_is_one_valley_and_grows_as_a_disc() -> None:
    """A share of π h / 4 of the picture, until it meets the border at a rise of 1."""
    result = over_plane(bowl())
    (valley,) = surface_valleys(result)
    assert (valley.a, valley.b, valley.rise, valley.joins) == (0, 0, 0, None)
    found = basin(result, np.array([1e-4, 0.2501, 0.8101]))
    assert found.open_from == pytest.approx(1)
    np.testing.assert_allclose(found.share, [1 / 1600, np.pi / 16, np.pi * 0.81 / 4], rtol=0.01)
    np.testing.assert_array_equal(found.least, found.share)


def test_another_well_is_a_valley_if_it_is_deeper_than_its_error() -> None:
    """The floor adds both places' errors, at 95 %, and the interpolation's."""
    rise = two_wells()
    deeper, own = surface_valleys(over_plane(rise, stderr=0.01, error=0.002))[:2]
    assert (deeper.a, deeper.b) == (0.75, 0)
    assert deeper.rise == pytest.approx(-0.2)
    assert (own.a, own.rise, own.joins) == (0, 0, 0)
    line = rise[20]
    assert own.persistence == pytest.approx(line[20:36].max())
    assert own.floor == pytest.approx(2 * (CERTAIN * 0.01 + 0.002))
    assert own.certain
    assert not surface_valleys(over_plane(rise, stderr=0.1))[1].certain


def test_an_interval_of_the_share_holds_what_errors_allow() -> None:
    """A bowl that may be higher or lower by 0.1 everywhere but in its middle."""
    result = over_plane(bowl(), stderr=0.1 / CERTAIN)
    found = basin(result, np.array([0.501]))
    expected = [(bowl() <= height).sum() / 1600 for height in (0.401, 0.501, 0.601)]
    np.testing.assert_allclose([found.least[0], found.share[0], found.most[0]], expected)
    assert cell_error(result)[0, 0] == pytest.approx(0.1)


def test_a_surface_in_the_making_has_none() -> None:
    """What is not known may be lower than all that is."""
    assert surface_valleys(surface(4)) == []
