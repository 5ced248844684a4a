"""The sheet and what every page shares with it: what differs, exports, the link."""

import dataclasses
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from flatdiff.checkpoints.card import Card, list_cards, read_card
from flatdiff.engine.engine import Engine
from flatdiff.engine.store import FAILED
from flatdiff.measures import MEASURES
from flatdiff.measures.exposure import ExposureSettings
from flatdiff.measures.request import Request, make_request
from flatdiff.reports.sheet import PARTS, sheet_requests
from pages.shared import record
from tests.pages.test_foreign import NASTY, add, tiny_root  # noqa: F401
from tests.pages.test_pages import (  # noqa: F401
    MEASURING,
    PAGES,
    engine,
    fill,
    opened,
    texts,
    unfold,
)

PAGE = "understand/compare.py"
SHEET = [*(part.title for part in PARTS), "Summary"]


def requests_of(engine: Engine) -> list[Request]:  # noqa: F811
    """What the sheet asks for when nobody has touched it."""
    cards = [card for card in list_cards(engine.root) if isinstance(card, Card)]
    return sheet_requests(engine.root, cards[:2])


def labels(shown: AppTest) -> list[str]:
    """Of the parts below each other, open or closed, as a person reads them."""
    return [found.label for found in shown.expander if found.label.startswith("**")]


def part_names(shown: AppTest) -> list[str]:
    return [label.split("**")[1] for label in labels(shown)]


def files(shown: AppTest) -> list[str]:
    """What can be downloaded."""
    return [button.label for button in shown.get("download_button")]  # pyright: ignore[reportAttributeAccessIssue]


def test_empty_sheet_offers_one_run_for_everything(engine: Engine) -> None:  # noqa: F811
    """One panel; what it queues is compared with every measure there is, of both checkpoints."""
    shown = opened(PAGE)
    assert not shown.exception
    assert "press Run" in texts(shown)
    (run,) = [button for button in shown.button if button.label == "Run"]
    run.click().run()
    queued = [job.request for job in engine.store.jobs(("queued",))]
    assert {request.key for request in queued} == {r.key for r in requests_of(engine)}
    # About measuring, about points, and about parts of one network.
    elsewhere = {"rescaling", "nearby", "atlas", "blocks", "similarity"}
    assert {request.measure for request in queued} == set(MEASURES) - elsewhere


def test_running_sheet_shows_what_is_there(engine: Engine) -> None:  # noqa: F811
    """Half of everything; the summary has no number that is not final."""
    for request in requests_of(engine):
        fill(engine, request, 0.5)
    shown = opened(PAGE)
    assert not shown.exception
    assert any(button.label == "Cancel" for button in shown.button)
    assert part_names(shown) == SHEET
    assert "0 of 2 checkpoints are measured" in " ".join(labels(shown))


def test_full_sheet_comes_from_the_store(engine: Engine) -> None:  # noqa: F811
    """Nothing computes here; what differs stands in a line above what came out."""
    for request in requests_of(engine):
        fill(engine, request)
    shown = unfold(opened(PAGE), "summary")
    assert not shown.exception
    assert "From store, computed" in texts(shown)
    assert part_names(shown) == SHEET
    named = [expander.label for expander in shown.expander if "What differs" in expander.label]
    assert "method" in " ".join(named)
    frames = (frame.value for frame in shown.dataframe)
    table = next(frame for frame in frames if "LPF rise, absolute" in frame.index)
    assert list(table.columns) == ["ADM (tiny)", "ADM +SAM (tiny)"]
    assert "LPF rise, absolute" in table.index
    assert "of 2 checkpoints are measured" not in " ".join(labels(shown))
    assert files(shown) == ["Report (HTML)", "Data (ZIP)"]


