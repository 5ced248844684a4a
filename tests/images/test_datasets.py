"""A dataset's fingerprint: equal for equal files, another one as soon as anything could differ."""

import errno
import os
import shutil
import zipfile
from pathlib import Path

import pytest
from PIL import Image

from flatdiff.errors import DataError
from flatdiff.images.datasets import dataset_fingerprint, dataset_of
from flatdiff.images.image_set import load_images
from flatdiff.landscape.panel import Panel, panel_digest


def fingerprint(folder: Path) -> str:
    """Of a folder dataset."""
    return dataset_fingerprint(f"folder:{folder}", fresh=True)


def test_fingerprint_of_a_folder_changes_with_its_files(tmp_path: Path) -> None:
    """Empty, added, changed in place, resized, renamed: five fingerprints; none is remembered."""
    seen = [fingerprint(tmp_path)]
    file = tmp_path / "a.png"
    for content, time in ((b"1", 1), (b"2", 2), (b"12", 3)):
        file.write_bytes(content)
        os.utime(file, ns=(time, time))
        seen.append(fingerprint(tmp_path))
    assert fingerprint(tmp_path) == seen[-1]
    file.rename(tmp_path / "b.png")
    seen.append(fingerprint(tmp_path))
    assert len(set(seen)) == 5


def test_fingerprint_of_a_folder_does_not_depend_on_its_place(tmp_path: Path) -> None:
    """The same files moved elsewhere are the same data."""
    (tmp_path / "old").mkdir()
    (tmp_path / "old" / "a.png").write_bytes(b"1")
    before = fingerprint(tmp_path / "old")
    (tmp_path / "old").rename(tmp_path / "new")
    assert fingerprint(tmp_path / "new") == before


def test_copy_is_the_same_data(tmp_path: Path) -> None:
    """With its times or with new ones, wherever it lies; read again only where something moved."""
    (tmp_path / "here").mkdir()
    (tmp_path / "here" / "a.png").write_bytes(b"1")
    os.utime(tmp_path / "here" / "a.png", ns=(1, 1_234_567_891))
    shutil.copytree(tmp_path / "here", tmp_path / "kept")
    shutil.copytree(tmp_path / "here", tmp_path / "new", copy_function=shutil.copyfile)
    here, kept, new = (fingerprint(tmp_path / name) for name in ("here", "kept", "new"))
    assert here == kept == new


def test_bytes_are_read_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Afterwards names, sizes and times are enough; of a large collection they always are."""
    monkeypatch.setenv("FLATDIFF_HOME", str(tmp_path / "home"))
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "a.png").write_bytes(b"1")
    before = fingerprint(tmp_path / "a")
    with monkeypatch.context() as patch:
        patch.setattr("flatdiff.images.fingerprint.sha256_of", lambda _: pytest.fail("read again"))
        assert fingerprint(tmp_path / "a") == before
        patch.setattr("flatdiff.images.fingerprint.MAX_READ_BYTES", 0)
        os.utime(tmp_path / "a" / "a.png", ns=(1, 1))
        by_time = fingerprint(tmp_path / "a")
    assert by_time != before
    assert fingerprint(tmp_path / "a") == before


def test_results_of_a_folder_move_with_it(tmp_path: Path) -> None:
    """The digest of a panel has no path in it, and another image changes it."""
    (tmp_path / "old").mkdir()
    (tmp_path / "old" / "a.png").write_bytes(b"1")
    before = panel_digest(Panel(dataset=f"folder:{tmp_path}/old"), fresh=True)
    (tmp_path / "old").rename(tmp_path / "new")
    panel = Panel(dataset=f"folder:{tmp_path}/new")
    assert panel_digest(panel, fresh=True) == before
    (tmp_path / "new" / "a.png").write_bytes(b"2")
    assert panel_digest(panel, fresh=True) != before


def test_absent_folder_is_refused(tmp_path: Path) -> None:
    """A panel of nothing has no digest."""
    with pytest.raises(DataError, match="absent is neither a folder nor a zip"):
        fingerprint(tmp_path / "absent")


def test_zip_is_known_by_what_is_in_it(tmp_path: Path) -> None:
    """Packed again at another time it is the same; another image is another zip."""
    seen = []
    for content, level in ((b"1" * 99, 0), (b"1" * 99, 9), (b"2" * 99, 0)):
        with zipfile.ZipFile(
            tmp_path / "a.zip", "w", zipfile.ZIP_DEFLATED, True, level
        ) as archive:
            archive.writestr("a.png", content)
        seen.append(fingerprint(tmp_path / "a.zip"))
    assert seen[0] == seen[1] != seen[2]


def test_change_is_seen_after_a_while(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With a clock of the test: the folder is gone through once in two seconds, or when asked."""
    now = [1000.0]
    monkeypatch.setattr("flatdiff.images.fingerprint.time.monotonic", lambda: now[0])
    name = f"folder:{tmp_path}"
    before = dataset_fingerprint(name)
    (tmp_path / "a.png").write_bytes(b"1")
    now[0] = 1001.9
    assert dataset_fingerprint(name) == before
    after = dataset_fingerprint(name, fresh=True)
    assert after != before
    now[0] = 1002.0
    assert dataset_fingerprint(name) == after


