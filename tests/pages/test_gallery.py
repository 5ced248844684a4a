"""The gallery: many checkpoints, one of them in detail, and those that come and go."""

import dataclasses
import shutil
import time
from pathlib import Path
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from flatdiff.checkpoints.card import read_card, write_card
from flatdiff.engine.engine import Engine
from flatdiff.settings import digest
from pages.gallery import known
from pages.gallery.filters import Filters
from tests.checkpoints.test_card import card_of
from tests.conftest import TINY_FLAGS
from tests.pages.test_pages import PAGES, engine, fill, requests_of, texts  # noqa: F401
from tests.tiny import random_network

PAGE = str(PAGES / "gallery/checkpoints.py")


@pytest.fixture
def tiny_root(tiny_root: Path, tmp_path: Path) -> Path:
    """A copy of tiny/adm and tiny/sam that a test may change."""
    known._thumbnail.cache_clear()
    return Path(shutil.copytree(tiny_root, tmp_path / "checkpoints"))


def opened(**link: Any) -> AppTest:
    """The page at a link, run once."""
    page = AppTest.from_file(PAGE, default_timeout=60)
    for name, value in link.items():
        page.query_params[name] = value
    page.run()
    assert not page.exception
    return page


def press(page: AppTest, label: str) -> None:
    """The last button of that label, which is the dialog's where one is open."""
    [button for button in page.button if button.label == label][-1].click().run()
    assert not page.exception


def rows(page: AppTest) -> list[str]:
    """Names in the table."""
    return list(page.dataframe[0].value["checkpoint"])


FILTERS: list[tuple[dict[str, Any], bool]] = [
    ({}, True),
    ({"words": "sam DIGITS"}, True),
    ({"words": "ADM +SAM"}, True),
    ({"words": "sam cifar"}, False),
    ({"methods": ["sam"]}, True),
    ({"methods": ["adm", "ip"]}, False),
    ({"weights": ["swa"]}, True),
    ({"weights": ["raw", "ema"]}, False),
    ({"datasets": ["digits"], "families": ["family"]}, True),
    ({"datasets": ["cifar10"]}, False),
    ({"families": ["families"]}, False),
    ({"first_step": 12, "last_step": 12}, True),
    ({"first_step": 13}, False),
    ({"last_step": 11}, False),
]


@pytest.mark.parametrize(("demands", "expected"), FILTERS)
def test_filters_demand_what_they_say(demands: dict[str, Any], expected: bool) -> None:
    """On SWA weights of a SAM run on digits at step 12, in the family "family"."""
    assert Filters(**demands).match(card_of()) is expected


def many(root: Path, count: int) -> None:
    """Cards whose weights are three bytes: whoever reads them fails."""
    card = read_card(root, "tiny/adm")
    for number in range(count):
        folder = root / f"family-{number % 5}" / f"run-{number:03d}"
        own = {"digest": digest(number), "step": number, "weights": ("raw", "ema")[number % 2]}
        write_card(folder, dataclasses.replace(card, **own))
        (folder / "weights.safetensors").write_bytes(b"abc")


def test_hundreds_of_checkpoints_stay_quick(engine: Engine) -> None:  # noqa: F811
    """500 cards; the time is the processor's, so that a busy machine does not count."""
    many(engine.root, 500)
    page = opened()
    assert len(rows(page)) == 502
    started = time.process_time()
    page.run()
    assert time.process_time() - started < 2
    page.text_input(key="search").set_value("run-04").run()
    assert rows(page) == [f"family-{n % 5}/run-{n:03d}" for n in sorted(range(40, 50), key=_order)]
    assert "10 of 502 checkpoints" in texts(page)
    page.multiselect(key="weights").set_value(["raw"])
    page.number_input(key="first_step").set_value(45).run()
    assert sorted(name[-2:] for name in rows(page)) == ["46", "48"]
    assert any(button.label == "Run" for button in page.button), "few enough to be measured"


def _order(number: int) -> tuple[int, int]:
    return (number % 5, number)


