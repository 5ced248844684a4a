"""A dataset that flatdiff has never heard of: one record and its loader, and everything has it.

What is missing in a record is named by an error, here and for every entry of the table.
"""

import dataclasses
from pathlib import Path
from pkgutil import resolve_name
from typing import Any

import pytest
import torch
from safetensors.torch import save

from flatdiff.checkpoints.card import read_card
from flatdiff.checkpoints.recipe import PRESETS, Preset, make_recipe
from flatdiff.conversion import launch
from flatdiff.conversion.convert import convert
from flatdiff.engine.engine import Engine
from flatdiff.errors import DataError
from flatdiff.images.datasets import DATASETS, Dataset, datasets_home
from flatdiff.images.image_set import ImageSet, Wanted, load_images
from flatdiff.landscape.panel import Panel, panel_digest
from flatdiff.training.run_options import RunOptions
from tests.conftest import TINY_FLAGS
from tests.pages.conftest import root, started  # noqa: F401
from tests.pages.test_gallery import press, tiny_root  # noqa: F401
from tests.pages.test_gallery_windows import window
from tests.pages.test_pages import engine, opened  # noqa: F401
from tests.tiny import random_network

ROOT = Path(__file__).resolve().parents[1]


def stripes(dataset: Dataset, wanted: Wanted) -> ImageSet:
    """Rows (label 0) or columns (label 1) of black and white; as many as its file says."""
    file = dataset.root() / wanted.split
    if not file.exists():
        raise dataset.absent(dataset.root())
    row = torch.arange(8, dtype=torch.uint8) % 2
    pair = torch.stack([row[:, None].expand(8, 8), row[None].expand(8, 8)])[:, None]
    count = int(file.read_text())
    return ImageSet(pair.repeat(count, 1, 1, 1), 1, torch.tensor([0, 1]).repeat(count))


STRIPES = Dataset(
    name="stripes",
    title="Stripes",
    image_shape=(1, 8, 8),
    loader="tests.test_new_dataset:stripes",
    place=lambda: datasets_home() / "stripes",
    watched="present",
    label_names=("rows", "columns"),
    how_to_get="paint them",
)


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The dataset is in the table, its files are not there; this is where they belong."""
    monkeypatch.setenv("FLATDIFF_HOME", str(tmp_path))
    monkeypatch.setitem(DATASETS, "stripes", STRIPES)
    return STRIPES.root()


def paint(place: Path, train: int = 3, held_out: int = 2) -> None:
    """So many of each kind."""
    place.mkdir(parents=True, exist_ok=True)
    (place / "train").write_text(str(train))
    (place / "held_out").write_text(str(held_out))


def test_its_images_are_loaded_by_its_name(place: Path) -> None:
    """Rows and columns are each other's transposes, and have their labels."""
    with pytest.raises(DataError, match=r"Stripes is not in .*stripes; paint them"):
        load_images("stripes", "train", 8, 1)
    paint(place)
    train, held_out = (load_images("stripes", split, 8, 1) for split in ("train", "held_out"))
    assert (len(train), len(held_out)) == (6, 4)
    rows, columns = train.images(torch.tensor([0, 1]))
    assert torch.equal(rows, columns.mT)
    assert rows.unique().tolist() == [-1, 1]
    labels = train.labels_for(2, torch.tensor([0, 1]))
    assert labels is not None
    assert [STRIPES.label_names[label] for label in labels] == ["rows", "columns"]
    with pytest.raises(DataError, match=r"\(3, 8, 8\).*stripes has \(1, 8, 8\)"):
        load_images("stripes", "train", 8, 3)


def test_its_panel_is_another_one_when_its_files_are(place: Path) -> None:
    """Its name while it is absent, as for every published set; then its files."""
    assert STRIPES.fingerprint() == "stripes"
    seen = {panel_digest(Panel(dataset="stripes"), fresh=True)}
    for count in (3, 10):
        paint(place, count)
        assert len(STRIPES.fingerprint(fresh=True)) == 64
        seen.add(panel_digest(Panel(dataset="stripes"), fresh=True))
    assert len(seen) == 3


def test_errors_offer_it(place: Path) -> None:
    """Whoever mistypes it."""
    with pytest.raises(DataError, match=r"ffhq64, stripes, folder:<path>; got 'stripe'"):
        load_images("stripe", "train", 8, 1)


