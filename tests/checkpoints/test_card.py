"""Cards and the weights they vouch for: round trips, refusals, and damage that must be seen."""

import dataclasses
import hashlib
import json
import random
from pathlib import Path
from typing import Any

import pytest

from flatdiff.checkpoints.averages import METHODS
from flatdiff.checkpoints.card import (
    BrokenCard,
    Card,
    card_ids,
    list_cards,
    read_card,
    verify_weights,
    write_card,
)
from flatdiff.checkpoints.weights_file import write_checkpoint
from flatdiff.errors import CheckpointError, FlatdiffError, SettingsError
from tests.tiny import TINY, card_entries, rewrite_card, tiny_recipe

CONTENT = random.Random(0).randbytes(2000)


def card_of(content: bytes = CONTENT, **changes: Any) -> Card:
    """A whole card for some bytes."""
    settings = {
        "family": "family",
        "name": "sam-swa",
        "method": "sam-swa",
        "weights": "swa",
        "dataset": "digits",
        "split": "train",
        "flags": TINY,
        "step": 12,
        "num_averaged": 3,
        "num_parameters": 1,
        "digest": hashlib.sha256(content).hexdigest(),
        "recipe": tiny_recipe("sam"),
        "command": "flatdiff train",
        "environment": {"torch": "x"},
        "loss_history": [[100, 0.1], [200, 1 / 3]],
    }
    return Card(**{**settings, **changes})


def place(root: Path, **changes: Any) -> Path:
    """A checkpoint on disk; its folder."""
    card = card_of(**changes)
    write_checkpoint(root / card.id, card, CONTENT)
    return root / card.id


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"recipe": None, "num_averaged": None, "weights": "raw", "name": "adm", "method": "adm"},
        {"name": "Ünïcødé 😀 <script>", "loss_history": [], "environment": {}},
        {"flags": dataclasses.replace(TINY, num_classes=10)},
    ],
)
def test_card_comes_back_equal(changes: dict[str, Any], tmp_path: Path) -> None:
    """Through the file system and JSON, compared field by field by the dataclass itself."""
    card = card_of(**changes)
    place(tmp_path, **changes)
    assert read_card(tmp_path, card.id) == card
    assert list(list_cards(tmp_path)) == [card]


def test_renamed_folder_renames_its_card(tmp_path: Path) -> None:
    """A copied folder is another checkpoint; only its place on disk can say which."""
    place(tmp_path).rename(tmp_path / "family" / "copy")
    card = read_card(tmp_path, "family/copy")
    assert (card.id, card.method) == ("family/copy", "sam-swa")


DAMAGE: list[tuple[dict[str, object], str]] = [
    ({"surprise": 1}, "surprise"),
    ({"format_version": 2}, "format 2"),
    ({"format_version": None}, "format None"),
    ({"flags": {**TINY.to_json(), "surprise": 1}}, "surprise"),
    ({"flags": {**TINY.to_json(), "dropout": 1.5}}, "dropout"),
    ({"flags": {**TINY.to_json(), "dropout": "much"}}, "cannot be read"),
    ({"flags": {**TINY.to_json(), "attention_resolutions": 5}}, "cannot be read"),
    ({"flags": None}, "cannot be read"),
    ({"flags": 7}, "cannot be read"),
    ({"recipe": 7}, "cannot be read"),
    ({"origin": {"diagnosis": 7}}, "origin must be a table of texts"),
    ({"environment": {"threads": None}}, "environment must be a table of texts"),
    ({"recipe": {"surprise": 1}}, "cannot be read"),
    ({"step": "many"}, "step"),
    ({"digest": None}, "digest"),
    ({"method": []}, "method"),
    ({"weights": "best"}, "weights"),
    ({"loss_history": 5}, "loss_history"),
    ({"loss_history": [[100, 0.1], [200]]}, "loss_history"),
    ({"loss_history": [[100, "low"]]}, "loss_history"),
    ({"num_averaged": "three"}, "num_averaged"),
    ({"flags": {**TINY.to_json(), "channel_mult": "1e400"}}, "channel_mult"),
    ({"environment": []}, "environment"),
]