def test_nothing_found_is_said(engine: Engine) -> None:  # noqa: F811
    """And the way out."""
    page = opened(search="nowhere")
    assert "clear the search" in texts(page)
    assert not page.dataframe


def test_the_table_shows_what_the_store_knows(engine: Engine) -> None:  # noqa: F811
    """One of two is measured; its loss is computed here from what was stored."""
    for request in requests_of(engine, "gallery/checkpoints.py"):
        if request.checkpoint == "tiny/sam":
            fill(engine, request)
    table = opened(layout="Table").dataframe[0].value.set_index("checkpoint")
    request = next(
        r for r in requests_of(engine, "gallery/checkpoints.py") if r.measure == "quantization"
    )
    (first,) = [a for i, a in engine.store.items_done(sam_key(engine)).items() if i == 0]
    assert table.loc["tiny/sam", "loss"] == pytest.approx(first["losses"].mean())
    assert table.loc["tiny/sam", "samples"].startswith("data:image/png;base64,iVBOR")
    assert table.loc["tiny/adm", ["samples", "loss", "stderr"]].isna().all()
    assert request.checkpoint == "tiny/adm"


def sam_key(engine: Engine) -> str:  # noqa: F811
    """Of the loss of tiny/sam."""
    return next(
        request.key
        for request in requests_of(engine, "gallery/checkpoints.py")
        if (request.measure, request.checkpoint) == ("quantization", "tiny/sam")
    )


def test_thumbnails_are_made_once(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:  # noqa: F811
    """Counted where pictures are laid out; a second session makes none."""
    for request in requests_of(engine, "gallery/checkpoints.py"):
        fill(engine, request)
    made: list[int] = []
    grid = known.image_grid
    monkeypatch.setattr(known, "image_grid", lambda *a: made.append(1) or grid(*a))
    opened(layout="Table").run()
    opened(layout="Table", search="tiny")
    assert len(made) == 2


def test_a_checkpoint_in_detail(engine: Engine) -> None:  # noqa: F811
    """Its tensors are compared with the network's own, its links with its name."""
    page = opened(card="tiny/sam")
    table = page.dataframe[0].value.set_index("tensor")
    state = random_network(TINY_FLAGS).state_dict()
    assert set(table.index) == set(state)
    for name, value in state.items():
        assert table.loc[name, "shape"] == " × ".join(map(str, value.shape))
        assert (table.loc[name, "weights"], table.loc[name, "bytes"]) == (
            value.numel(),
            value.nbytes,
        )
    links = page.get("page_link")
    assert {link.proto.query_string for link in links} == {"checkpoints=tiny%2Fsam"}
    assert "surface" in {link.proto.page for link in links}
    press(page, "All checkpoints")
    assert not page.get("page_link")
    assert [b.label for b in page.button].count("Details") == 2


def test_details_open_from_a_card(engine: Engine) -> None:  # noqa: F811
    """The link follows, so that it can be passed on."""
    page = opened()
    page.button(key="open-tiny/sam").click().run()
    assert page.selectbox(key="card").value == "tiny/sam"
    assert page.query_params["card"] == "tiny/sam"


def test_a_link_to_what_is_gone_shows_the_gallery(engine: Engine) -> None:  # noqa: F811
    """Somebody's old link after a rename."""
    page = opened(card="tiny/gone")
    assert [b.label for b in page.button].count("Details") == 2


def test_weights_without_sense_have_a_banner(engine: Engine) -> None:  # noqa: F811
    """The card knows how many; damaged headers are a sentence in their place."""
    card = dataclasses.replace(read_card(engine.root, "tiny/adm"), num_non_finite=7)
    write_card(engine.root / "tiny" / "adm", card)
    (engine.root / "tiny" / "adm" / "weights.safetensors").write_bytes(b"<html><body>no")
    page = opened(card="tiny/adm")
    assert "7 of its" in texts(page)
    assert "NaN or infinite" in texts(page)
    assert "it is a web page" in page.error[0].value