def test_the_import_form_has_it(
    place: Path,
    engine: Engine,  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Chosen there, a network of another size is refused, and a fitting one is its checkpoint."""
    monkeypatch.setattr(launch, "run_conversion", convert)
    content = save(random_network(TINY_FLAGS).state_dict())
    page = window("adding.add_dialog()")
    page.file_uploader[0].upload("a.safetensors", content).run()
    chooser = page.selectbox(key="upload_dataset")
    assert chooser.options == ["digits", "cifar10", "lsun_tower", "ffhq64", "stripes"]
    assert "stripes: Stripes" in chooser.help
    chooser.set_value("stripes")
    flags = "--channel_mult 1 --attention_resolutions 17"
    page.text_area(key="upload_flags").set_value(f"{flags} --image_size 16").run()
    press(page, "Add")
    assert "for stripes\\; got" in page.error[0].value
    page.text_area(key="upload_flags").set_value(flags).run()
    press(page, "Add")
    assert read_card(engine.root, "uploads/a").dataset == "stripes"


def test_training_has_it(
    place: Path,
    root: Path,  # noqa: F811
    started: list[RunOptions],  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """As a dataset for another preset's network, and on the Train page by a preset of its own."""
    paint(place)
    recipe = make_recipe("digits", "adm", dataset="stripes")
    assert len(load_images(recipe.dataset, "train", recipe.flags.image_size, 1)) == 6
    monkeypatch.setitem(PRESETS, "stripes", Preset(dataset="stripes", flags=TINY_FLAGS))
    page = opened("gallery/train.py")
    page.selectbox(key="preset").set_value("stripes").run()
    press(page, "Start")
    assert {options.recipe().dataset for options in started} == {"stripes"}


@pytest.mark.parametrize("name", DATASETS)
def test_a_dataset_is_whole(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is missing is named: its loader, its download, its network's size, its line."""
    monkeypatch.setenv("FLATDIFF_HOME", str(tmp_path))
    known = DATASETS[name]
    assert callable(resolve_name(known.loader))
    assert known.download is None or callable(resolve_name(known.download.fetch))
    shapes = {preset.flags.image_shape for preset in PRESETS.values() if preset.dataset == name}
    assert shapes <= {known.image_shape}, "a preset's network is of another size"
    assert f"| `{name}` |" in (ROOT / "docs/training.md").read_text(), "a line in docs/training.md"
    channels, size, _ = known.image_shape or (3, 8, 8)
    if known.place:
        with pytest.raises(DataError, match=f"{known.title} is not in .*; .+") as refused:
            load_images(name, "train", size, channels)
        assert str(tmp_path) in str(refused.value)


@pytest.mark.parametrize(
    ("changes", "error", "missing"),
    [
        ({"loader": "tests.test_new_dataset:spots"}, AttributeError, "spots"),
        ({"loader": "flatdiff.images.spots:spots"}, ModuleNotFoundError, "flatdiff.images.spots"),
        ({"label_names": ()}, AssertionError, "stripes: label_names and loader disagree"),
        ({"label_names": ("rows",)}, AssertionError, "stripes has 2 labels and 1 label_names"),
        ({"how_to_get": ""}, AssertionError, "stripes needs how_to_get or a download"),
        ({"place": None}, AssertionError, "stripes needs a place to be watched"),
    ],
)
def test_what_a_record_lacks_is_named(
    changes: dict[str, Any],
    error: type[Exception],
    missing: str,
    place: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """At its first use, or where it is written."""
    paint(place)

    def add_and_load() -> None:
        monkeypatch.setitem(DATASETS, "stripes", dataclasses.replace(STRIPES, **changes))
        load_images("stripes", "train", 8, 1)

    with pytest.raises(error, match=missing):
        add_and_load()


@pytest.mark.parametrize("field", ["name", "title", "image_shape", "loader"])
def test_what_every_record_must_say_has_no_default(field: str) -> None:
    """Left out, Python and pyright name it."""
    said = {f.name: getattr(STRIPES, f.name) for f in dataclasses.fields(Dataset)}
    del said[field]
    with pytest.raises(TypeError, match=f"'{field}'"):
        Dataset(**said)
