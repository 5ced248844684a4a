"""Files of weights that are refused: a sentence each, and nothing left on the disk."""

import io
import json
import shutil
import time
from pathlib import Path
from typing import Any

import pytest
from safetensors.torch import save

from flatdiff.checkpoints.card import card_ids, verify_weights
from flatdiff.checkpoints.header import Header
from flatdiff.conversion import importer, launch
from flatdiff.conversion.foreign_file import foreign_file
from flatdiff.conversion.importer import import_file, import_upload, look_at_upload
from flatdiff.errors import CheckpointError, FlatdiffError
from tests.checkpoints.test_card import card_of, place
from tests.conversion.foreign_inputs import STATE, WRONG
from tests.conversion.test_importer import (
    changed_converter,
    converter_is,
    in_process,  # noqa: F401  (the fixture)
    not_diagnosed,  # noqa: F401  (the fixture)
    said,
    upload,
    weights,
)
from tests.conversion.test_torch_archive import rezipped


@pytest.mark.usefixtures("in_process")
@pytest.mark.parametrize("name", WRONG)
def test_bad_uploads_are_a_sentence_and_leave_nothing(name: str, tmp_path: Path) -> None:
    """The whole table; the folder is compared before and after, and another file still works."""
    make, changes, word = WRONG[name]
    place(tmp_path, family="theirs", name="old")
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(FlatdiffError, match=word) as caught:
        upload(tmp_path, make(), **changes)
    sentence = str(caught.value)
    assert "\n" not in sentence
    assert len(sentence) < 1500
    assert sorted(tmp_path.rglob("*")) == before


@pytest.mark.parametrize("name", ["keys missing", "integers"])
def test_the_child_process_says_it_too(name: str, tmp_path: Path) -> None:
    """Through JSON and back; a few of the table, because each costs seconds."""
    make, changes, word = WRONG[name]
    with pytest.raises(CheckpointError, match=word):
        upload(tmp_path, make(), **changes)
    assert list(tmp_path.iterdir()) == []


def test_a_child_that_dies_is_a_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Killed as for want of memory, or too slow."""
    killed = "import os, signal; os.kill(os.getpid(), signal.SIGKILL)"
    for program, seconds, word in (
        (killed, 60, "ended with -9, most likely for want of memory"),
        ("input()" * 9, 60, "ended with 1, for no reason foreseen"),
    ):
        converter_is(monkeypatch, program)
        monkeypatch.setattr(launch, "CONVERSION_TIMEOUT_S", seconds)
        with pytest.raises(CheckpointError, match=word):
            upload(tmp_path, save(STATE))
    converter_is(monkeypatch, "import time; time.sleep(60)")
    monkeypatch.setattr(launch, "CONVERSION_TIMEOUT_S", 0.5)
    with pytest.raises(CheckpointError, match=r"within 0\.5 s"):
        upload(tmp_path, save(STATE))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.usefixtures("not_diagnosed")
def test_uploads_end_where_the_room_ends(
    tiny_root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two files fit and a third does not; what was trained here takes no room of theirs."""
    root = Path(shutil.copytree(tiny_root, tmp_path / "checkpoints"))
    content = save(weights())
    monkeypatch.setattr(importer, "MAX_UPLOADS_BYTES", 2 * len(content) + 10)
    for name in ("a", "b"):
        upload(root, content, id=f"theirs/{name}")
    with pytest.raises(CheckpointError, match=r"the 2 checkpoints .* delete some"):
        upload(root, content, id="theirs/c")
    shutil.rmtree(root / "theirs" / "a")
    upload(root, content, id="theirs/c")
    monkeypatch.setattr(importer, "MAX_UPLOAD_BYTES", len(content) - 1)
    with pytest.raises(CheckpointError, match="an upload at most"):
        upload(root, content, id="theirs/d")


