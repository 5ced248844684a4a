"""Files with several sets of weights that are refused: nothing is left, whichever set it was."""

import io
import shutil
from collections.abc import Mapping
from pathlib import Path

import pytest
import torch
from safetensors.torch import save

from flatdiff.checkpoints.card import card_ids
from flatdiff.checkpoints.collection import publish
from flatdiff.checkpoints.header import Header, TensorEntry
from flatdiff.conversion import importer, launch
from flatdiff.conversion.card_draft import checkpoint_ids
from flatdiff.conversion.convert import convert
from flatdiff.conversion.draft import Draft
from flatdiff.conversion.foreign_file import MAX_SETS, foreign_file
from flatdiff.conversion.importer import import_file
from flatdiff.errors import CheckpointError, FlatdiffError
from tests.conversion.test_importer import (
    changed_converter,
    in_process,  # noqa: F401  (the fixture)
    said,
    uploads,
)
from tests.conversion.test_several_sets import STATE, State, not_diagnosed, saved, shifted  # noqa: F401


def many(count: int) -> State:
    """A flat file of so many sets, each of which has one tensor more than the anchor."""
    names = [f"s{n}.{name}" for n in range(count) for name in ("time_embed.0.weight", "w")]
    return dict.fromkeys(names, torch.ones(1))


def test_a_file_of_absurdly_many_sets_is_told_apart_quickly() -> None:
    """Those beyond the bound are left in the file, and named like everything else there."""
    entry = TensorEntry("F32", (1,))
    file = foreign_file("w.pt", Header(dict.fromkeys(many(MAX_SETS + 2), entry), {}))
    assert len(file.sets) == MAX_SETS
    assert file.rest == (f"s{MAX_SETS}", f"s{MAX_SETS + 1}")
    ids = checkpoint_ids("a/b", file.sets)
    assert len(set(ids.values())) == MAX_SETS
    assert ids["s1."] == "a/b-2"


@pytest.mark.usefixtures("not_diagnosed")
def test_one_set_under_many_names_fills_no_disk(tmp_path: Path) -> None:
    """A file of one network's bytes that claims to hold 32 of them."""
    content = saved({f"s{n}": STATE for n in range(MAX_SETS)})
    with pytest.raises(CheckpointError, match=r"they share what should be their own"):
        uploads(tmp_path, content, "w.pt")
    assert list(tmp_path.iterdir()) == []
    (card,) = uploads(tmp_path, saved({"model": STATE, "ema": STATE}), "w.pt", weights="ema")
    assert card.weights == "ema"


@pytest.mark.usefixtures("not_diagnosed")
@pytest.mark.parametrize("taken", ["new", "new-ema"])
def test_a_name_that_is_taken_refuses_all_before_the_work(
    taken: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whichever of the names it is; nothing is converted, and nothing changed."""
    uploads(tmp_path, saved(STATE), "w.pt", id=f"theirs/{taken}")
    before = sorted(tmp_path.rglob("*"))
    monkeypatch.setattr(launch, "run_conversion", None)
    with pytest.raises(CheckpointError, match=f"there is a theirs/{taken} already"):
        uploads(tmp_path, saved({"model": STATE, "ema": shifted(1)}), "w.pt")
    assert sorted(tmp_path.rglob("*")) == before


@pytest.mark.usefixtures("not_diagnosed")
def test_a_name_that_is_taken_meanwhile_publishes_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Somebody else publishes new-ema while the weights are converted; new is withdrawn."""
    other = tmp_path / "other"
    content = saved({"model": STATE, "ema": shifted(1)})

    def overtaken(path: Path, drafts: Mapping[Path, Draft]) -> None:
        convert(path, drafts)
        assert card_ids(tmp_path / "root") == [], "nobody sees what is not whole"
        folder = next(iter(drafts))
        shutil.copytree(folder, other)
        publish(tmp_path / "root", {"theirs/new-ema": other})

    monkeypatch.setattr(launch, "run_conversion", overtaken)
    with pytest.raises(CheckpointError, match="there is a theirs/new-ema already"):
        uploads(tmp_path / "root", content, "w.pt")
    assert card_ids(tmp_path / "root") == ["theirs/new-ema"]


def test_a_child_that_dies_between_two_sets_leaves_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first is written whole when the process is killed."""
    (tmp_path / "w.pt").write_bytes(saved({"model": STATE, "ema": shifted(1)}))
    look = launch.foreign_header(tmp_path / "w.pt")
    monkeypatch.setattr(launch, "foreign_header", lambda path: look)
    changed_converter(
        monkeypatch,
        "write = convert.write_weights; convert.write_weights = lambda path, parts: "
        "write(path, parts) if path.parent.name == '0' else os.kill(os.getpid(), signal.SIGKILL)",
    )
    with pytest.raises(CheckpointError, match="ended with -9"):
        import_file(tmp_path / "root", tmp_path / "w.pt", said())
    assert list((tmp_path / "root").iterdir()) == []


def test_a_read_only_server_takes_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not of an upload that was looked at before, either."""
    entry = TensorEntry("F32", (1,))
    file = foreign_file("w.pt", Header(dict.fromkeys(many(2), entry), {}))
    monkeypatch.setenv("FLATDIFF_READ_ONLY", "1")
    with pytest.raises(FlatdiffError, match="read-only"):
        importer.import_upload(tmp_path, io.BytesIO(), file, said())
    assert list(tmp_path.iterdir()) == []


@pytest.mark.usefixtures("not_diagnosed")
def test_room_is_counted_for_all_of_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One set would fit, and two do not."""
    monkeypatch.setattr(importer, "MAX_UPLOADS_BYTES", len(save(STATE)) + 10)
    content = saved({"model": STATE, "ema": shifted(1)})
    with pytest.raises(CheckpointError, match="delete some"):
        uploads(tmp_path, content, "w.pt")
    (card,) = uploads(tmp_path, content, "w.pt", weights="raw")
    assert card.id == "theirs/new"


@pytest.mark.usefixtures("in_process")
def test_a_file_that_changed_after_the_look_is_refused(tmp_path: Path) -> None:
    """The names are those of another file."""
    content = io.BytesIO(saved({"model": STATE, "ema": shifted(1)}))
    file = importer.look_at_upload(tmp_path, content, "w.pt")
    with pytest.raises(CheckpointError, match=r"holds model.* no more, .* import it again"):
        importer.import_upload(tmp_path, io.BytesIO(saved({"ema": STATE})), file, said())
