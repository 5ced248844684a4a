"""Home, the selection that goes along, and the drawer."""

from pathlib import Path
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from flatdiff.checkpoints import collection
from flatdiff.engine.engine import Engine
from flatdiff.measures.frechet import FrechetSettings
from flatdiff.measures.lpf import LpfSettings
from flatdiff.measures.request import make_request
from flatdiff.measures.surfaces.settings import SurfaceSettings
from pages.shared import choose
from tests.pages.test_pages import MEASURING, PAGES, engine, fill, opened, texts  # noqa: F401

CARDS = ["tiny/adm", "tiny/sam"]


def home(monkeypatch: pytest.MonkeyPatch) -> AppTest:
    """With the tiny pair in the place of the bundled one."""
    monkeypatch.setattr("flatdiff.checkpoints.collection.METHOD_PAIR", tuple(CARDS))
    return opened("home.py")


def test_without_results_there_are_three_doors(
    engine: Engine,  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    shown = home(monkeypatch)
    assert not shown.exception
    assert "The first picture appears here" in texts(shown)
    links = [link.proto.label for link in shown.get("page_link")]  # pyright: ignore[reportAttributeAccessIssue]
    assert len(links) == 9
    assert {"Tour", "Surface", "Checkpoints", "Train", "The theory"} < set(links)
    assert engine.store.jobs() == []


def test_stored_results_are_two_scenes_that_turn_and_two_verdicts(
    engine: Engine,  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for card in choose.sorted_out(engine.root)[0]:
        for measure, settings in (
            ("surface", SurfaceSettings(mode="interpolated")),
            ("lpf", LpfSettings()),
            ("frechet", FrechetSettings()),
        ):
            fill(engine, make_request(measure, card, settings))
    shown = home(monkeypatch)
    assert not shown.exception
    (mounted,) = shown.get("bidi_component")
    told: Any = mounted.proto  # pyright: ignore[reportAttributeAccessIssue]
    assert '"turning":true' in told.json.replace(" ", "") or "turning" in str(told)
    assert sum("weight noise" in text.value for text in shown.markdown) == 1
    assert sum("real images" in text.value for text in shown.markdown) == 1


def linked(page: str, **link: Any) -> AppTest:
    """A page at a link, run once."""
    shown = AppTest.from_file(str(PAGES / page), default_timeout=60)
    for name, value in link.items():
        shown.query_params[name] = value
    return shown.run()


def test_what_a_link_chose_goes_along_to_the_next_page(engine: Engine) -> None:  # noqa: F811
    """By the session, which a change of page keeps; and it stands in the next page's link."""
    first = linked("measure/samples.py", checkpoints=["tiny/sam"])
    assert first.session_state[choose.SELECTION] == ["tiny/sam"]
    for page in MEASURING:
        if not page.startswith("measure/"):
            continue
        shown = AppTest.from_file(str(PAGES / page), default_timeout=60)
        shown.session_state[choose.SELECTION] = ["tiny/sam", "tiny/gone"]
        shown.run()
        assert not shown.exception, page
        assert shown.multiselect(key="checkpoints").value == ["tiny/sam"], page


def test_what_nobody_chose_is_no_selection(engine: Engine) -> None:  # noqa: F811
    """Flatness shows all of them until somebody chooses."""
    assert choose.SELECTION not in opened("measure/samples.py").session_state


def test_a_link_goes_before_what_was_chosen_earlier(engine: Engine) -> None:  # noqa: F811
    shown = AppTest.from_file(str(PAGES / "measure/radius.py"), default_timeout=60)
    shown.session_state[choose.SELECTION] = ["tiny/sam"]
    shown.query_params["checkpoints"] = ["tiny/adm"]
    shown.run()
    assert shown.multiselect(key="checkpoints").value == ["tiny/adm"]
    assert shown.session_state[choose.SELECTION] == ["tiny/adm"]


@pytest.mark.parametrize("page", [page for page in MEASURING if page.startswith("measure/")])
def test_settings_are_in_the_drawer(page: str, engine: Engine) -> None:  # noqa: F811
    """What stands before the picture is one sentence, the drawer, and where the job stands."""
    shown = opened(page)
    drawer = next(each for each in shown.expander if each.label == "Settings")
    inside = {widget.key for widget in drawer.multiselect}
    assert "checkpoints" in inside
    assert {widget.key for widget in drawer.number_input} or page == "measure/quantization.py"


def test_short_names_have_a_family_where_there_are_two(tmp_path: Path) -> None:
    from tests.subjects import card_of

    adm = card_of(family="a", name="adm", method="adm")
    sam = card_of(family="a", name="sam", method="sam")
    other = card_of(family="b", name="adm", method="adm")
    state = card_of(family="a", name="adm-000100", method="adm")
    assert collection.short_names([adm, sam]) == {"a/adm": "ADM", "a/sam": "ADM +SAM"}
    assert collection.short_names([adm, other]) == {"a/adm": "ADM (a)", "b/adm": "ADM (b)"}
    assert collection.short_names([adm, state]) == {"a/adm": "ADM", "a/adm-000100": "adm-000100"}
