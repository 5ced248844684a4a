"""What all measures share: seeds, chunks; and costs that add up."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flatdiff.measures import MEASURES
from flatdiff.measures.base import chunks, stream_seed
from flatdiff.measures.lpf import LpfSettings
from flatdiff.measures.surface import SurfaceSettings
from tests.subjects import linear_subject


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
