"""Whose tile is next: what users wait for comes first, and nobody waits for ever."""

from collections import deque
from pathlib import Path

import pytest

from flatdiff.checkpoints.card import read_card
from flatdiff.engine.active import Active
from flatdiff.engine.store import Store
from flatdiff.engine.tiles import in_turn
from flatdiff.measures import MEASURES
from flatdiff.measures.request import make_request
from flatdiff.measures.samples import SamplesSettings
from flatdiff.measures.surface import SurfaceSettings
from flatdiff.measures.surfaces.settings import surface_items

GROWING, WHOLE = SurfaceSettings(mode="interpolated"), SurfaceSettings(mode="exact")


@pytest.fixture
def begun(store: Store, tiny_root: Path) -> dict[str, Active]:
    """Five jobs in the order in which they were asked."""
    asked = {
        "first surface": ("surface", "adm", GROWING),
        "samples": ("samples", "adm", SamplesSettings()),
        "second surface": ("surface", "sam", GROWING),
        "every cell": ("surface", "sam", WHOLE),
        "third surface": ("surface", "adm", SurfaceSettings(mode="interpolated", seed=1)),
    }
    jobs = dict[str, Active]()
    for name, (measure, checkpoint, settings) in asked.items():
        request = make_request(measure, read_card(tiny_root, f"tiny/{checkpoint}"), settings)
        store.submit(request)
        jobs[name] = Active(request)
        jobs[name].recount(store)
    return jobs


def turns(begun: dict[str, Active]) -> list[str]:
    """Names of those whose turn it is."""
    chosen = in_turn([active for active in begun.values() if active.missing])
    return [name for name, active in begun.items() if active in chosen]


def test_first_pictures_come_one_after_another(begun: dict[str, Active]) -> None:
    """Nine points and the checkpoint itself make one, before all that is not in the making."""
    for name in ("first surface", "second surface", "third surface"):
        assert turns(begun) == [name]
        for _ in range(9):
            begun[name].missing.popleft()
        assert turns(begun) == [name], "the last corner is not on its way"
        begun[name].missing.popleft()
    assert turns(begun) == list(begun), "finer parts are one job's among all"


def test_a_job_continued_after_its_picture_goes_before_nobody(begun: dict[str, Active]) -> None:
    """As after a kill: what is stored is not missing."""
    first = begun["first surface"]
    first.missing = deque(list(first.missing)[20:])
    assert turns(begun) == ["second surface"]


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        (GROWING, 10),
        (SurfaceSettings(mode="interpolated", dimensions=1), 4),
        (SurfaceSettings(mode="interpolated", axes="checkpoints"), 12),
        (WHOLE, 0),
    ],
)
def test_a_sketch_is_a_picture_and_not_a_point_less(
    settings: SurfaceSettings, expected: int
) -> None:
    """By the rule of the page: three points along every axis."""
    assert MEASURES["surface"].sketched(settings) == expected
    done = MEASURES["surface"].needed(settings, {})[:expected]
    items = [surface_items(settings)[k] for k in done]
    nodes = [item[1:] for item in items if item[0] == "node"]
    assert len(nodes) in (0, 3**settings.dimensions)
    for axis in zip(*nodes, strict=True):
        assert len(set(axis)) in (1, 3)
