"""The command that says where images lie now: the same ones, unless it is told otherwise."""

import dataclasses
import shutil
from pathlib import Path

import pytest

from flatdiff.checkpoints.card import read_card, write_card
from flatdiff.commands.rename_dataset import rename_dataset
from flatdiff.errors import CheckpointError, DataError
from flatdiff.images.image_set import load_images
from tests.images.test_image_files import paint


@pytest.fixture
def root(tiny_root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A checkpoint that was trained on images of a folder, which has been moved since."""
    root = Path(shutil.copytree(tiny_root, tmp_path / "checkpoints"))
    paint(tmp_path / "old", 60)
    card = read_card(root, "tiny/adm")
    place = f"folder:{tmp_path}/old"
    images = load_images(place, "train", card.flags.image_size, card.flags.in_channels).sha256
    told = {**card.environment, "images": images}
    write_card(root / card.id, dataclasses.replace(card, dataset=place, environment=told))
    (tmp_path / "old").rename(tmp_path / "new")
    monkeypatch.setenv("FLATDIFF_CHECKPOINTS", str(root))
    monkeypatch.setenv("FLATDIFF_HOME", str(tmp_path / "home"))
    return root


def test_the_same_images_elsewhere(
    root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """With a slash too many, as people write it."""
    rename_dataset(old=f"folder:{tmp_path}/old/", new=f"{tmp_path}/new/")
    assert read_card(root, "tiny/adm").dataset == f"folder:{tmp_path}/new"
    assert capsys.readouterr().out == f"tiny/adm: folder:{tmp_path}/new\n"


def test_other_images_want_a_word(root: Path, tmp_path: Path) -> None:
    """One image fewer; the card knows."""
    for path in sorted((tmp_path / "new").iterdir())[:20]:
        path.unlink()
    old, new = f"folder:{tmp_path}/old", f"folder:{tmp_path}/new"
    with pytest.raises(DataError, match="others than those that tiny/adm was trained on"):
        rename_dataset(old=old, new=new)
    assert read_card(root, "tiny/adm").dataset == old
    rename_dataset(old=old, new=new, anyway=True)
    assert read_card(root, "tiny/adm").dataset == new


@pytest.mark.usefixtures("root")
def test_images_of_no_checkpoint(tmp_path: Path) -> None:
    """A misspelt place."""
    with pytest.raises(CheckpointError, match="no checkpoint was trained on"):
        rename_dataset(old=f"{tmp_path}/odl", new=f"{tmp_path}/new")
