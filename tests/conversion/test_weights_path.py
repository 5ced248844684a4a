"""What a person names: an address, a folder, an index and its parts; safetensors writes them."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor

from flatdiff.checkpoints.card import WEIGHTS_FILE
from flatdiff.conversion import convert
from flatdiff.conversion.draft import Description
from flatdiff.conversion.importer import import_file
from flatdiff.conversion.weights_path import num_bytes, read_parts, weights_path
from flatdiff.errors import CheckpointError
from tests.conversion.test_importer import in_process, weights  # noqa: F401  (a fixture)

STATE = weights()
INDEX = "model.safetensors.index.json"
PARTS = [f"model-0000{n}-of-00003.safetensors" for n in (1, 2, 3)]


def sharded(folder: Path, state: dict[str, Tensor] = STATE) -> Path:
    """A network in three parts and their index, as large ones are published."""
    folder.mkdir(exist_ok=True)
    names = list(state)
    where = {name: PARTS[n % 3] for n, name in enumerate(names)}
    for part in PARTS:
        save_file({name: state[name] for name in names if where[name] == part}, folder / part)
    (folder / INDEX).write_text(json.dumps({"metadata": {}, "weight_map": where}))
    return folder


@pytest.mark.usefixtures("in_process")
@pytest.mark.parametrize("named", [INDEX, PARTS[1], ""])
def test_parts_are_one_network(
    named: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By the index, by any of its parts, and by their folder: the same bytes as in one file."""
    monkeypatch.setattr(convert, "diagnosed", lambda *_: [])
    folder = sharded(tmp_path / "parts")
    save_file(STATE, tmp_path / "one.safetensors")
    flags = "--channel_mult 1 --attention_resolutions 9"
    for name, path in (("parts", folder / named), ("one", tmp_path / "one.safetensors")):
        said = Description(id=f"theirs/{name}", preset="digits", flags=flags)
        import_file(tmp_path / "root", path, said)
    parts, one = (tmp_path / "root/theirs" / name / WEIGHTS_FILE for name in ("parts", "one"))
    assert parts.read_bytes() == one.read_bytes()


def test_bytes_are_those_of_all_parts(tmp_path: Path) -> None:
    """By which time and memory are measured out."""
    folder = sharded(tmp_path / "parts")
    assert num_bytes(folder / INDEX) == sum((folder / part).stat().st_size for part in PARTS)


def without_a_part(folder: Path) -> Path:
    """Half downloaded."""
    (sharded(folder) / PARTS[2]).unlink()
    return folder


def without_the_index(folder: Path) -> Path:
    """A part alone."""
    (sharded(folder) / INDEX).unlink()
    return folder / PARTS[0]


def index_of(weight_map: object) -> Callable[[Path], Path]:
    """Another index beside the same parts."""

    def write(folder: Path) -> Path:
        (sharded(folder) / INDEX).write_text(json.dumps({"weight_map": weight_map}))
        return folder / INDEX

    return write


def twice(folder: Path) -> Path:
    """Two parts with a tensor of one name."""
    save_file({"a": torch.ones(1)}, sharded(folder) / PARTS[0])
    save_file({"a": torch.ones(1)}, folder / PARTS[1])
    return index_of_existing(folder, {"a": PARTS[0], "b": PARTS[1]})


def index_of_existing(folder: Path, weight_map: dict[str, str]) -> Path:
    """The index alone is written anew."""
    (folder / INDEX).write_text(json.dumps({"weight_map": weight_map}))
    return folder / INDEX


def two_files(folder: Path) -> Path:
    """As a training run leaves them, and then macOS."""
    folder.mkdir()
    for name in ("model010000.pt", "ema_0.9999_010000.pt", "._model010000.pt", ".DS_Store"):
        (folder / name).touch()
    return folder


def pipeline(folder: Path) -> Path:
    """As diffusers saves one."""
    (folder / "unet").mkdir(parents=True)
    (folder / "model_index.json").write_text('{"_class_name": "DDPMPipeline"}')
    return folder


BAD: dict[str, tuple[Callable[[Path], Path], str]] = {
    "an address": (lambda _: Path("https://example.org/ADM-IP.pt"), "opens no connection"),
    "an empty folder": (lambda path: path.mkdir() or path, "without a file of weights"),
    "a folder of two": (two_files, "one of its files: ema_0.9999_010000.pt, model010000.pt"),
    "a pipeline": (pipeline, "a pipeline of diffusers without unet/config.json"),
    "a part that is absent": (without_a_part, f"{PARTS[2]}, one of the parts"),
    "a part alone": (without_the_index, "an index of all parts, is not beside it"),
    "a part elsewhere": (index_of({"a": "../x.safetensors"}), "lie beside it"),
    "a part by an absolute path": (index_of({"a": "/etc/x.safetensors"}), "lie beside it"),
    "an index of nothing": (index_of({}), "lie beside it"),
    "an index of a list": (index_of([1]), "no weight_map"),
    "a tensor that is not there": (index_of({"z": PARTS[0]}), "z is not in the part"),
    "a tensor in two parts": (twice, "two of its parts hold a"),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_ones_are_a_sentence(name: str, tmp_path: Path) -> None:
    """Through the way in; nothing is left."""
    make, word = BAD[name]
    path = make(tmp_path / "named")
    with pytest.raises(CheckpointError, match=word):
        import_file(tmp_path / "root", path, Description(id="theirs/x", preset="digits"))
    assert not list((tmp_path / "root").rglob("*.json"))


def test_a_folder_with_one_file_means_it(tmp_path: Path) -> None:
    """Whatever else lies in it."""
    (tmp_path / "weights.ckpt").touch()
    (tmp_path / "notes.txt").touch()
    assert weights_path(tmp_path) == tmp_path / "weights.ckpt"
    assert read_parts(sharded(tmp_path / "parts") / INDEX).header.shapes.keys() == STATE.keys()