def test_a_card_too_long_to_be_read_is_not_written(tmp_path: Path) -> None:
    """Rather than a checkpoint that nobody can open."""
    with pytest.raises(CheckpointError, match="over 4 MB"):
        write_card(tmp_path, card_of(environment={str(k): "x" * 15_000 for k in range(300)}))
    assert list(tmp_path.iterdir()) == []


def test_weights_that_go_while_they_are_wanted_are_a_sentence(tmp_path: Path) -> None:
    """Somebody deletes the checkpoint between its card and its weights."""
    folder = place(tmp_path)
    card = read_card(tmp_path, "family/sam-swa")
    (folder / "weights.safetensors").unlink()
    with pytest.raises(CheckpointError, match=r"family/sam-swa cannot be read: No such file"):
        verify_weights(folder, card)


def test_no_two_checkpoints_have_one_label() -> None:
    """A stranger's file may say any method, whatever it is called."""
    usual = card_of(name="sam", method="sam", weights="raw")
    named_otherwise = card_of(name="adm", method="sam", weights="raw")
    assert usual.label == "ADM +SAM (family)"
    assert named_otherwise.label == "family/adm"


@pytest.mark.parametrize(("entries", "word"), DAMAGE)
def test_card_with_a_wrong_entry_is_refused(
    entries: dict[str, object], word: str, tmp_path: Path
) -> None:
    """One entry at a time; the reason names it, and the gallery goes on with the next card."""
    rewrite_card(place(tmp_path), **entries)
    good = card_of(name="adm", method="adm", weights="raw")
    place(tmp_path, name="adm", method="adm", weights="raw")
    with pytest.raises(CheckpointError, match=word):
        read_card(tmp_path, "family/sam-swa")
    first, second = list_cards(tmp_path)
    assert first == good
    assert isinstance(second, BrokenCard)
    assert second.id == "family/sam-swa"
    assert word in second.reason


@pytest.mark.parametrize("name", ["step", "digest", "family", "flags", "recipe"])
def test_card_without_an_entry_is_refused(name: str, tmp_path: Path) -> None:
    """An entry without a default cannot be guessed."""
    folder = place(tmp_path)
    values = card_entries(folder)
    del values[name]
    (folder / "card.json").write_text(json.dumps(values))
    with pytest.raises(CheckpointError, match=name):
        read_card(tmp_path, "family/sam-swa")


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"null",
        b"[]",
        b"5",
        b'"card"',
        b"\xff\xfe",
        b"<html>",
        b"[" * 100_000,
        b"1" * 5000,
        b" " * (5 << 20),
        b"version https://git-lfs.github.com/spec/v1\n",
    ],
)
def test_what_is_no_card_is_broken_in_a_sentence(content: bytes, tmp_path: Path) -> None:
    """Files that people and crashes leave behind; none may stop the listing."""
    folder = place(tmp_path)
    (folder / "card.json").write_bytes(content)
    (broken,) = list_cards(tmp_path)
    assert isinstance(broken, BrokenCard)
    assert broken.id == "family/sam-swa"
    assert len(broken.reason) < 400 + len(str(tmp_path))


def test_card_without_weights_is_broken(tmp_path: Path) -> None:
    """The listing must not offer what cannot be loaded."""
    (place(tmp_path) / "weights.safetensors").unlink()
    (broken,) = list_cards(tmp_path)
    assert isinstance(broken, BrokenCard)
    assert "weights.safetensors" in broken.reason


@pytest.mark.parametrize("name", ["card.json", "weights.safetensors", "folder"])
def test_links_out_of_the_root_are_refused(name: str, tmp_path: Path) -> None:
    """The target is a whole checkpoint, so only its place can be the reason."""
    root, beside = tmp_path / "root", place(tmp_path / "beside")
    folder = place(root)
    path = folder if name == "folder" else folder / name
    if name == "folder":
        for file in folder.iterdir():
            file.unlink()
        folder.rmdir()
    else:
        path.unlink()
    path.symlink_to(beside if name == "folder" else beside / name)
    with pytest.raises(FlatdiffError, match="is not a name inside"):
        read_card(root, "family/sam-swa")
    assert all(isinstance(card, BrokenCard) for card in list_cards(root))


