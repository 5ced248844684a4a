"""Folders of diffusers that are not taken: a sentence each, and nothing left on the disk."""

import json
from pathlib import Path
from typing import Any

import pytest

from flatdiff.conversion import diffusers_folder as module
from flatdiff.conversion.draft import Description
from flatdiff.conversion.importer import import_file
from flatdiff.errors import CheckpointError, FlatdiffError
from tests.diffusion.test_diffusers_network import saved


def changed(folder: Path, name: str, **changes: Any) -> None:
    """One of a folder's configs with other entries."""
    values = json.loads((folder / name).read_text("utf-8"))
    (folder / name).write_text(json.dumps({**values, **changes}))


UNET, SCHEDULER = "unet/config.json", "scheduler/scheduler_config.json"
BAD: dict[str, tuple[Any, dict[str, Any], str]] = {
    "another network": (
        lambda f: changed(f, UNET, _class_name="UNet2DConditionModel"),
        {},
        "must be diffusers' UNet2DModel; got 'UNet2DConditionModel'",
    ),
    "a scheduler that clips otherwise": (
        lambda f: changed(f, SCHEDULER, thresholding=True),
        {},
        "thresholding of the scheduler must be False",
    ),
    "no scheduler": (lambda f: (f / SCHEDULER).unlink(), {}, "without a scheduler_config.json"),
    "no weights": (
        lambda f: next((f / "unet").glob("*.safetensors")).unlink(),
        {},
        "without weights",
    ),
    "no JSON": (lambda f: (f / UNET).write_text("{"), {}, "config.json is no JSON"),
    "a giant": (
        lambda f: changed(f, UNET, layers_per_block=10**9),
        {},
        r"layers_per_block must be an integer in \[1, 64\]",
    ),
    "weights of another": (lambda f: changed(f, UNET, layers_per_block=2), {}, "does not fit"),
    "a block that is none": (
        lambda f: changed(f, UNET, down_block_types=["os", "AttnDownBlock2D"]),
        {},
        "diffusers makes no network of this config",
    ),
    "images of another size": (lambda f: None, {"dataset": "cifar10"}, "for cifar10"),
    "no images": (lambda f: None, {"dataset": None}, "dataset must be given"),
    "flags": (lambda f: None, {"flags": "--image_size 8"}, "this network's are known"),
}


@pytest.mark.parametrize("name", BAD)
def test_what_is_not_taken_is_a_sentence(name: str, tmp_path: Path) -> None:
    """And leaves nothing."""
    change, words, word = BAD[name]
    saved(tmp_path / "pipeline")
    change(tmp_path / "pipeline")
    said = Description(**{"id": "theirs/x", "dataset": "digits", **words})
    with pytest.raises(FlatdiffError, match=word):
        import_file(tmp_path / "root", tmp_path / "pipeline", said)
    assert not list((tmp_path / "root").rglob("*.json"))


def test_a_config_is_not_read_without_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Larger than any."""
    saved(tmp_path / "pipeline")
    monkeypatch.setattr(module, "MAX_CONFIG_BYTES", 10)
    with pytest.raises(CheckpointError, match="too long for a config"):
        module.diffusers_folder(tmp_path / "pipeline")