def test_a_sheet_asks_the_file_rarely(
    engine: Engine,  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Thirty visitors wait for each other at every question; once for all jobs, not for each."""
    asked = requests_of(engine)
    for request in asked:
        fill(engine, request)
    shown, questions = opened(PAGE), list[str]()
    rows = engine.store.database.rows
    counted = lambda text, *values: questions.append(text) or rows(text, *values)  # noqa: E731
    monkeypatch.setattr(engine.store.database, "rows", counted)
    engine.store.database.changes.note()
    monkeypatch.setattr(engine.store._looks, "_for_s", 60.0)  # however slow this machine is
    assert not shown.run().exception
    assert 0 < len(questions) < len(asked) / 2


def test_failed_sheet_says_why_and_stays_usable(engine: Engine) -> None:  # noqa: F811
    """One measurement of many; the others are shown."""
    for request in requests_of(engine):
        if request.measure == "exposure":
            engine.store.submit(request)
            engine.store.finish(request.key, FAILED, "the cat sat on the weights")
        else:
            fill(engine, request)
    shown = opened(PAGE)
    assert not shown.exception
    assert any("the cat sat on the weights" in str(error.value) for error in shown.error)
    assert any(button.label == "Run" for button in shown.button)
    assert "0 of 2 checkpoints are measured" in " ".join(labels(shown))


def test_hostile_names_stay_text(engine: Engine) -> None:  # noqa: F811
    """On the sheet, whole; the names are in the link."""
    add(engine.root, NASTY, NASTY)
    card = read_card(engine.root, f"{NASTY}/{NASTY}")
    for request in sheet_requests(engine.root, [card]):
        fill(engine, request)
    shown = AppTest.from_file(str(PAGES / PAGE), default_timeout=30)
    shown.query_params["checkpoints"] = [card.id]
    for part in PARTS:
        shown.session_state[f"part-{part.name}"] = True
        shown.session_state[f"numbers-{part.name}"] = True
    shown.run()
    assert not shown.exception
    assert len(shown.dataframe) > len(PARTS) / 2, "they are open"
    assert NASTY not in texts(shown) + "\n".join(labels(shown))


@pytest.mark.parametrize("page", [page for page in MEASURING if page.startswith("measure")])
def test_every_page_of_several_checkpoints_says_what_differs(
    engine: Engine,  # noqa: F811
    page: str,
) -> None:
    """Folded, and gone for a single one."""
    shown = opened(page)
    assert "What differs" in [expander.label for expander in shown.expander]
    linked = AppTest.from_file(str(PAGES / page), default_timeout=30)
    linked.query_params["differs"] = "true"
    table = linked.run().dataframe[0].value
    assert table.loc["method"].tolist() == ["adm", "sam"]
    shown.multiselect(key="checkpoints").set_value(["tiny/adm"]).run()
    assert not shown.exception
    assert "What differs" not in [expander.label for expander in shown.expander]


def test_checkpoints_that_do_not_differ(engine: Engine) -> None:  # noqa: F811
    """The same weights under another name, said in words."""
    add(
        engine.root, "tiny", "copy", method="adm", digest=read_card(engine.root, "tiny/adm").digest
    )
    shown = AppTest.from_file(str(PAGES / PAGE), default_timeout=30)
    shown.query_params["checkpoints"] = ["tiny/adm", "tiny/copy"]
    shown.run()
    assert "What differs: only their weights" in [expander.label for expander in shown.expander]
    shown.query_params["differs"] = "true"
    shown.run()
    assert "Nothing that their cards know of" in texts(shown)
    assert "hold the same weights" in texts(shown)


def test_files_are_made_only_when_asked_for(
    engine: Engine,  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A page run makes none of them: each of their makers would raise here."""

    def refuse(*_args: object, **_named: object) -> bytes:
        raise AssertionError("nobody asked for a file")

    kinds = record.formats_for(make_request("exposure", two(engine.root)[0], ExposureSettings()))
    refusing = {s: dataclasses.replace(kind, export=refuse) for s, kind in kinds.items()}
    monkeypatch.setattr(record, "formats_for", lambda _request: refusing)
    monkeypatch.setattr(record, "to_html", refuse)
    for card in two(engine.root):
        fill(engine, make_request("exposure", card, ExposureSettings()))
    shown = opened("measure/exposure.py")
    assert files(shown) == [], "folded"
    shown.session_state["record-exposure"] = True
    assert not shown.run().exception
    assert files(shown) == ["HTML", "CSV", "NPZ", "JSON"]
    codes = [code.value for code in shown.code]
    assert any(code.startswith("flatdiff measure exposure") for code in codes)
    assert any("engine.ask" in code for code in codes)


def two(root: Path) -> list[Card]:
    """tiny/adm and tiny/sam."""
    return [read_card(root, f"tiny/{name}") for name in ("adm", "sam")]


def test_every_page_has_its_link_above_it(engine: Engine) -> None:  # noqa: F811
    """The frame draws it before any page does."""
    shown = AppTest.from_file(str(PAGES / "main.py"), default_timeout=30).run()
    assert not shown.exception
    assert shown.main[0].type == "bidi_component"
