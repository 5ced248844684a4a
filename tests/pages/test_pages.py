"""Every page, empty, running, full and failed, without a browser.

The results behind a full page are arrays of the right shape made here: what is tested is that the
page shows what the store holds, not what a network computes.
"""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from flatdiff.checkpoints.card import Card, list_cards
from flatdiff.engine import engine as engine_module
from flatdiff.engine.bundle import import_bundle
from flatdiff.engine.engine import Engine
from flatdiff.engine.store import DONE, FAILED, Store
from flatdiff.measures import MEASURES
from flatdiff.measures.lpf import LpfSettings
from flatdiff.measures.request import Request, completed, make_request
from flatdiff.measures.samples import EXAMPLE_BITS, SamplesSettings
from flatdiff.measures.surface import SurfaceSettings
from flatdiff.system.files import PROJECT_ROOT
from pages.shared.looks import details
from tests.conftest import write_tiny_checkpoint
from tests.pages.stored import arrays_for

PAGES = Path(__file__).resolve().parents[2] / "pages"
# Each page and the measures it asks for at its default settings.
MEASURING = {
    "measure/surface.py": ("surface",),
    "measure/flatness.py": ("lpf",),
    "measure/curvature.py": ("curvature",),
    "measure/radius.py": ("radius",),
    "measure/sharpness.py": ("sharpness",),
    "measure/blocks.py": ("blocks",),
    "measure/exposure.py": ("exposure",),
    "measure/samples.py": ("samples",),
    "measure/quality.py": ("frechet",),
    "measure/quantization.py": ("quantization", "sensitivity"),
    "gallery/checkpoints.py": ("samples", "quantization"),
}
# Where a page begins otherwise than the measure itself does.
CHOSEN: dict[str, Any] = {"measure/samples.py": SamplesSettings(bits=(32, EXAMPLE_BITS))}


@pytest.fixture
def engine(store: Store, tiny_root: Path) -> Iterator[Engine]:
    """The program's engine for one test; never started, so that nothing moves by itself."""
    made = Engine(store=store, root=tiny_root, adopt=True)
    engine_module._engines[os.getpid()] = made
    yield made
    del engine_module._engines[os.getpid()]


def opened(page: str) -> AppTest:
    """A page, run once."""
    return AppTest.from_file(str(PAGES / page), default_timeout=30).run()


def unfold(shown: AppTest, *keys: str) -> AppTest:
    """Open what is folded on a page, by its keys."""
    for key in keys:
        shown.session_state[key] = True
    assert not shown.run().exception
    return shown


def requests_of(engine: Engine, page: str) -> list[Request]:
    """What a page asks for when nobody has touched it."""
    cards = [card for card in list_cards(engine.root) if isinstance(card, Card)]
    return [
        make_request(name, card, CHOSEN.get(page) or default_settings(name, engine.root, card))
        for name in MEASURING[page]
        for card in cards
    ]


def default_settings(measure: str, root: Path, card: Card) -> Any:
    """Of a page; some are of every layer or block of the checkpoint."""
    if measure == "surface":
        return SurfaceSettings(mode="interpolated")
    return completed(MEASURES[measure].settings_type(), root, card)


def fill(engine: Engine, request: Request, share: float = 1.0) -> None:
    """Put a share of a request's items into the store, as one tile behind what is there."""
    first, count = engine.store.positions_done(request.key), int(len(request.first_plan) * share)
    results = [arrays_for(item, request.settings) for item in request.items[len(first) : count]]
    engine.store.submit(request)
    engine.store.put_tile(request.key, len(first), results, 1.5, "{}")
    if share == 1.0:
        engine.store.finish(request.key, DONE)


def texts(page: AppTest) -> str:
    """Everything a person reads on a page, in one string."""
    parts = [*page.markdown, *page.caption, *page.info, *page.error, *page.warning, *page.title]
    parts += page.get("html")
    return "\n".join(str(part.value) for part in parts)


@pytest.mark.parametrize("page", list(MEASURING))
def test_empty_page_teaches_and_offers_run(engine: Engine, page: str) -> None:
    """An empty store: no picture can come from anywhere, so the page must say what to do."""
    shown = opened(page)
    assert not shown.exception
    assert any(button.label == "Run" for button in shown.button)
    assert "evaluations" in texts(shown)
    assert "time unknown" in texts(shown), "no speed was measured, so none may be claimed"


