"""Windows of the gallery: add, rename, delete; and a dashboard that only shows."""

import dataclasses
import io
import shutil
from pathlib import Path

import pytest
import torch
from safetensors.torch import save
from streamlit.runtime.memory_uploaded_file_manager import MemoryUploadedFileManager
from streamlit.testing.v1 import AppTest

from flatdiff.checkpoints.card import card_ids, read_card, write_card
from flatdiff.checkpoints.header import Header
from flatdiff.conversion import convert as converter
from flatdiff.conversion import launch
from flatdiff.conversion.foreign_weights import open_weights
from flatdiff.conversion.importer import portable
from flatdiff.engine.engine import Engine
from flatdiff.engine.store import FAILED
from pages.gallery.filters import SOUGHT
from pages.gallery.listing import OPENED
from pages.shared.choose import sorted_out
from tests.conftest import TINY_FLAGS
from tests.pages.test_gallery import opened, press, tiny_root  # noqa: F401
from tests.pages.test_pages import PAGES, engine, fill, requests_of, texts  # noqa: F401
from tests.tiny import random_network

DIALOG = """
import streamlit as st
from flatdiff.checkpoints.card import read_card
from flatdiff.engine.engine import shared_engine
from pages.gallery import adding, dialogs
if "said" in st.session_state:
    st.success(st.session_state["said"])
else:
    {}
"""
CARD = "read_card(shared_engine().root, 'tiny/sam')"


def window(call: str) -> AppTest:
    """A dialog that stays open until it is done; no test without a browser can click it open."""
    return AppTest.from_string(DIALOG.format(call), default_timeout=60).run()


def test_rename_asks_until_the_name_can_be(engine: Engine) -> None:  # noqa: F811
    """What is on disk afterwards is the truth."""
    page = window(f"dialogs.rename_dialog({CARD})")
    page.text_input(key="new_name").set_value("../sam")
    press(page, "Rename")
    assert "family and name must each" in page.error[0].value
    page.text_input(key="new_name").set_value("flat/<b>sam")
    press(page, "Rename")
    assert card_ids(engine.root) == ["flat/<b>sam", "tiny/adm"]
    assert page.success[0].value == "tiny\\/sam is now called flat\\/\\<b\\>sam."
    assert page.session_state[OPENED] == "flat/<b>sam"


def test_images_that_moved_are_named_anew(engine: Engine, tmp_path: Path) -> None:  # noqa: F811
    """Where they are not is said; where they are, the checkpoint can be measured again."""
    card = read_card(engine.root, "tiny/sam")
    write_card(engine.root / card.id, dataclasses.replace(card, dataset="folder:/nowhere"))
    assert "neither a folder nor a zip" in sorted_out(engine.root)[1]["tiny/sam"]
    page = window(f"dialogs.images_dialog({CARD})")
    page.text_input(key="new_dataset").set_value("/nowhere/else")
    press(page.run(), "Save")
    assert "neither a folder nor a zip" in page.error[0].value
    page.text_input(key="new_dataset").set_value(f"{tmp_path}")
    press(page.run(), "Save")
    assert "The images of 1 checkpoint" in page.success[0].value
    assert read_card(engine.root, "tiny/sam").dataset == f"folder:{tmp_path}"
    assert "tiny/sam" not in sorted_out(engine.root)[1]


@pytest.mark.parametrize("bundled", ["", "checkpoints/digits/sam"])
def test_delete_says_whether_it_can_come_back(engine: Engine, bundled: str) -> None:  # noqa: F811
    """One that is being measured stays; then it is gone."""
    page = window(f"dialogs.delete_dialog({CARD}.id, {bundled!r})")
    word = f"git checkout {bundled}" if bundled else "It cannot be brought back"
    assert word in texts(page)
    request = requests_of(engine, "gallery/checkpoints.py")[1]
    engine.store.submit(request)
    press(page, "Delete")
    assert "1 of its measurements is queued" in page.error[0].value
    engine.store.finish(request.key, FAILED, "x")
    press(page, "Delete")
    assert card_ids(engine.root) == ["tiny/adm"]
    assert "is deleted" in page.success[0].value


