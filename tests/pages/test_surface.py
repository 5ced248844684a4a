"""The surface page beyond its pictures: a point that is chosen, and a camera in the link."""

import json
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from flatdiff.engine.engine import Engine
from flatdiff.errors import SettingsError
from flatdiff.measures.surface import SurfaceSettings
from flatdiff.measures.surfaces.nearby import EXAMPLE, NearbySettings
from pages.shared import plotly_js
from pages.shared.scenes import parse_camera
from tests.pages.test_pages import (
    PAGES,
    engine,  # noqa: F401  (the fixture)
    fill,
    opened,
    requests_of,
    texts,
)

SURFACE = "measure/surface.py"


def linked(**query: str) -> AppTest:
    """The page as a link opens it."""
    shown = AppTest.from_file(str(PAGES / SURFACE), default_timeout=30)
    for name, value in query.items():
        shown.query_params[name] = value
    return shown.run()


def run(shown: AppTest) -> None:
    """Press the Run that is there."""
    (button,) = (button for button in shown.button if button.label == "Run")
    button.click().run()
    assert not shown.exception


@pytest.fixture
def surfaces(engine: Engine) -> Engine:  # noqa: F811
    """Both surfaces are in the store."""
    for request in requests_of(engine, SURFACE):
        fill(engine, request)
    return engine


def test_without_a_point_the_page_says_how_to_choose_one(surfaces: Engine) -> None:
    """Nothing is asked for before, and one button shows an example."""
    shown = opened(SURFACE)
    assert "Click a point of a surface" in texts(shown)
    assert all(job.request.measure == "surface" for job in surfaces.store.jobs())
    next(button for button in shown.button if button.label == "Show an example").click().run()
    assert (shown.number_input(key="a").value, shown.number_input(key="b").value) == EXAMPLE


def test_point_in_the_link_queues_centre_and_point_of_every_checkpoint(surfaces: Engine) -> None:
    """The settings are made here; the number in the link is the number in the key."""
    shown = linked(a="0.25", b="-0.5", num_images="3", noise_seed="7", seed="0")
    assert not shown.exception
    assert "2,400" not in texts(shown)
    run(shown)
    jobs = [job for job in surfaces.store.jobs() if job.request.measure == "nearby"]
    sampling: dict[str, Any] = {"num_images": 3, "seed": 7}
    wanted = (NearbySettings(**sampling), NearbySettings(a=0.25, b=-0.5, **sampling))
    assert {(job.request.checkpoint, job.request.settings) for job in jobs} == {
        (checkpoint, settings) for checkpoint in ("tiny/adm", "tiny/sam") for settings in wanted
    }


def test_samples_stand_beside_those_of_the_centre(surfaces: Engine) -> None:
    """What is stored is ten grey levels brighter at the point, in every image."""
    shown = linked(a="0.25")
    run(shown)
    for job in surfaces.store.jobs():
        if job.request.measure == "nearby":
            fill(surfaces, job.request)
    shown = linked(a="0.25")
    assert not shown.exception
    words = texts(shown)
    assert words.count("Mean change of a pixel: 10 of 255.") == 2
    assert words.count("25.0% of their norm away") == 2
    assert len(shown.get("image")) == 4


def test_line_between_checkpoints_needs_its_end_alone(engine: Engine) -> None:  # noqa: F811
    """One dimension: the point has one coordinate, and its request the one end of the line."""
    shown = linked(axes="between checkpoints", dimensions="1-D", mode="every cell", resolution="5")
    run(shown)
    (job,) = engine.store.jobs()
    fill(engine, job.request)
    shown = linked(
        axes="between checkpoints", dimensions="1-D", mode="every cell", resolution="5", a="1"
    )
    assert not shown.exception
    assert [box.label for box in shown.number_input if box.label.startswith("Point")] == [
        "Point a"
    ]
    run(shown)
    nearby = {j.request.settings: j.request for j in engine.store.jobs()[1:]}
    end = NearbySettings(axes="checkpoints", a=1.0)
    assert nearby.keys() == {NearbySettings(), end}
    assert [p.checkpoint for p in nearby[end].partners] == ["tiny/sam"]
    assert nearby[NearbySettings()].partners == ()


