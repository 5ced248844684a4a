"""Sample quality: what a distance is called, and when it is not to be trusted."""

import pytest
from streamlit.testing.v1 import AppTest

from flatdiff.checkpoints.card import Card, list_cards
from flatdiff.engine.engine import Engine
from flatdiff.measures import frechet
from flatdiff.measures.frechet import FeatureName, FrechetSettings
from flatdiff.measures.request import make_request
from flatdiff.paper.reported import TABLE_2, TABLE_4
from tests.pages.test_pages import engine, fill, opened, texts  # noqa: F401  (a fixture)


def shown_with(engine: Engine, features: FeatureName, num_images: int, share: float) -> AppTest:  # noqa: F811
    """The page on stored results for one choice of features and images."""
    settings = FrechetSettings(features=features, num_images=num_images)
    for card in list_cards(engine.root):
        assert isinstance(card, Card)
        fill(engine, make_request("frechet", card, settings), share)
    page = opened("measure/quality.py")
    page.number_input(key="num_images").set_value(num_images)
    page.selectbox(key="features").set_value(features).run()
    assert not page.exception
    return page


@pytest.mark.parametrize(
    ("features", "num_images", "warned"),
    [("digits", 256, False), ("inception", 256, True), ("inception", 10_000, False)],
)
def test_few_images_are_warned_of(
    engine: Engine,  # noqa: F811
    features: FeatureName,
    num_images: int,
    warned: bool,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """And only Inception's distance is ever called FID where a number of ours is named.

    Of 10,000 images few are compared with each other here, which is no part of the question.
    """
    monkeypatch.setattr(frechet, "COMPARED_IMAGES", 256)
    page = shown_with(engine, features, num_images, 1.0)
    assert any("mostly bias" in str(warning.value) for warning in page.warning) == warned
    assert ("A proxy" in texts(page)) == (features == "digits")
    assert ("FID by clean-fid" in texts(page)) == (features == "inception")
    table = page.dataframe[0].value
    assert list(table["bits"]) == ["32", "8"] * 2
    assert not any("FID" in column for column in table.columns)


def test_unfinished_checkpoints_are_left_out(engine: Engine) -> None:  # noqa: F811
    """Of two, none has all of its images, then one, then both."""
    settings = FrechetSettings(num_images=256)
    page = shown_with(engine, "digits", 256, 0.5)
    assert not page.dataframe
    assert "Computing" in texts(page)
    first, second = (make_request("frechet", c, settings) for c in list_cards(engine.root))  # pyright: ignore[reportArgumentType]
    for request, rows in ((first, 2), (second, 4)):
        fill(engine, request)
        page.run()
        assert len(page.dataframe[0].value) == rows
        assert ("once all of its images" in texts(page)) == (rows == 2)


def test_tables_of_the_paper_are_as_reported() -> None:
    """Two cells of each, read in the paper by eye; the printed change is kept with its slip."""
    assert TABLE_2.loc["+SAM", "LSUN Tower, 20"] == 16.02
    assert TABLE_2.loc["+IP", "FFHQ, 100"] == 13.55
    assert TABLE_4.loc["ADM", "20 steps"] == "34.47 → 48.02 (+13.65)"
    assert TABLE_4.loc["+SAM+EMA", "100 steps"] == "3.18 → 3.12 (−0.06)"
