"""The tour: each step asks first, and tells what is stored."""

from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from flatdiff.engine.engine import Engine
from flatdiff.landscape.quantization import WIDTHS
from flatdiff.measures.exposure import ExposureSettings
from flatdiff.measures.frechet import FrechetSettings
from flatdiff.measures.lpf import LpfSettings
from flatdiff.measures.quantization import QuantizationSettings
from flatdiff.measures.request import make_request
from flatdiff.measures.rescaling import RescalingSettings
from flatdiff.measures.samples import SamplesSettings
from flatdiff.measures.surfaces.nearby import EXAMPLE, NearbySettings
from flatdiff.measures.surfaces.settings import SurfaceSettings
from pages.shared import choose
from tests.pages.test_pages import PAGES, engine, fill, texts  # noqa: F401  (a fixture)

TOLD: tuple[tuple[str, Any], ...] = (
    ("surface", SurfaceSettings(mode="interpolated")),
    ("nearby", NearbySettings()),
    ("nearby", NearbySettings(a=EXAMPLE[0], b=EXAMPLE[1])),
    ("lpf", LpfSettings()),
    ("samples", SamplesSettings(bits=WIDTHS)),
    ("quantization", QuantizationSettings(bits=WIDTHS)),
    ("quantization", QuantizationSettings()),
    ("rescaling", RescalingSettings()),
    ("frechet", FrechetSettings()),
    ("exposure", ExposureSettings()),
)
# What is seen only after an answer, of a step that draws from the store.
AFTER = {
    1: "what lies up there no longer draws",
    2: "less rise of the loss under weight noise",
    3: "The climb is only a look",
    4: "Every bit less doubles it",
    5: "is not fooled",
    6: "Flatter is one thing",
}
ALONE = 3  # the step that needs no result


@pytest.fixture(autouse=True)
def _tiny_pair(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("flatdiff.checkpoints.collection.METHOD_PAIR", ("tiny/adm", "tiny/sam"))


def opened_at(step: int) -> AppTest:
    """The tour at one of its steps."""
    shown = AppTest.from_file(str(PAGES / "teach/tour.py"), default_timeout=30)
    shown.query_params["part"] = str(step)
    return shown.run()


def answered(shown: AppTest) -> AppTest:
    """With the first of the answers."""
    (question,) = shown.radio
    return question.set_value(question.options[0]).run()


@pytest.mark.parametrize("step", AFTER)
def test_without_results_each_step_says_what_to_run(engine: Engine, step: int) -> None:  # noqa: F811
    """At its beginning, or once somebody has answered."""
    shown = opened_at(step)
    if shown.radio:
        shown = answered(shown)
    assert not shown.exception
    assert ("press Run on" in texts(shown)) == (step != ALONE)
    assert engine.store.jobs() == []


@pytest.mark.parametrize("step", AFTER)
def test_each_step_asks_before_it_tells(engine: Engine, step: int) -> None:  # noqa: F811
    for card in choose.sorted_out(engine.root)[0]:
        for measure, settings in TOLD:
            fill(engine, make_request(measure, card, settings))
    shown = opened_at(step)
    assert AFTER[step] not in texts(shown).replace("Not decided: the", "less")
    shown = answered(shown)
    assert not shown.exception
    assert "press Run on" not in texts(shown)
    if step != 2:  # whose words depend on the numbers
        assert AFTER[step] in texts(shown)
    assert len(shown.get("success")) + len(shown.get("info")) == 1


def test_one_goes_on_and_back() -> None:
    shown = opened_at(3)
    assert shown.subheader[0].value.startswith("3.")
    (back, on) = shown.button
    assert on.click().run().subheader[0].value.startswith("4.")
    assert back.label.startswith("Back: Flat and sharp")
    assert [button.label[:4] for button in opened_at(1).button] == ["Next"]
    assert [button.label[:4] for button in opened_at(6).button] == ["Back"]
