"""Pages on checkpoints that are not the paper's: other names, other networks, many of them."""

import dataclasses
import itertools
import shutil
from pathlib import Path
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from flatdiff.checkpoints.card import Card, list_cards, read_card, write_card
from flatdiff.checkpoints.tensors import read_tensors
from flatdiff.engine.engine import Engine
from flatdiff.landscape.perturbation_sizes import distance, norm
from flatdiff.measures.lpf import LpfSettings
from flatdiff.measures.request import make_request
from flatdiff.settings import digest
from pages.shared import weights
from tests.pages.stored import arrays_for
from tests.pages.test_pages import (  # noqa: F401
    MEASURING,
    PAGES,
    engine,
    fill,
    opened,
    requests_of,
    texts,
    unfold,
)
from tests.tiny import tiny_recipe

NASTY = "<b>x<b> $y$ [l](e) *z* :red[r] `c`"


@pytest.fixture
def tiny_root(tiny_root: Path, tmp_path: Path) -> Path:
    """A copy that a test may add to."""
    return Path(shutil.copytree(tiny_root, tmp_path / "checkpoints"))


def add(root: Path, family: str, name: str, **changes: Any) -> None:
    """A copy of tiny/adm under another name and digest; what its card says is changed."""
    folder = root / family / name
    shutil.copytree(root / "tiny" / "adm", folder)
    card = read_card(root, "tiny/adm")
    own = {"method": name, "digest": digest(f"{family}/{name}"), **changes}
    write_card(folder, dataclasses.replace(card, family=family, name=name, **own))


def move(root: Path, changes: dict[str, Any]) -> None:
    """What the cards of tiny/adm and tiny/sam say, changed."""
    for name in ("adm", "sam"):
        card = dataclasses.replace(read_card(root, f"tiny/{name}"), **changes)
        write_card(root / "tiny" / name, card)


@pytest.mark.parametrize("page", list(MEASURING))
@pytest.mark.parametrize("share", [0.5, 1.0])
def test_names_are_shown_as_they_are(engine: Engine, page: str, share: float) -> None:  # noqa: F811
    """No Markdown on any page holds the name raw; every special in it has its backslash."""
    shutil.rmtree(engine.root / "tiny" / "sam")
    add(engine.root, NASTY, NASTY)
    (engine.root / "broken" / NASTY).mkdir(parents=True)
    (engine.root / "broken" / NASTY / "card.json").write_text("{")
    for request in requests_of(engine, page):
        fill(engine, request, share)
    shown = opened(page)
    assert_names_are_text(shown)
    assert "\\<b\\>x\\<b\\> \\$y\\$" in texts(shown), "the broken one is named"


@pytest.mark.parametrize("share", [0.5, 1.0])
def test_activity_shows_names_as_they_are(engine: Engine, share: float) -> None:  # noqa: F811
    """Jobs of every measure, all of them on a checkpoint of that name."""
    add(engine.root, NASTY, NASTY)
    for request in itertools.chain(*(requests_of(engine, page) for page in MEASURING)):
        fill(engine, request, share)
    assert_names_are_text(opened("system/activity.py"))


def assert_names_are_text(shown: AppTest) -> None:
    """Neither what is read nor a heading holds one raw."""
    assert not shown.exception
    headings = "\n".join(heading.value for heading in shown.subheader)
    assert NASTY not in texts(shown) + headings


def test_tables_are_of_the_papers_methods_alone(engine: Engine) -> None:  # noqa: F811
    """One is not done, one of no method of the paper's; two of a family would be no table."""
    add(engine.root, "theirs", "resnet")
    for name in ("adm", "ip", "sam"):
        add(engine.root, "ours", name)
    requests = {
        request.checkpoint: request for request in requests_of(engine, "measure/flatness.py")
    }
    for checkpoint in ("tiny/sam", "ours/adm", "ours/ip", "ours/sam", "theirs/resnet"):
        fill(engine, requests[checkpoint])
    shown = opened("measure/flatness.py")
    assert not shown.exception
    titles = [heading.value for heading in shown.subheader]
    assert [title for title in titles if title.startswith("LPF, ")] == ["LPF, ours, measured"]
    rows = shown.table[0].value.iterrows()
    filled = [(row, column) for row, cells in rows for column, cell in cells.items() if cell]
    assert filled == [("ADM", "raw"), ("+IP", "raw"), ("+SAM", "raw")]


