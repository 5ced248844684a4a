"""The claim: one chart a benefit, and which checkpoints are cases."""

from dataclasses import replace

from flatdiff.checkpoints.card import Card, list_cards
from flatdiff.engine.engine import Engine
from flatdiff.paper.reported import TABLES
from flatdiff.reports.columns import COLUMNS
from pages.shared.runs import runs_of
from tests.pages.test_pages import engine, fill, opened, texts, unfold  # noqa: F401  (a fixture)
from tests.tiny import tiny_recipe


def test_claim_queues_every_measure_once(engine: Engine) -> None:  # noqa: F811
    """Columns of one measurement share it; pictures and table fill with what is there."""
    shown = opened("understand/claim.py")
    assert not shown.exception
    assert "press Run" in texts(shown)
    next(button for button in shown.button if button.label == "Run").click().run()
    jobs = engine.store.jobs()
    measures = ["curvature", "exposure", "frechet", "lpf", "lpf", "quantization", "radius"]
    assert sorted(job.request.measure for job in jobs) == sorted(2 * measures)
    for job in jobs:
        if job.request.measure in ("lpf", "quantization"):
            fill(engine, job.request)
    shown = opened("understand/claim.py")
    assert not shown.exception
    charts = shown.get("plotly_chart")
    assert len(charts) == len([column for column in COLUMNS if column.group == "benefit"])
    unfold(shown, "numbers-claim", *(f"reported-{title}" for title in TABLES))
    assert [list(frame.value.index) for frame in shown.dataframe] == [["ADM", "ADM +SAM"]]
    assert len(shown.table) == 1 + len(TABLES)


def test_an_average_and_an_earlier_state_are_no_runs(engine: Engine) -> None:  # noqa: F811
    """Of one run there is one case: its raw weights, at its end."""
    adm, sam = (card for card in list_cards(engine.root) if isinstance(card, Card))
    recipe = tiny_recipe(steps=20)
    state = replace(adm, name="adm-000010", step=10, recipe=recipe)
    end = replace(adm, name="adm-end", step=20, recipe=recipe)
    mean = replace(adm, name="adm-ema", weights="ema", step=20, recipe=recipe)
    assert runs_of([adm, sam, state, end, mean]) == {"tiny/adm", "tiny/adm-end", "tiny/sam"}
