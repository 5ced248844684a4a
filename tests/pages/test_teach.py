"""Pages to teach with: empty, running, full and failed, and what their sliders do."""

import os
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from flatdiff.checkpoints.card import Card, list_cards
from flatdiff.commands.bundle import default_requests
from flatdiff.engine import engine as engine_module
from flatdiff.engine.engine import Engine
from flatdiff.engine.store import FAILED, Store
from flatdiff.landscape.quantization import WIDTHS
from flatdiff.measures.quantization import QuantizationSettings
from flatdiff.measures.request import Request, make_request
from flatdiff.measures.rescaling import RescalingSettings
from flatdiff.measures.samples import SamplesSettings
from flatdiff.system.files import PROJECT_ROOT
from tests.pages.test_pages import engine, fill, opened, texts, unfold  # noqa: F401  (a fixture)

RESCALING, SAM, ROUNDING = (f"teach/{name}.py" for name in ("rescaling", "sam", "rounding"))
WANTED: dict[str, dict[str, Any]] = {
    RESCALING: {"rescaling": RescalingSettings()},
    ROUNDING: {
        "quantization": QuantizationSettings(bits=WIDTHS),
        "samples": SamplesSettings(bits=WIDTHS),
    },
}


def requests_of(engine: Engine, page: str) -> list[Request]:  # noqa: F811
    """What a page asks for when nobody has touched it, of both checkpoints."""
    cards = [card for card in list_cards(engine.root) if isinstance(card, Card)]
    return [make_request(n, card, s) for n, s in WANTED[page].items() for card in cards]


@pytest.fixture(params=list(WANTED))
def page(request: pytest.FixtureRequest) -> str:
    """Each page that measures."""
    return request.param


def test_empty_page_teaches_and_runs_what_it_needs(engine: Engine, page: str) -> None:  # noqa: F811
    """The queued jobs are compared with requests made here."""
    shown = opened(page)
    assert not shown.exception
    assert "press Run" in texts(shown)
    next(button for button in shown.button if button.label == "Run").click().run()
    assert not shown.exception
    assert {job.key for job in engine.store.jobs()} == {r.key for r in requests_of(engine, page)}


@pytest.mark.parametrize("share", [0.3, 0.7])
def test_running_page_shows_what_there_is(engine: Engine, page: str, share: float) -> None:  # noqa: F811
    """Some factors or widths are there, others are not."""
    for request in requests_of(engine, page):
        fill(engine, request, share)
    shown = opened(page)
    assert not shown.exception
    assert any(button.label == "Cancel" for button in shown.button)
    assert shown.get("plotly_chart")


def test_full_page_comes_from_the_store(engine: Engine, page: str) -> None:  # noqa: F811
    """Nothing computes in this test; every position of every slider is shown without Run."""
    for request in requests_of(engine, page):
        fill(engine, request)
    shown = opened(page)
    for slider in shown.select_slider:
        for value in slider.options:
            shown.select_slider(key=slider.key).set_value(value).run()  # pyright: ignore[reportArgumentType]
            assert not shown.exception
            assert "From store, computed" in texts(shown)
            assert not any(button.label == "Run" for button in shown.button)


def test_failed_page_says_why(engine: Engine, page: str) -> None:  # noqa: F811
    """The reason is a sentence that only this test knows."""
    for request in requests_of(engine, page):
        engine.store.submit(request)
        engine.store.finish(request.key, FAILED, "the cat sat on the weights")
    shown = opened(page)
    assert not shown.exception
    assert any("the cat sat on the weights" in str(error.value) for error in shown.error)


def test_first_visit_is_bundled(page: str, store: Store) -> None:
    """What the page asks of the shipped checkpoints is on the list of what is shipped."""
    made = Engine(store=store, root=PROJECT_ROOT / "checkpoints", adopt=True)
    cards = [card for card in list_cards(made.root) if isinstance(card, Card)]
    bundled = {request.key for request in default_requests(made.root, cards)}
    engine_module._engines[os.getpid()] = made
    try:
        shown = opened(page)
        next(button for button in shown.button if button.label == "Run").click().run()
    finally:
        del engine_module._engines[os.getpid()]
    queued = {job.key for job in store.jobs()}
    assert queued
    assert queued <= bundled


def test_the_lie_is_caught(engine: Engine) -> None:  # noqa: F811
    """The first is shown as it is, the last at the smallest factor; the reader may move both."""
    for request in requests_of(engine, RESCALING):
        fill(engine, request)
    shown = opened(RESCALING)
    assert [slider.value for slider in shown.select_slider] == ["1", "1/4"]
    assert "absolute noise sees" in texts(shown)
    shown.selectbox(key="largest").set_value(8).run()
    assert not shown.exception
    assert any(button.label == "Run" for button in shown.button), "other factors, other numbers"


def sam_page(**query: Any) -> AppTest:
    """Opened by a link."""
    shown = AppTest.from_file(str(PROJECT_ROOT / "pages" / SAM), default_timeout=30)
    for name, value in query.items():
        shown.query_params[name] = str(value)
    return shown.run()


def test_sam_page_tells_what_its_paths_show() -> None:
    """The default; a rho of nothing, which is SGD; and a start from which all end in one place."""
    shown = sam_page()
    assert not shown.exception
    assert "SGD ends in the **sharp valley**, SAM in the **flat** one" in texts(shown)
    assert "EMA and SWA average SGD's path within the valley" in texts(shown)
    assert "SGD and SAM both end in the **sharp valley**" in texts(sam_page(toy_rho=0))
    assert "SGD and SAM both end in the **flat valley**" in texts(sam_page(toy_start="right"))


def test_next_walks_through_stages_and_steps() -> None:
    """Four stages a step, then the next step's first; the numbers are those of that step."""
    shown = sam_page(stage=3, step=15)
    for stage, step in ((4, 15), (1, 16), (2, 16)):
        shown.button[0].click().run()
        assert (shown.slider(key="stage").value, shown.number_input(key="step").value) == (
            stage,
            step,
        )
        assert f"**{stage}. " in texts(shown)


def test_a_step_beyond_the_end_shows_the_last_one() -> None:
    """A link may hold both numbers, in any relation."""
    shown = sam_page(step=400, num_steps=20)
    last = unfold(sam_page(step=19, num_steps=20), "numbers-step").dataframe[0].value
    assert unfold(shown, "numbers-step").dataframe[0].value.equals(last)