def test_absent_ffhq_has_a_name_and_a_present_one_a_fingerprint(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A card may name it where nobody has it; published sets are their names."""
    monkeypatch.setenv("FLATDIFF_HOME", str(tmp_path))
    names = ["digits", "cifar10", "lsun_tower", "ffhq64"]
    assert [dataset_fingerprint(name) for name in names] == names
    (tmp_path / "datasets" / "ffhq64").mkdir(parents=True)
    assert len(dataset_fingerprint("ffhq64")) == 64
    assert dataset_of("ffhq64").root() == tmp_path / "datasets" / "ffhq64"


@pytest.mark.parametrize(
    ("folders", "read_only", "name", "allowed"),
    [
        (None, "", "private", True),
        (None, "1", "private", False),
        ("", "", "private", False),
        ("{0}/public", "", "private", False),
        ("{0}/public", "1", "public", True),
        ("{0}/public", "1", "public/cats", True),
        ("{0}/public", "1", "public/../private", False),
        ("{0}/public", "1", "public/link", False),
        ("{0}/other:{0}/private", "1", "private", True),
        (None, "1", "home/datasets/mine", True),
    ],
)
def test_folders_that_visitors_see_are_named_by_the_owner(
    folders: str | None,
    read_only: str,
    name: str,
    allowed: bool,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A card put into the checkpoints by hand may name any path, also by a link."""
    for place in ("private", "public/cats", "home/datasets/mine"):
        (tmp_path / place).mkdir(parents=True)
    (tmp_path / "public" / "link").symlink_to(tmp_path / "private")
    monkeypatch.setenv("FLATDIFF_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("FLATDIFF_READ_ONLY", read_only)
    monkeypatch.delenv("FLATDIFF_FOLDERS", raising=False)
    if folders is not None:
        monkeypatch.setenv("FLATDIFF_FOLDERS", folders.format(tmp_path))
    if allowed:
        assert len(fingerprint(tmp_path / name)) == 64
        return
    for act in (fingerprint, lambda folder: load_images(f"folder:{folder}", "train", 8, 1)):
        with pytest.raises(DataError, match="may not be read here: FLATDIFF_FOLDERS"):
            act(tmp_path / name)


def test_password_makes_visitors_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing else is set: who knows it is a guest, and sees what the owner has named."""
    (tmp_path / "a.png").write_bytes(b"1")
    for name in ("FLATDIFF_READ_ONLY", "FLATDIFF_FOLDERS"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("FLATDIFF_PASSWORD", "sesame")
    with pytest.raises(DataError, match="may not be read here: FLATDIFF_FOLDERS"):
        fingerprint(tmp_path)
    monkeypatch.setenv("FLATDIFF_FOLDERS", str(tmp_path))
    assert len(fingerprint(tmp_path)) == 64


def test_names_that_are_no_text_are_images_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Latin-1 from an old disk: one of thirty pictures, and one file that cannot be read."""
    monkeypatch.setattr("flatdiff.images.cache.MAX_UNREADABLE_SHARE", 1)
    for i in range(30):
        Image.new("L", (8, 8), i).save(tmp_path / f"{i}.png")
    (tmp_path / "0.png").rename(tmp_path / os.fsdecode(b"caf\xe9.png"))
    (tmp_path / os.fsdecode(b"na\xefve.png")).write_bytes(b"no image")
    splits = [
        load_images(f"folder:{tmp_path}", s, 8, 1).values[:, 0, 0, 0].tolist()
        for s in ("train", "held_out")
    ]
    assert sorted(splits[0] + splits[1]) == list(range(30))
    assert r"na\udcefve.png" in caplog.text


def test_linked_folder_is_no_part_of_one(tmp_path: Path) -> None:
    """Two links to itself: followed, they would be two to the power of forty folders."""
    (tmp_path / "a.png").write_bytes(b"1")
    before = fingerprint(tmp_path)
    for name in ("l", "m"):
        (tmp_path / name).symlink_to(".")
    assert fingerprint(tmp_path) == before


@pytest.mark.parametrize("folders", [None, "/tmp"])
@pytest.mark.parametrize("name", ["\0", "/tmp/\0", "/tmp/\ud800", "/tmp/" + "a" * 5000])
def test_what_is_no_path_is_refused_in_printable_words(
    name: str, folders: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A stranger's card may say anything."""
    monkeypatch.delenv("FLATDIFF_FOLDERS", raising=False)
    if folders:
        monkeypatch.setenv("FLATDIFF_FOLDERS", folders)
    with pytest.raises(DataError) as refused:
        dataset_fingerprint(f"folder:{name}", fresh=True)
    assert str(refused.value).isprintable()


def test_path_through_a_circle_of_links_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where only some folders are allowed, too."""
    (tmp_path / "a").symlink_to("b")
    (tmp_path / "b").symlink_to("a")
    monkeypatch.setenv("FLATDIFF_FOLDERS", str(tmp_path / "public"))
    with pytest.raises(DataError, match="may not be read here"):
        fingerprint(tmp_path / "a")


def test_folder_that_is_not_open_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One below it; who tests may be root, so the refusal is the test's."""
    (tmp_path / "mine").mkdir()
    scan = os.scandir

    def guarded(folder: Path) -> object:
        if Path(folder).name == "mine":
            raise PermissionError(errno.EACCES, "Permission denied", str(folder))
        return scan(folder)

    monkeypatch.setattr("flatdiff.images.fingerprint.os.scandir", guarded)
    with pytest.raises(DataError, match=r"cannot be listed: .*Permission denied.*mine"):
        fingerprint(tmp_path)
