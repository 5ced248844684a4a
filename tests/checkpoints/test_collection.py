"""Names that change and checkpoints that go: all at once, or not at all."""

import errno
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from flatdiff.checkpoints.card import card_ids, read_card, write_card
from flatdiff.checkpoints.collection import (
    bundled_path,
    delete_checkpoint,
    free_folder,
    publish,
    rename_checkpoint,
    rename_dataset,
    staged,
)
from flatdiff.engine.store import CANCELLED, QUEUED, Store
from flatdiff.errors import FlatdiffError
from flatdiff.measures.request import make_request
from flatdiff.measures.samples import SamplesSettings
from flatdiff.measures.surface import SurfaceSettings
from flatdiff.system.files import PROJECT_ROOT
from flatdiff.system.locks import this_process


@pytest.fixture
def root(tiny_root: Path, tmp_path: Path) -> Path:
    """A copy of tiny/adm and tiny/sam that a test may change."""
    return Path(shutil.copytree(tiny_root, tmp_path / "checkpoints"))


def everything(root: Path) -> dict[str, bytes]:
    """Every file below a folder."""
    files = [path for path in root.rglob("*") if path.is_file()]
    return {path.relative_to(root).as_posix(): path.read_bytes() for path in files}


@pytest.mark.parametrize("new", ["tiny/plain", "other/adm", "Ünï 😀/<script>alert(1)<", "👩‍💻/x"])
def test_a_new_name_for_the_same_checkpoint(root: Path, store: Store, new: str) -> None:
    """Files are compared byte by byte; results are found because the digest is what it was."""
    card = read_card(root, "tiny/adm")
    before = everything(root / "tiny" / "adm")
    key = make_request("samples", card, SamplesSettings()).key
    rename_checkpoint(root, store.require_idle, "tiny/adm", new)
    assert card_ids(root) == sorted(["tiny/sam", new])
    assert everything(root / new) == before
    renamed = read_card(root, new)
    assert renamed.id == new
    assert make_request("samples", renamed, SamplesSettings()).key == key


def test_images_are_named_anew(root: Path, store: Store) -> None:
    """In every card that names them, and in no other; the weights are left alone."""
    card = read_card(root, "tiny/adm")
    write_card(root / "tiny" / "adm", replace(card, dataset="folder:/old"))
    weights = (root / "tiny" / "adm" / "weights.safetensors").read_bytes()
    named = rename_dataset(root, store.require_idle, "folder:/old", "folder:/new")
    assert named == ("tiny/adm",)
    assert read_card(root, "tiny/adm") == replace(card, dataset="folder:/new")
    assert read_card(root, "tiny/sam").dataset == card.dataset
    assert (root / "tiny" / "adm" / "weights.safetensors").read_bytes() == weights
    with pytest.raises(FlatdiffError, match="no checkpoint was trained on 'folder:/old'"):
        rename_dataset(root, store.require_idle, "folder:/old", "folder:/new")


NAMES = {
    "climbing": "../../x",
    "climbing out": "..",
    "climbing in the middle": "tiny/../x",
    "absolute": "/etc/x",
    "one part": "x",
    "three parts": "a/b/c",
    "no family": "/x",
    "no name": "tiny/",
    "hidden": "tiny/.x",
    "hidden family": ".x/y",
    "a dot": "./x",
    "a flag": "-x/y",
    "a NUL": "tiny/a\0b",
    "a line": "tiny/a\nb",
    "a half of a letter": "tiny/\ud800",
    "right to left": "tiny/\u202egnp.x",
    "a backslash": "tiny/..\\x",
    "blanks": "tiny/ x",
    "too long": "tiny/" + "x" * 201,
    "too long in bytes": "tiny/" + "😀" * 51,
    "a run's": "tiny/x.training",
    "taken": "tiny/sam",
    "itself": "tiny/adm",
    "nothing": "",
}


@pytest.mark.parametrize("new", list(NAMES.values()), ids=list(NAMES))
def test_names_that_cannot_be(root: Path, store: Store, new: str) -> None:
    """A sentence each, and every file where it was."""
    before = everything(root)
    with pytest.raises(FlatdiffError) as caught:
        rename_checkpoint(root, store.require_idle, "tiny/adm", new)
    assert "\n" not in str(caught.value)
    assert everything(root) == before
    assert sorted(path.name for path in root.iterdir()) == ["tiny"]