@pytest.mark.parametrize("page", ["measure/flatness.py", "measure/radius.py"])
def test_only_finished_ones_of_one_network_are_compared(engine: Engine, page: str) -> None:  # noqa: F811
    """Two done of one network and one of another: one sentence; before, none."""
    card = read_card(engine.root, "tiny/adm")
    other = dataclasses.replace(card.flags, noise_schedule="linear")
    add(engine.root, "other", "adm", flags=other)
    requests = {request.checkpoint: request for request in requests_of(engine, page)}
    compared = []
    for checkpoint, share in (
        ("tiny/adm", 1.0),
        ("other/adm", 1.0),
        ("tiny/sam", 0.5),
        ("tiny/sam", 1.0),
    ):
        fill(engine, requests[checkpoint], share)
        shown = AppTest.from_file(str(PAGES / page), default_timeout=30)
        shown.query_params["checkpoints"] = list(requests)
        shown.run()
        assert not shown.exception
        compared.append([m.value for m in shown.markdown if m.value.startswith("- ")])
    assert compared[:3] == [[], [], []]
    ((sentences,),) = compared[3:]
    assert sentences.count("\n") == 0
    assert "SAM" in sentences
    assert "other" not in sentences


def test_an_early_stop_leaves_pairs_to_compare(engine: Engine) -> None:  # noqa: F811
    """One checkpoint needed 8 pairs and the other 12: the first 8 are both's."""
    settings = LpfSettings(relative_stderr=0.05)
    requests = [make_request("lpf", card, settings) for card in two(engine.root)]
    for request in requests:
        fill(engine, request)
    more = [arrays_for(item, settings) for item in requests[1].items[9:13]]
    engine.store.put_tile(requests[1].key, 9, more, 1.5, "{}")
    engine.store.extend(requests[1].key, 13)
    shown = opened("measure/flatness.py")
    shown.number_input(key="relative_stderr").set_value(5.0).run()
    assert not shown.exception
    assert "From store, computed" in texts(shown)
    assert "Which is flatter?" in [heading.value for heading in shown.subheader]


def test_relatives_are_checkpoints_of_the_same_run(engine: Engine) -> None:  # noqa: F811
    """The distance is computed here; without a recipe, nothing is known of a run."""
    assert "Other checkpoints" not in kinds(ruler())
    move(engine.root, {"recipe": tiny_recipe()})
    add(engine.root, "tiny", "later", recipe=tiny_recipe(steps=13))
    table = ruler().dataframe[0].value
    marks = table[table["kind"] == "Other checkpoints"].set_index("checkpoint")
    assert dict(marks["how much"]) == {"ADM (tiny)": "sam", "ADM +SAM (tiny)": "adm"}
    adm, sam = (read_tensors(engine.root, card) for card in two(engine.root))
    expected = distance(sam, adm) / norm(adm)
    assert marks.loc["ADM (tiny)", "‖δ‖ / ‖θ‖"] == pytest.approx(expected)


def two(root: Path) -> list[Card]:
    """tiny/adm and tiny/sam."""
    return [read_card(root, f"tiny/{name}") for name in ("adm", "sam")]


def ruler() -> AppTest:
    """With its numbers."""
    return unfold(opened("understand/ruler.py"), "numbers-ruler")


def kinds(shown: AppTest) -> set[str]:
    """Rows of the ruler."""
    assert not shown.exception
    return set(shown.dataframe[0].value["kind"])


def test_large_checkpoints_are_not_read(
    engine: Engine,  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Reading any would raise here."""
    monkeypatch.setattr(weights, "read_tensors", None)
    move(engine.root, {"num_parameters": weights.MAX_PARAMETERS + 1})
    shown = opened("understand/ruler.py")
    assert not shown.exception
    assert "too large" in texts(shown)
    assert not shown.get("plotly_chart")


def test_many_surfaces_stand_in_rows(engine: Engine) -> None:  # noqa: F811
    """Five contours in rows of three, and four in 3-D with a sentence that says so."""
    for k in range(3):
        add(engine.root, "more", f"state-{k}")
    cards = [card for card in list_cards(engine.root) if isinstance(card, Card)]
    for request in requests_of(engine, "measure/surface.py"):
        fill(engine, request)
    shown = AppTest.from_file(str(PAGES / "measure/surface.py"), default_timeout=30)
    shown.query_params["checkpoints"] = [card.id for card in cards]
    shown.run()
    assert not shown.exception
    assert len(shown.get("plotly_chart")) == 5 + 1  # and the colours, once
    columns = [column for column in shown.columns if column.get("plotly_chart")]
    assert {round(column.weight, 3) for column in columns} == {0.333}
    shown = AppTest.from_file(str(PAGES / "measure/surface.py"), default_timeout=30)
    shown.query_params["checkpoints"] = [card.id for card in cards]
    shown.query_params["view"] = "3-D"
    shown.run()
    assert not shown.exception
    assert not shown.get("plotly_chart")
    (drawn,) = (box for box in shown.multiselect if box.label == "In this picture")
    assert (len(drawn.value), len(drawn.options)) == (4, 5)