@pytest.mark.parametrize("page", list(MEASURING))
def test_run_queues_what_the_page_asks_for(engine: Engine, page: str) -> None:
    """The jobs in the store are compared with requests made here from the default settings."""
    shown = opened(page)
    next(button for button in shown.button if button.label == "Run").click()
    shown.run()
    assert not shown.exception
    queued = {job.key for job in engine.store.jobs(("queued",))}
    first = MEASURING[page][0]
    expected = {r.key for r in requests_of(engine, page) if r.measure == first}
    assert expected <= queued


@pytest.mark.parametrize("page", list(MEASURING))
def test_running_page_shows_progress_and_cancel(engine: Engine, page: str) -> None:
    """Half of the items are put in by hand; the page has to show and cancel them."""
    for request in requests_of(engine, page):
        fill(engine, request, 0.5)
    shown = opened(page)
    assert not shown.exception
    cancel = next(button for button in shown.button if button.label == "Cancel")
    cancel.click()
    shown.run()
    assert any(job.state == "cancelled" for job in engine.store.jobs())


def test_a_page_is_drawn_again_where_there_is_more_to_see(engine: Engine) -> None:
    """One item of a surface is nothing; half of them are a picture."""
    first, second = requests_of(engine, "measure/surface.py")[:2]
    handles = [engine.handle(request) for request in (first, second)]
    assert details(handles) == 0
    fill(engine, first, 0.5)
    fill(engine, second, 1.5 / len(second.first_plan))
    assert details(handles) == 5


def test_cancel_of_one_of_two_visitors_only_detaches(engine: Engine) -> None:
    """The first is told that others wait; the second, alone by then, stops it."""
    requests = requests_of(engine, "measure/surface.py")
    for request in requests:
        fill(engine, request, 0.5)
    visitors = [opened("measure/surface.py") for _ in range(2)]
    states = []
    for visitor in visitors:
        next(button for button in visitor.button if button.label == "Cancel").click().run()
        states.append({job.state for job in engine.store.jobs()})
    assert states == [{"queued"}, {"cancelled"}]
    assert "Others wait for this" in texts(visitors[0])
    assert "Run continues from there" in texts(visitors[1])


@pytest.mark.parametrize("page", list(MEASURING))
def test_full_page_comes_from_the_store(engine: Engine, page: str) -> None:
    """Nothing computes in this test, so whatever is shown was stored."""
    for request in requests_of(engine, page):
        fill(engine, request)
    shown = opened(page)
    assert "From store, computed" in texts(shown)
    assert not any(button.label == "Run" for button in shown.button)
    assert "Nothing computed" not in texts(shown)
    tables = len(shown.dataframe)
    folds = [f"{p}-{m}" for m in MEASURING[page] for p in ("about", "numbers", "record")]
    unfold(shown, *folds, f"reported-{Path(page).stem}")
    assert len(shown.dataframe) >= tables + 2 or "gallery" in page  # numbers and their origin


@pytest.mark.parametrize("page", list(MEASURING))
def test_failed_page_says_why_and_stays_usable(engine: Engine, page: str) -> None:
    """The reason is a sentence that only this test knows."""
    for request in requests_of(engine, page):
        engine.store.submit(request)
        engine.store.finish(request.key, FAILED, "the cat sat on the weights")
    shown = opened(page)
    assert not shown.exception
    assert any("the cat sat on the weights" in str(error.value) for error in shown.error)
    assert any(button.label == "Run" for button in shown.button)


def test_flatness_table_puts_scores_in_the_papers_cells(engine: Engine, tmp_path: Path) -> None:
    """The score is computed here from the arrays that were stored."""
    engine.root = Path(shutil.copytree(engine.root, tmp_path / "copy"))
    for seed, name in enumerate(("ip", "sam-ema")):
        write_tiny_checkpoint(engine.root, name, 7 + seed)
    requests = requests_of(engine, "measure/flatness.py")
    for request in requests:
        fill(engine, request)
    request = next(one for one in requests if one.checkpoint == "tiny/adm")
    pairs = [arrays_for(item, request.settings)["losses"] for item in request.items[1:]]
    expected = float(np.mean([pair.mean(axis=1, dtype=np.float64).mean() for pair in pairs]))
    table = opened("measure/flatness.py").table[0].value
    assert table.loc["ADM", "raw"].startswith(f"{expected:.4f} ±")
    assert table.loc["+SAM", "+EMA"]
    assert table.loc["+IP", "+EMA"] == ""