@pytest.mark.parametrize("name", ["../x", "tiny", "tiny/absent", "", "tiny/adm/../sam", "a\0/b"])
def test_only_checkpoints_are_renamed_or_deleted(root: Path, store: Store, name: str) -> None:
    """Whatever path a name might be, only the list of checkpoints counts."""
    before = everything(root)
    for change in (
        lambda: delete_checkpoint(root, store.require_idle, name),
        lambda: rename_checkpoint(root, store.require_idle, name, "tiny/new"),
    ):
        with pytest.raises(FlatdiffError):
            change()
    assert everything(root) == before


def test_a_link_is_not_followed(root: Path, store: Store) -> None:
    """Deleting a link must not delete what it leads to, inside the root or outside."""
    outside = Path(shutil.copytree(root / "tiny" / "adm", root.parent / "outside"))
    (root / "tiny" / "inner").symlink_to(root / "tiny" / "sam")
    (root / "tiny" / "outer").symlink_to(outside)
    (root / "linked").symlink_to(root / "tiny")
    before = everything(root), everything(outside)
    for name in ("tiny/inner", "tiny/outer", "linked/adm"):
        with pytest.raises(FlatdiffError):
            delete_checkpoint(root, store.require_idle, name)
    with pytest.raises(FlatdiffError, match="link"):
        free_folder(root, "linked/new")
    assert (everything(root), everything(outside)) == before


def test_deleted_is_gone_with_its_empty_family(root: Path, store: Store) -> None:
    """A family that still holds something stays, a run's own state above all."""
    state = root / "tiny" / "ip.training" / "state.safetensors"
    state.parent.mkdir()
    state.write_bytes(b"precious")
    for name in ("adm", "sam"):
        delete_checkpoint(root, store.require_idle, f"tiny/{name}")
    assert everything(root) == {"tiny/ip.training/state.safetensors": b"precious"}
    shutil.rmtree(state.parent)
    rename = root / "alone" / "adm"
    rename.mkdir(parents=True)
    (rename / "card.json").write_text("{")
    delete_checkpoint(root, store.require_idle, "alone/adm")  # a broken one, too
    assert not (root / "alone").exists()


def test_results_outlive_their_checkpoint(root: Path, store: Store) -> None:
    """They belong to the digest; a copy that comes back finds them."""
    request = make_request("samples", read_card(root, "tiny/adm"), SamplesSettings())
    store.submit(request)
    store.finish(request.key, CANCELLED)
    kept = Path(shutil.copytree(root / "tiny" / "adm", root.parent / "kept"))
    delete_checkpoint(root, store.require_idle, "tiny/adm")
    shutil.copytree(kept, root / "tiny" / "again")
    again = make_request("samples", read_card(root, "tiny/again"), SamplesSettings())
    job = store.job(again.key)
    assert job is not None
    assert job.request.checkpoint == "tiny/adm"
    assert store.submit(again).request.checkpoint == "tiny/again", "found under its new name"


def test_what_is_being_measured_stays(root: Path, store: Store) -> None:
    """As itself, or as the end of somebody else's line; both are free when that is over."""
    adm, sam = (read_card(root, f"tiny/{name}") for name in ("adm", "sam"))
    settings = SurfaceSettings(axes="checkpoints", dimensions=1, resolution=5)
    line = make_request("surface", adm, settings, partners=[sam])
    assert store.submit(line).state == QUEUED
    for name in ("tiny/adm", "tiny/sam"):
        with pytest.raises(FlatdiffError, match="1 of its measurements is queued"):
            delete_checkpoint(root, store.require_idle, name)
        with pytest.raises(FlatdiffError, match="Activity"):
            rename_checkpoint(root, store.require_idle, name, "tiny/new")
    store.finish(line.key, CANCELLED)
    delete_checkpoint(root, store.require_idle, "tiny/sam")
    assert card_ids(root) == ["tiny/adm"]