def test_a_broken_checkpoint_can_be_deleted(engine: Engine) -> None:  # noqa: F811
    """Its card is cut short; the page offers to be rid of it, and then it is gone."""
    (engine.root / "tiny/sam/card.json").write_text("{")
    assert "Delete tiny\\/sam" in {button.label for button in opened().button}
    page = window("dialogs.delete_dialog('tiny/sam', '')")
    press(page, "Delete")
    assert card_ids(engine.root) == ["tiny/adm"]
    assert not any(button.label.startswith("Delete") for button in opened().button)


def test_a_checkpoint_whose_images_are_gone_spoils_no_page(engine: Engine) -> None:  # noqa: F811
    """It is left out with the reason and can be deleted; the other one is shown as ever."""
    card = read_card(engine.root, "tiny/sam")
    write_card(engine.root / "tiny/sam", dataclasses.replace(card, dataset="folder:/nowhere"))
    page = opened()
    assert "/nowhere" in page.warning[0].value.replace("\\", "")
    assert "Delete tiny\\/sam" in {button.label for button in page.button}
    assert {card.id for card in sorted_out(engine.root)[0]} == {"tiny/adm"}


def test_an_upload_becomes_a_checkpoint(
    engine: Engine,  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """First what is no file of weights, then wrong flags, then right ones."""
    monkeypatch.setattr(launch, "run_conversion", converter.convert)
    released: list[str] = []
    drop = lambda _, session_id, file_id: released.append(file_id)  # noqa: E731
    monkeypatch.setattr(MemoryUploadedFileManager, "remove_file", drop)
    content = save(random_network(TINY_FLAGS).state_dict())
    page = window("adding.add_dialog()")
    page.file_uploader[0].upload("page.safetensors", b"<html><body></body>").run()
    assert "it is a web page" in page.error[0].value
    assert not page.text_input
    assert len(released) == 1, "200 MB in memory are of no use to anybody"
    page.file_uploader[0].upload("model 1.safetensors", content).run()
    assert not page.error
    assert page.text_input(key="upload_name").value == "uploads/model 1"
    press(page, "Add")
    assert "is another network" in page.error[0].value
    page.text_area(key="upload_flags").set_value("--channel_mult 1 --attention_resolutions 9")
    page.selectbox(key="upload_method").set_value("sam").run()
    assert "--flags '--channel_mult 1" in page.code[0].value
    press(page, "Add")
    assert "is added: " in page.success[0].value
    card = read_card(engine.root, "uploads/model 1")
    assert (card.method, card.flags.to_json()["channel_mult"]) == ("sam", "1")
    assert card.origin["file"] == "model 1.safetensors"
    assert len(released) == 2


def test_a_torch_file_is_looked_at_once(
    engine: Engine,  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """By its own process, not at every click; names say that it is an average, and its step."""
    looks: list[Path] = []

    def look(path: Path) -> Header:
        looks.append(path)
        return open_weights(path).header

    monkeypatch.setattr(launch, "foreign_header", look)
    monkeypatch.setattr(launch, "run_conversion", converter.convert)
    buffer = io.BytesIO()
    torch.save({"ema": random_network(TINY_FLAGS).state_dict()}, buffer)
    page = window("adding.add_dialog()")
    page.file_uploader[0].upload("bad.pt", b"PK\x03\x04" + bytes(60)).run()
    assert "cut or damaged" in page.error[0].value
    page.file_uploader[0].upload("ema_0.9999_000700.pt", buffer.getvalue()).run()
    assert page.selectbox(key="upload_weights").value == "ema"
    page.text_area(key="upload_flags").set_value(
        "--channel_mult 1 --attention_resolutions 9"
    ).run()
    page.selectbox(key="upload_method").set_value("ip").run()
    assert len(looks) == 2
    assert not looks[1].exists(), "what was written for a look is removed"
    press(page, "Add")
    assert "upload_opened" not in page.session_state, "its names are given back with its bytes"
    card = read_card(engine.root, "uploads/ema_0.9999_000700")
    assert (card.method, card.weights, card.step) == ("ip-ema", "ema", 700)
    assert card.origin["packaging"] == "taken from ema"
    assert card.origin["decay"] == "averaged with decay 0.9999"
    shown = opened(card=card.id)
    assert "no reading fits" in shown.warning[0].value
    origin = {**card.origin, "sets": "undecided between ema and model"}
    write_card(engine.root / card.id, dataclasses.replace(card, origin=origin))
    assert "undecided between ema and model" in texts(opened(card=card.id)), "of an older card"


def sent(content: object) -> AppTest:
    """The window with a torch file in it, and flags that fit."""
    buffer = io.BytesIO()
    torch.save(content, buffer)
    page = window("adding.add_dialog()")
    page.file_uploader[0].upload("w.pt", buffer.getvalue()).run()
    page.text_area(key="upload_flags").set_value(
        "--channel_mult 1 --attention_resolutions 9"
    ).run()
    return page


def test_a_file_of_several_sets_becomes_several_checkpoints(
    engine: Engine,  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """All of them first, with a name that is taken; then one kind alone; all are shown."""
    monkeypatch.setattr(launch, "foreign_header", lambda path: open_weights(path).header)
    monkeypatch.setattr(launch, "run_conversion", converter.convert)
    monkeypatch.setattr(converter, "diagnosed", lambda cards: [])
    state = random_network(TINY_FLAGS).state_dict()
    content = {"model": state, "ema": {name: value + 1 for name, value in state.items()}}
    page = sent(content)
    assert "; 2 sets of weights: model, ema" in page.caption[1].value.replace("\\", "")
    weights = page.selectbox(key="upload_weights")
    assert (weights.value, weights.options[1:]) == ("all, each on its own", ["raw", "EMA"])
    assert "--weights" not in page.code[0].value
    shutil.copytree(engine.root / "tiny/sam", engine.root / "uploads/w-ema")
    press(page, "Add")
    assert "there is a uploads\\/w\\-ema already" in page.error[0].value
    assert not (engine.root / "uploads/w").exists()
    shutil.rmtree(engine.root / "uploads")
    press(page, "Add")
    assert page.success[0].value.startswith("2 checkpoints are added: uploads\\/w, ")
    assert card_ids(engine.root) == ["tiny/adm", "tiny/sam", "uploads/w", "uploads/w-ema"]
    shown = AppTest.from_file(str(PAGES / "gallery/checkpoints.py"), default_timeout=60)
    shown.session_state[SOUGHT] = page.session_state[SOUGHT]
    shown.run()
    assert not shown.exception
    buttons = {button.key for button in shown.button}
    assert {"open-uploads/w", "open-uploads/w-ema"} <= buttons
    assert "open-tiny/sam" not in buttons
    page = sent(content)
    page.text_input(key="upload_name").set_value("uploads/average")
    page.selectbox(key="upload_weights").set_value("ema").run()
    assert "--weights ema" in page.code[0].value
    press(page, "Add")
    assert read_card(engine.root, "uploads/average").weights == "ema"


def test_a_downloaded_file_asks_only_for_a_name(
    engine: Engine,  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Its card is inside; the same digest, so that results are found again."""
    monkeypatch.setattr(launch, "run_conversion", converter.convert)
    card = read_card(engine.root, "tiny/sam")
    page = window("adding.add_dialog()")
    page.file_uploader[0].upload("x.safetensors", portable(engine.root, card)).run()
    assert "Its card is inside" in page.info[0].value
    assert not page.text_area
    press(page, "Add")
    assert read_card(engine.root, "uploads/sam").digest == card.digest
    shown = opened(card="uploads/sam")
    assert "from the file x" in texts(shown)


def test_read_only_shows_nothing_that_changes(
    engine: Engine,  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Measuring and downloading stay; and a window that was open before is refused."""
    labels = {button.label for button in opened(card="tiny/sam").button}
    assert {"Add", "Rename", "Delete", "Run", "All checkpoints"} <= labels
    page = window(f"dialogs.delete_dialog({CARD}.id, '')")
    monkeypatch.setenv("FLATDIFF_READ_ONLY", "1")
    press(page, "Delete")
    assert "read\\-only" in page.error[0].value
    labels = {button.label for button in opened(card="tiny/sam").button}
    assert not labels & {"Add", "Rename", "Delete"}
    assert {"Run", "All checkpoints"} <= labels
    assert card_ids(engine.root) == ["tiny/adm", "tiny/sam"]
