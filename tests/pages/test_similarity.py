"""The page of similarity: one measurement of all that are chosen."""

from dataclasses import replace

import pytest

from flatdiff.checkpoints.card import Card, list_cards
from flatdiff.engine.engine import Engine
from flatdiff.measures.request import Request, completed, make_request
from flatdiff.measures.similarity import SimilaritySettings
from pages.shared import choose
from tests.pages.test_pages import engine, fill, opened, texts, unfold  # noqa: F401  (a fixture)

PAGE = "understand/similarity.py"


def request_of(engine: Engine) -> Request:  # noqa: F811
    """What the page asks for when nobody has touched it."""
    first, *others = (card for card in list_cards(engine.root) if isinstance(card, Card))
    settings = completed(SimilaritySettings(), engine.root, first)
    return make_request("similarity", first, settings, partners=others)


def test_one_run_is_of_all_that_are_chosen(engine: Engine) -> None:  # noqa: F811
    """The others are partners of the first."""
    shown = opened(PAGE)
    assert not shown.exception
    assert "press Run" in texts(shown)
    next(button for button in shown.button if button.label == "Run").click().run()
    assert [job.key for job in engine.store.jobs()] == [request_of(engine).key]


@pytest.mark.parametrize("share", [0.4, 1.0])
def test_it_says_how_alike_they_are(engine: Engine, share: float) -> None:  # noqa: F811
    """From the store, whole or in the making; rows have the checkpoints' names."""
    fill(engine, request_of(engine), share)
    shown = unfold(opened(PAGE), "reading-similarity", "numbers-similarity")
    assert "ADM +SAM: CKA 0.5" in texts(shown).replace("\\", "")
    assert len(shown.get("plotly_chart")) == 2
    reading, numbers = (frame.value for frame in shown.dataframe if len(frame.value))
    assert reading["against the first"].tolist() == ["ADM +SAM"]
    assert set(numbers["cka"].dropna()) == {0.5}


def test_another_network_is_left_out_and_one_alone_is_not_enough(
    engine: Engine,  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Their blocks are not the same."""
    adm, sam = (card for card in list_cards(engine.root) if isinstance(card, Card))
    other = replace(sam, flags=replace(sam.flags, diffusion_steps=500))
    monkeypatch.setattr(choose, "all_cards", lambda: [adm, other])
    shown = opened(PAGE)
    assert not shown.exception
    assert any("another network than" in str(warning.value) for warning in shown.warning)
    assert any("at least two" in str(info.value) for info in shown.info)