@pytest.mark.parametrize("name", ["ip", "ip-ema", "ip-swa", "ip-000500"])
def test_a_runs_names_are_its_own(root: Path, name: str) -> None:
    """A run that goes on would write over them at its end."""
    (root / "tiny" / "ip.training").mkdir()
    with pytest.raises(FlatdiffError, match=r"ip\.training"):
        free_folder(root, f"tiny/{name}")
    assert free_folder(root, f"other/{name}") == root.resolve() / "other" / name
    assert free_folder(root, "tiny/ipx") == root.resolve() / "tiny" / "ipx"


def test_read_only_refuses_every_change(
    root: Path, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In the functions themselves, whatever a page shows."""
    before = everything(root)
    monkeypatch.setenv("FLATDIFF_READ_ONLY", "1")
    for change in (
        lambda: delete_checkpoint(root, store.require_idle, "tiny/adm"),
        lambda: rename_checkpoint(root, store.require_idle, "tiny/adm", "tiny/new"),
        lambda: publish(root, {"tiny/new": root / "tiny" / "adm"}),
    ):
        with pytest.raises(FlatdiffError, match="read-only"):
            change()
    assert everything(root) == before
    monkeypatch.setenv("FLATDIFF_READ_ONLY", "0")
    rename_checkpoint(root, store.require_idle, "tiny/adm", "tiny/new")


def test_all_are_published_or_none(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Three names, of which the last is taken, and then a disk that refuses the third rename."""
    with staged(root) as folder:
        for name in "abc":
            shutil.copytree(root / "tiny" / "adm", folder / name)
        before = everything(root)
        names = {"new/a": folder / "a", "tiny/b": folder / "b", "tiny/sam": folder / "c"}
        with pytest.raises(FlatdiffError, match="there is a tiny/sam already"):
            publish(root, names)
        assert everything(root) == before
        assert not (root / "new").exists()
        names = {f"new/{name}": folder / name for name in "abc"}
        rename, calls = Path.rename, []

        def third_refused(self: Path, target: Path) -> Path:
            calls.append(target)
            if len(calls) == 3:
                raise OSError(errno.ENOSPC, "No space left on device")
            return rename(self, target)

        monkeypatch.setattr(Path, "rename", third_refused)
        with pytest.raises(FlatdiffError, match="No space left on device"):
            publish(root, names)
        assert everything(root) == before
        publish(root, names)
    assert card_ids(root) == ["new/a", "new/b", "new/c", "tiny/adm", "tiny/sam"]


def test_what_a_killed_process_left_is_swept(root: Path) -> None:
    """Its name says whose it was; nothing of it was ever listed, and the living keep theirs."""
    dead, living = ".adding-999999@1.00-abcd", f".deleted-{this_process()}-abcd"
    for name in (dead, living):
        shutil.copytree(root / "tiny" / "adm", root / name)
    assert card_ids(root) == ["tiny/adm", "tiny/sam"]
    with staged(root) as folder:
        (folder / "x").write_bytes(b"x")
        assert not (root / dead).exists()
        assert (root / living).exists()
        assert card_ids(root) == ["tiny/adm", "tiny/sam"]
    assert not folder.exists()


def test_a_disk_that_refuses(root: Path, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every rename and every new folder fails here; a sentence, and all as it was."""

    def refuse(*_: object, **__: object) -> None:
        raise OSError(errno.EROFS, "Read-only file system")

    before = everything(root)
    monkeypatch.setattr(Path, "rename", refuse)
    for change in (
        lambda: rename_checkpoint(root, store.require_idle, "tiny/adm", "tiny/new"),
        lambda: delete_checkpoint(root, store.require_idle, "tiny/adm"),
    ):
        with pytest.raises(FlatdiffError, match="Read-only file system; nothing was changed"):
            change()
    monkeypatch.setattr(Path, "mkdir", refuse)
    with pytest.raises(FlatdiffError, match="cannot write"), staged(root):
        pass
    assert everything(root) == before


def test_bundled_ones_can_come_back(tmp_path: Path) -> None:
    """Only those that the project has, in its own folder; the path is one that git knows."""
    ours = PROJECT_ROOT / "checkpoints"
    path = bundled_path(ours, "digits/sam-swa")
    assert (PROJECT_ROOT / path / "card.json").is_file()
    assert bundled_path(ours, "digits/mine") == bundled_path(tmp_path, "digits/sam") == ""