def test_changed_widgets_change_the_settings(engine: Engine) -> None:
    """Every widget of the page, typed into by a person; the queued job must have it all."""
    shown = opened("measure/flatness.py")
    shown.selectbox(key="lpf_mode").set_value("filter_relative")
    typed: dict[str, Any] = {"lpf_sigma": 0.02, "num_perturbations": 40, "seed": 7}
    for key, value in {**typed, "relative_stderr": 5.0}.items():
        shown.number_input(key=key).set_value(value)
    shown.run()
    next(button for button in shown.button if button.label == "Run").click().run()
    expected = LpfSettings(mode="filter_relative", relative_stderr=0.05, **typed)
    assert [job.request.settings for job in engine.store.jobs()] == [expected] * 2


def test_no_checkpoints_says_how_to_train_one(store: Store, tmp_path: Path) -> None:
    """An empty folder is all a stranger may have."""
    engine_module._engines[os.getpid()] = Engine(store=store, root=tmp_path, adopt=True)
    try:
        shown = opened("measure/surface.py")
    finally:
        del engine_module._engines[os.getpid()]
    assert not shown.exception
    assert "flatdiff train" in shown.code[0].value


def test_activity_lists_cancels_and_clears(engine: Engine) -> None:
    """One job of each kind is put into the store by hand."""
    done, failed, queued = requests_of(engine, "gallery/checkpoints.py")[:3]
    fill(engine, done)
    engine.store.submit(failed)
    engine.store.finish(failed.key, FAILED, "out of patience")
    engine.store.submit(queued)
    shown = opened("system/activity.py")
    assert not shown.exception
    table = shown.dataframe[0].value
    assert set(table["state"]) == {"done", "failed"}
    assert "out of patience" in set(table["reason"])
    next(b for b in shown.button if b.label == "Cancel").click()
    shown.run()
    assert engine.store.job(queued.key).state == "cancelled"  # pyright: ignore[reportOptionalMemberAccess]
    shown.checkbox[0].check()
    shown.run()
    next(b for b in shown.button if b.label == "Clear the store").click()
    shown.run()
    assert engine.store.jobs() == []


@pytest.mark.parametrize("page", list(MEASURING))
def test_first_visit_finds_results(store: Store, page: str) -> None:
    """On the shipped checkpoints and results nothing is left to compute for any page's default."""
    import_bundle(store)
    engine_module._engines[os.getpid()] = Engine(
        store=store, root=PROJECT_ROOT / "checkpoints", adopt=True
    )
    try:
        shown = opened(page)
    finally:
        del engine_module._engines[os.getpid()]
    assert not shown.exception
    assert "From store, computed" in texts(shown)
    assert not any(button.label == "Run" for button in shown.button)


@pytest.mark.parametrize("dimensions", ["1-D", "2-D"])
def test_surface_between_checkpoints(engine: Engine, dimensions: str) -> None:
    """From one checkpoint to another: one request with a partner; a plane needs three."""
    shown = AppTest.from_file(str(PAGES / "measure/surface.py"), default_timeout=30)
    shown.query_params["axes"] = "between checkpoints"
    shown.query_params["dimensions"] = dimensions
    shown.run()
    assert not shown.exception
    if dimensions == "2-D":
        assert "A plane needs three checkpoints." in texts(shown)
        return
    next(button for button in shown.button if button.label == "Run").click().run()
    (job,) = engine.store.jobs()
    assert job.request.checkpoint == "tiny/adm"
    assert [partner.checkpoint for partner in job.request.partners] == ["tiny/sam"]
    assert job.request.settings.axes == "checkpoints"


def test_ruler_follows_from_the_weights_alone(engine: Engine) -> None:
    """An empty store is enough; nothing is queued."""
    shown = opened("understand/ruler.py")
    assert not shown.exception
    assert engine.store.jobs() == []
    assert len(shown.get("plotly_chart")) == 1