@pytest.mark.usefixtures("not_diagnosed")
def test_two_uploads_at_once_share_the_room(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """There is room for one; the second comes and is taken in while the first is converted."""
    content, convert = save(STATE), launch.run_conversion
    monkeypatch.setattr(importer, "MAX_UPLOADS_BYTES", len(content) + 10)

    def overtaken(*words: Any) -> None:
        convert(*words)
        monkeypatch.setattr(launch, "run_conversion", convert)
        upload(tmp_path, content, id="theirs/second")

    monkeypatch.setattr(launch, "run_conversion", overtaken)
    with pytest.raises(CheckpointError, match="delete some"):
        upload(tmp_path, content, id="theirs/first")
    assert card_ids(tmp_path) == ["theirs/second"]


def test_read_only_refuses_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In all functions, before anything is looked at."""
    monkeypatch.setenv("FLATDIFF_READ_ONLY", "1")
    with pytest.raises(FlatdiffError, match="read-only"):
        look_at_upload(tmp_path, io.BytesIO(), "w.pt")
    with pytest.raises(FlatdiffError, match="read-only"):
        import_upload(tmp_path, io.BytesIO(), foreign_file("w.pt", Header({}, {})), said())
    with pytest.raises(FlatdiffError, match="read-only"):
        import_file(tmp_path, tmp_path / "absent", said())


def test_nobody_is_kept_waiting(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A pickle of 200 bytes takes for ever: each tuple's hash needs that of another one twice."""
    tuples = b"".join(b"h" + bytes([n]) + b"\x86q" + bytes([n + 1]) for n in range(60))
    pickle = b"\x80\x02}K\x01K\x01\x86q\x00" + tuples + b"K\x00s."
    path = tmp_path / "w.pt"
    path.write_bytes(rezipped(lambda n, d: (n, pickle if n.endswith("data.pkl") else d)))
    monkeypatch.setattr(launch, "LOOK_TIMEOUT_S", 3)
    begin = time.monotonic()
    with pytest.raises(CheckpointError, match=r"w.pt could not be looked through within 3 s"):
        launch.foreign_header(path)
    assert time.monotonic() - begin < 30
    monkeypatch.setattr(launch, "TURN_TIMEOUT_S", 0.1)
    with (
        launch._one_at_a_time,
        pytest.raises(CheckpointError, match="other files are being taken in; try again"),
    ):
        launch.foreign_header(path)


def test_a_diagnosis_that_dies_ends_no_import(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Killed in the middle of it, as for want of memory or time; the weights are there."""
    changed_converter(
        monkeypatch, "convert.diagnosed = lambda cards: os.kill(os.getpid(), signal.SIGKILL)"
    )
    card = upload(tmp_path, save(STATE))
    assert card.origin["diagnosis"].startswith("not diagnosed: the diagnosis was ended")
    verify_weights(tmp_path / card.id, card)


def test_an_answer_is_read_as_far_as_it_may_be_long(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A child that says a megabyte more than an answer has."""
    converter_is(monkeypatch, f"print('x' * {launch.MAX_ANSWER_BYTES + (1 << 20)})")
    with pytest.raises(CheckpointError, match="more than 16 MB"):
        upload(tmp_path, save(STATE))


def test_no_process_for_it_is_a_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The machine may have none left to give."""

    def none_left(*_: object, **__: object) -> None:
        raise BlockingIOError(11, "Resource temporarily unavailable")

    monkeypatch.setattr("subprocess.run", none_left)
    with pytest.raises(CheckpointError, match="no process could be begun"):
        upload(tmp_path, save(STATE))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.usefixtures("in_process")
def test_room_is_counted_as_it_will_be_taken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Half a file of 16 bits becomes a whole one of 32."""
    small = {name: value.half() for name, value in STATE.items()}
    monkeypatch.setattr(importer, "MAX_UPLOADS_BYTES", len(save(small)) + 10)
    with pytest.raises(CheckpointError, match="delete some"):
        upload(tmp_path, save(small))


def test_a_strangers_card_cannot_break_the_gallery(tmp_path: Path) -> None:
    """Pages draw its loss history for everybody."""
    text = json.dumps({**card_of().to_json(), "loss_history": [1, "x"]})
    with pytest.raises(CheckpointError, match="loss_history"):
        upload(tmp_path, save(STATE, {"flatdiff_card": text}))
    assert list(tmp_path.iterdir()) == []
