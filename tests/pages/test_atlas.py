"""The surface page with samples: what reaches the browser, and what it costs to have it."""

import base64
import json
from typing import Any

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from flatdiff.checkpoints.card import read_card
from flatdiff.engine.engine import Engine
from flatdiff.measures.request import make_request
from flatdiff.measures.surfaces.atlas import AtlasSettings
from flatdiff.views.base import with_error
from tests.pages.test_pages import (
    engine,  # noqa: F401  (the fixture)
    fill,
    requests_of,
    texts,
)
from tests.pages.test_surface import (
    SURFACE,
    component_data,
    linked,
    run,
    surfaces,  # noqa: F401  (the fixture)
)

VIEW = {"view": "With samples"}


def drawn(engine: Engine, share: float = 1.0, **settings: Any) -> None:  # noqa: F811
    """Of both checkpoints."""
    for name in ("tiny/adm", "tiny/sam"):
        card = read_card(engine.root, name)
        fill(engine, make_request("atlas", card, AtlasSettings(**settings)), share)


def images(drawing: dict[str, Any]) -> np.ndarray:
    """As the browser reads them, by row and column of nine each."""
    found = np.frombuffer(base64.b64decode(drawing["images"]), np.uint8)
    return found.reshape(9, 9, *drawing["shape"])


def test_run_asks_for_the_grid_of_the_surface_that_is_shown(surfaces: Engine) -> None:  # noqa: F811
    """Its cost and Run stand with the picture, whose losses are told before anything is drawn."""
    shown = linked(**VIEW, seed="0", point_images="2", point_steps="3", points="5")
    assert not shown.exception
    assert "0 of 50 points have their samples." in texts(shown)
    assert "50 evaluations" in texts(shown)
    told = component_data(shown)["groups"][0]["drawings"][0]
    assert (told["images"], told["known"]) == ("", [False] * 25)
    surface = surfaces.handle(requests_of(surfaces, SURFACE)[0]).result()
    centre = with_error(surface.loss[30, 30], surface.stderr[30, 30])
    assert told["words"][12] == f"Loss {centre}."
    run(shown)
    jobs = [job.request for job in surfaces.store.jobs() if job.request.measure == "atlas"]
    wanted = AtlasSettings(resolution=5, num_images=2, num_sampling_steps=3)
    assert {(job.checkpoint, job.settings) for job in jobs} == {
        (name, wanted) for name in ("tiny/adm", "tiny/sam")
    }


def test_every_point_is_in_the_browser_before_anybody_moves(surfaces: Engine) -> None:  # noqa: F811
    """Stored images are brighter by ten a column and by one a row."""
    drawn(surfaces)
    data = component_data(linked(**VIEW))
    assert [group["drawings"][0]["title"] for group in data["groups"]] == ["ADM", "ADM +SAM"]
    assert data["a"] == data["b"] == [k / 4 - 1 for k in range(9)]
    assert (data["start"], data["path"]) == ([4, 4], [[4, k] for k in range(4, 9)])
    for group in data["groups"]:
        (drawing,) = group["drawings"]
        expected = 10 * np.arange(9)[None] + np.arange(9)[:, None]
        found = images(drawing)
        assert found.shape == (9, 9, 4, 8, 8, 1)
        assert (found == expected[:, :, None, None, None, None]).all()
        assert drawing["known"] == [True] * 81
        assert drawing["words"][40].count("Pixels changed") == 0, "it is the centre itself"
        assert "Pixels changed by 10 of 255." in drawing["words"][41]


def test_what_is_not_drawn_yet_is_told_apart(surfaces: Engine) -> None:  # noqa: F811
    """Half of both grids: the coarse points first."""
    drawn(surfaces, 0.5)
    shown = linked(**VIEW)
    assert not shown.exception
    assert "80 of 162 points have their samples." in texts(shown)
    known = component_data(shown)["groups"][0]["drawings"][0]["known"]
    assert (sum(known), known[0], known[40]) == (40, True, True)


def test_point_of_the_link_is_where_it_begins(surfaces: Engine) -> None:  # noqa: F811
    """The nearest of the grid."""
    data = component_data(linked(**VIEW, a="0.6", b="-0.3"))
    assert data["start"] == [3, 6]


@pytest.mark.parametrize("stored", [False, True])
def test_line_between_checkpoints(engine: Engine, stored: bool) -> None:  # noqa: F811
    """One figure; the path ends at the other checkpoint."""
    link = {"axes": "between checkpoints", "dimensions": "1-D", "view_1d": "With samples"}
    shown = linked(**link)
    assert "Nothing computed for this view yet" in texts(shown), "of the surface itself"
    run(shown)
    (job,) = engine.store.jobs()
    fill(engine, job.request)
    settings = AtlasSettings(axes="checkpoints", dimensions=1)
    cards = [read_card(engine.root, name) for name in ("tiny/adm", "tiny/sam")]
    if stored:
        fill(engine, make_request("atlas", cards[0], settings, partners=cards[1:]))
    shown = linked(**link)
    assert not shown.exception
    data = component_data(shown)
    (group,) = data["groups"]
    assert (data["b"], data["path"]) == ([0], [[0, k] for k in range(2, 11)])
    assert group["drawings"][0]["known"] == [stored] * 13
    assert json.loads(group["figure"])["data"][-1]["name"] == "ADM"


def test_without_the_view_nothing_of_it_is_asked(surfaces: Engine) -> None:  # noqa: F811
    """Neither settings nor cost."""
    shown: AppTest = linked()
    assert "points have their samples" not in texts(shown)
    assert not [box for box in shown.number_input if box.key == "point_images"]