def test_eigenvectors_hand_on_their_seed(engine: Engine) -> None:  # noqa: F811
    """The point is taken on the directions of the surface that is shown."""
    query = {"axes": "Hessian eigenvectors", "seed": "4", "checkpoints": "tiny/adm"}
    shown = linked(**query, a="0.5")
    run(shown)
    (job,) = engine.store.jobs()
    assert job.request.settings == SurfaceSettings(
        axes="eigenvectors", mode="interpolated", seed=4
    )
    fill(engine, job.request)
    shown = linked(**query, a="0.5")
    run(shown)
    asked = [job.request.settings for job in engine.store.jobs()[1:]]
    assert NearbySettings(axes="eigenvectors", direction_seed=4, a=0.5) in asked
    assert len(asked) == 2


def component_data(shown: AppTest) -> dict[str, Any]:
    """What the component was given."""
    (element,) = shown.get("bidi_component")
    proto: Any = element.proto
    return json.loads(proto.json or proto.mixed.json)


def test_camera_of_the_link_reaches_the_scenes(surfaces: Engine) -> None:
    """One figure a checkpoint, and the file that the server has."""
    data = component_data(linked(view="3-D", camera="2 -1 0.5"))
    assert data["camera"] == [2, -1, 0.5]
    assert [scene["title"] for scene in data["scenes"]] == ["ADM", "ADM +SAM"]
    figures = [json.loads(scene["figure"]) for scene in data["scenes"]]
    ranges = [figure["layout"]["scene"]["zaxis"]["range"] for figure in figures]
    assert ranges[0] == ranges[1]
    assert [(f["data"][0]["cmin"], f["data"][0]["cmax"]) for f in figures] == [
        tuple(limits) for limits in ranges
    ]
    assert data["plotly"] == plotly_js.FILE_NAME


NO_CAMERAS = ["up", "1 2", "1 2 3 4", "nan 0 1", "0 0 0", "1e9 0 0", "1 1 1 1 1 1"]


@pytest.mark.parametrize("text", NO_CAMERAS)
def test_a_camera_that_is_none_is_answered_in_a_sentence(text: str) -> None:
    """Not numbers, too few, too far, or where it looks; the sentence repeats what was given."""
    with pytest.raises(SettingsError, match=r"camera must be three numbers.*; got"):
        parse_camera(text)


def test_page_with_a_wrong_camera_stays_usable(surfaces: Engine) -> None:
    """The default camera is used."""
    shown = linked(view="3-D", camera="from above")
    assert not shown.exception
    assert "got 'from above'" in texts(shown)
    assert len(component_data(shown)["camera"]) == 3


def test_run_takes_the_number_that_was_typed_just_before(engine: Engine) -> None:  # noqa: F811
    """Both reach the page in one run of it, as they do where it is slower than the hand."""
    shown = opened(SURFACE)
    shown.number_input(key="seed").set_value(9)
    run(shown)
    assert {job.request.settings.seed for job in engine.store.jobs()} == {9}


def test_valleys_are_a_view(surfaces: Engine) -> None:
    """One chart of both basins and a row each; a surface that is not whole has none."""
    shown = linked(view="Valleys")
    assert not shown.exception
    assert len(shown.get("plotly_chart")) == 1
    valleys = next(table.value for table in shown.dataframe if "valleys" in table.value)
    assert list(valleys["checkpoint"]) == ["ADM", "ADM +SAM"]
    assert set(valleys["valleys"]) == {"1"}
    (first, *_) = requests_of(surfaces, SURFACE)
    assert "Valleys are told when" not in texts(shown)
    surfaces.store.delete()
    fill(surfaces, first, 0.3)
    shown = linked(view="Valleys", checkpoints=first.checkpoint)
    assert not shown.exception
    assert "Valleys are told when" in texts(shown)
