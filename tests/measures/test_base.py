"""What all measures share: errors of means, seeds, chunks; and costs that add up."""

import itertools
import warnings

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from flatdiff.measures import MEASURES
from flatdiff.measures.base import chunks, stream_seed
from flatdiff.measures.lpf import LpfSettings
from flatdiff.measures.statistics import mean, panel_error, standard_error
from flatdiff.measures.surface import SurfaceSettings
from tests.subjects import linear_subject


@given(st.lists(st.floats(-1e6, 1e6), min_size=2, max_size=50))
def test_standard_error_is_scipys(values: list[float]) -> None:
    """Another implementation of the same formula."""
    found = standard_error(np.array(values))
    assert found == pytest.approx(float(stats.sem(values)), rel=1e-9, abs=1e-9)


@pytest.mark.parametrize(
    "values", [[], [1.0], [1.0, float("nan")], [1.0, float("inf")], [float("-inf")] * 3]
)
def test_unknown_error_is_nan_without_a_warning(values: list[float]) -> None:
    """One value has no spread, and a NaN's or an infinity's is unknown, not a warning."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert np.isnan(standard_error(np.array(values)))


def test_panel_error_of_strata() -> None:
    """Against 4,000 draws of a loss that falls with t and has noise that does, too.

    The fall from one member to the next counts in full, so it may only be too large, and little.
    """
    rng = np.random.default_rng(0)
    t = (np.arange(256) + rng.random((4000, 256))) / 256
    losses = np.exp(-4 * t) + 0.1 * (1 - t) * rng.standard_normal(t.shape)
    foretold = [panel_error(*pair) ** 2 for pair in zip(losses, t, strict=True)]
    assert np.mean(foretold) == pytest.approx(losses.mean(axis=1).var(ddof=1), rel=0.07)


def test_panel_error_does_not_depend_on_the_members_order() -> None:
    """Members are dealt their timesteps at random."""
    rng = np.random.default_rng(1)
    losses, t, order = rng.random(20), np.arange(20), rng.permutation(20)
    assert panel_error(losses[order], t[order]) == pytest.approx(panel_error(losses, t))


@pytest.mark.parametrize("losses", [[], [1.0], [1.0, float("inf")], [float("nan")] * 3])
def test_unknown_panel_error_is_nan(losses: list[float]) -> None:
    """Of one member, and of a damaged network."""
    assert np.isnan(panel_error(np.array(losses), np.arange(len(losses))))


@pytest.mark.parametrize(
    ("values", "expected"),
    [([], np.nan), ([1, 2, 6], 3.0), ([np.nan, 1], np.nan), ([np.inf, 1], np.inf)],
)
def test_mean(values: list[float], expected: float) -> None:
    """By hand; NaN is an answer, never skipped."""
    np.testing.assert_equal(mean(np.array(values)), expected)


def test_mean_is_taken_in_float64() -> None:
    """In float32 the ones after 2^24 are lost; a large panel must not lose its tail."""
    values = np.full(1000, 0.1, np.float32)
    assert mean(values) == np.float64(np.float32(0.1))


@given(st.integers(1, 200), st.integers(1, 30))
def test_chunks_are_full_but_the_last(total: int, size: int) -> None:
    """They add up and none is empty: a partition has no other freedom."""
    found = chunks(total, size)
    assert sum(found) == total
    assert all(chunk == size for chunk in found[:-1])
    assert 1 <= found[-1] <= size


def test_streams_are_independent_of_each_other() -> None:
    """Nearby seeds and places share no stream; seed + place would make (0, 1) equal (1, 0)."""
    places = list(itertools.product(range(8), range(2), range(8)))
    seeds = {stream_seed(*place) for place in places}
    assert len(seeds) == len(places)
    assert all(0 <= seed < 2**63 for seed in seeds)
    assert stream_seed(0, 1, 2) == stream_seed(0, 1, 2)


@pytest.mark.parametrize("name", MEASURES)
def test_registry_names_each_measure_by_its_own_name(name: str) -> None:
    """Items travel as plain data, resume by their place, and cost something to be timed by."""
    measure = MEASURES[name]
    settings = measure.settings_type()
    items = list(measure.items(settings))
    assert measure.name == name
    assert len(set(items)) == len(items)
    assert all(type(part) in (str, int) for item in items for part in item)
    costs = [measure.image_forwards(settings, item, 10) for item in items]
    assert min(costs) > 0


@pytest.mark.parametrize(
    ("measure", "settings", "panel_size", "forwards"),
    [
        # base, 15 cells
        ("surface", SurfaceSettings(resolution=5, resolution_b=3), 3, (1 + 15) * 3),
        # base, 3 pairs
        ("lpf", LpfSettings(num_perturbations=6), 3, (1 + 6) * 3),
    ],
)
def test_cost_counts_the_forwards_that_happen(
    measure: str, settings: object, panel_size: int, forwards: int
) -> None:
    """The formula against a subject that counts how often it is asked for the panel's losses."""
    definition, subject = MEASURES[measure], linear_subject()
    items = definition.items(settings)
    for item in items:
        definition.evaluate(subject, settings, item)
    assert subject.calls * panel_size == forwards
    costs = [definition.image_forwards(settings, item, panel_size) for item in items]
    assert sum(costs) == forwards