@pytest.mark.parametrize("name", ["../x", "/etc/passwd", "", "a/../../b", "a\0b", "x" * 5000])
def test_names_that_are_no_ids_are_refused(name: str, tmp_path: Path) -> None:
    """From a link that somebody was sent; a sentence, never a traceback."""
    with pytest.raises(FlatdiffError):
        read_card(tmp_path, name)


def test_unknown_id_lists_the_known_ones(tmp_path: Path) -> None:
    """The sentence is the list that one would otherwise have to look up."""
    place(tmp_path)
    with pytest.raises(CheckpointError, match="known checkpoints: family/sam-swa"):
        read_card(tmp_path, "family/absent")
    with pytest.raises(CheckpointError, match="known checkpoints: none"):
        read_card(tmp_path / "empty", "family/absent")


def test_listing_has_the_papers_order_then_the_alphabet(tmp_path: Path) -> None:
    """Table 2's nine rows in its order, written by a shuffled hand."""
    names = [*METHODS, "own", "zebra"]
    for name in random.Random(1).sample(names, len(names)):
        place(tmp_path, name=name)
    assert [card.id.split("/")[1] for card in list_cards(tmp_path)] == names
    assert card_ids(tmp_path) == sorted(f"family/{name}" for name in names)


@pytest.mark.parametrize("seed", range(8))
def test_flipped_byte_is_noticed(seed: int, tmp_path: Path) -> None:
    """A random byte gets a random other value; SHA-256 must differ from the card's."""
    folder, draw = place(tmp_path), random.Random(seed)
    verify_weights(folder, read_card(tmp_path, "family/sam-swa"))
    content = bytearray(CONTENT)
    content[draw.randrange(len(content))] ^= draw.randrange(1, 256)
    (folder / "weights.safetensors").write_bytes(content)
    with pytest.raises(CheckpointError, match="restore the file or train again"):
        verify_weights(folder, read_card(tmp_path, "family/sam-swa"))


def test_card_is_written_last(tmp_path: Path) -> None:
    """Where the card cannot be written there is no checkpoint, only weights without a name."""
    (tmp_path / "family" / "sam-swa" / "card.json").mkdir(parents=True)
    with pytest.raises(FlatdiffError, match="cannot write"):
        place(tmp_path)
    assert (tmp_path / "family" / "sam-swa" / "weights.safetensors").read_bytes() == CONTENT
    assert all(isinstance(card, BrokenCard) for card in list_cards(tmp_path))


def test_one_changed_byte_is_noticed(tmp_path: Path) -> None:
    """A digit that became another, in a card that is still one; by hand, the digest goes first."""
    path = place(tmp_path) / "card.json"
    text = path.read_text("utf-8")
    assert text.count('"step": 12,') == 1
    path.write_text(text.replace('"step": 12,', '"step": 13,'), "utf-8")
    with pytest.raises(CheckpointError, match=r"not as flatdiff wrote it.*remove its entry"):
        read_card(tmp_path, "family/sam-swa")
    rewrite_card(path.parent)
    assert read_card(tmp_path, "family/sam-swa").step == 13


def test_card_file_is_plain_json(tmp_path: Path) -> None:
    """Read by Python's json alone: names as they are, numbers exact."""
    write_card(tmp_path, card_of(name="Ünï"))
    text = (tmp_path / "card.json").read_text("utf-8")
    assert "Ünï" in text
    values = card_entries(tmp_path)
    assert values["loss_history"] == [[100, 0.1], [200, 1 / 3]]
    assert values["recipe"]["method"] == "sam"
    with pytest.raises(SettingsError, match="surprise"):
        Card.from_json({**values, "surprise": 1})
