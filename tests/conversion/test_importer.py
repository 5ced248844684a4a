"""Files of weights from strangers: taken in whole, or refused in a sentence with nothing left."""

import dataclasses
import hashlib
import io
import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load, save
from torch import Tensor

from flatdiff.checkpoints.card import Card, card_ids, read_card
from flatdiff.checkpoints.header import Header, TensorEntry, read_header
from flatdiff.checkpoints.tensors import read_tensors
from flatdiff.checkpoints.weights_file import load_model, network_shapes
from flatdiff.conversion import convert as converter
from flatdiff.conversion import launch
from flatdiff.conversion.card_draft import CARD_KEY, card_inside, drafts, fitting_presets
from flatdiff.conversion.draft import Description
from flatdiff.conversion.foreign_file import foreign_file
from flatdiff.conversion.foreign_weights import open_weights
from flatdiff.conversion.importer import import_upload, look_at_upload, portable
from flatdiff.conversion.published import published_flags
from flatdiff.diffusion.flags import AdmFlags
from flatdiff.diffusion.unet import AdmUNet
from flatdiff.errors import CheckpointError, SettingsError
from tests.checkpoints.test_card import card_of, place
from tests.tiny import CPU, TINY, card_entries, random_network, tiny_recipe, typed

RUN = subprocess.run  # as it is before a test replaces it


def said(**changes: Any) -> Description:
    """Of the tiny network; attention at 9 pixels is attention nowhere but in the middle."""
    preset = {"preset": "digits", "flags": "--channel_mult 1 --attention_resolutions 9"}
    return Description(**{"id": "theirs/new", **preset, **changes})


def weights(flags: AdmFlags = TINY) -> dict[str, Tensor]:
    """A random state dict."""
    return random_network(flags).state_dict()


def uploads(
    root: Path, content: bytes, name: str = "their.safetensors", **changes: Any
) -> tuple[Card, ...]:
    """As the page does it."""
    words = said(**changes)
    file = look_at_upload(root, io.BytesIO(content), name)
    return import_upload(root, io.BytesIO(content), file, words)


def upload(root: Path, content: bytes, name: str = "their.safetensors", **changes: Any) -> Card:
    """A file of which one checkpoint comes."""
    (card,) = uploads(root, content, name, **changes)
    return card


def drafted(header: Header, words: Description) -> Card:
    """The card that a file with one set of weights would get."""
    (draft,) = drafts(foreign_file("w.safetensors", header), words)
    return draft.card


@pytest.fixture
def in_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """The converter's work in this process, which has torch already; its own costs seconds."""
    monkeypatch.setattr(launch, "run_conversion", converter.convert)
    monkeypatch.setattr(launch, "foreign_header", lambda path: open_weights(path).header)


@pytest.fixture
def not_diagnosed(monkeypatch: pytest.MonkeyPatch, in_process: None) -> None:
    """The weights are the question, and not how they denoise."""
    monkeypatch.setattr(converter, "diagnosed", lambda cards: [])


def converter_is(monkeypatch: pytest.MonkeyPatch, program: str) -> None:
    """Another program is started where the converter would be."""
    monkeypatch.setattr(
        launch.subprocess, "run", lambda words, **rest: RUN([words[0], "-c", program], **rest)
    )


def changed_converter(monkeypatch: pytest.MonkeyPatch, change: str) -> None:
    """The converter with something in its module `convert` replaced."""
    begin = "import os, signal, sys; from flatdiff.conversion import convert"
    end = "sys.exit(convert.serve(convert.converted, convert.PROGRAM_BYTES, convert.COPIES))"
    converter_is(monkeypatch, f"{begin}; {change}; {end}")


def test_a_state_dict_becomes_a_checkpoint(tmp_path: Path) -> None:
    """By the real child process; the network computes with the very weights that were sent."""
    state = weights()
    card = upload(tmp_path, save(state), step=7, method="sam", weights="ema")
    assert (card.id, card.method, card.weights, card.step) == ("theirs/new", "sam-ema", "ema", 7)
    assert card == read_card(tmp_path, "theirs/new")
    model = load_model(tmp_path, card, CPU)
    assert all(torch.equal(value, state[name]) for name, value in model.state_dict().items())
    assert card.num_parameters == sum(value.numel() for value in state.values())
    assert card.num_non_finite == 0
    sha256 = hashlib.sha256(save(state)).hexdigest()
    types = f"{len(state)} tensors of float32"
    assert "no reading fits" in card.origin.pop("diagnosis"), "its weights are random"
    assert card.origin.pop("levels").count("(") == 8
    assert card.origin == {"file": "their.safetensors", "sha256": sha256, "types": types}
    assert sorted(path.name for path in tmp_path.rglob("*") if path.is_file()) == [
        "card.json",
        "weights.safetensors",
    ]


@pytest.mark.parametrize(
    ("dtype", "name"),
    [(torch.float16, "float16"), (torch.bfloat16, "bfloat16"), (torch.float64, "float64")],
)
@pytest.mark.usefixtures("not_diagnosed")
def test_other_floats_are_converted_and_recorded(
    dtype: torch.dtype, name: str, tmp_path: Path
) -> None:
    """Torch's own conversion is the truth; one tensor stays float32."""
    state = {k: v.to(dtype) for k, v in weights().items()}
    state["out.2.bias"] = state["out.2.bias"].float()
    card = upload(tmp_path, save(state))
    kept = read_tensors(tmp_path, card)
    assert all(torch.equal(torch.from_numpy(kept[k]), v.float()) for k, v in state.items())
    rest = f"{len(state) - 1}"
    assert (
        f"{rest} tensors of {name}" in card.origin["types"]
        or f"{rest} of {name}" in (card.origin["types"])
    )
    assert card.origin["types"].endswith("; converted to float32")


@pytest.mark.usefixtures("not_diagnosed")
def test_weights_that_are_no_numbers_are_counted(tmp_path: Path) -> None:
    """Three of them are put in here; the checkpoint is taken all the same, and says so."""
    bias = torch.zeros(32)
    bias[:3] = torch.tensor([float("nan"), float("inf"), float("-inf")])
    assert upload(tmp_path, save({**weights(), "out.0.bias": bias})).num_non_finite == 3


@pytest.mark.usefixtures("not_diagnosed")
def test_classes_are_read_from_the_weights(tmp_path: Path) -> None:
    """Class-conditional weights, and flags that say so in guided-diffusion's way."""
    flags = dataclasses.replace(TINY, num_classes=10)
    text = "--channel_mult 1 --attention_resolutions 9 --class_cond True --use_fp16 False"
    card = upload(tmp_path, save(weights(flags)), flags=text)
    assert card.flags.num_classes == 10


@pytest.mark.usefixtures("not_diagnosed")
@pytest.mark.parametrize("new", ["Ünïcødé/😀", "<script>alert(1)<", "a'b;--/$(rm) `x`"])
def test_names_of_every_kind(new: str, tmp_path: Path) -> None:
    """They are names and nothing else."""
    identity = new if "/" in new else f"theirs/{new}"
    assert upload(tmp_path, save(weights()), id=identity).id == identity
    assert card_ids(tmp_path) == [identity]


@pytest.mark.usefixtures("in_process")
def test_a_downloaded_checkpoint_comes_back_as_itself(tiny_root: Path, tmp_path: Path) -> None:
    """Weights, digest and card are those it left with; only its place and origin are new."""
    card = dataclasses.replace(
        read_card(tiny_root, "tiny/sam"),
        step=9,
        loss_history=[[1, 0.5]],
        command="train <b>",
        recipe=tiny_recipe("sam"),
    )
    content = portable(tiny_root, card)
    before, after = load((tiny_root / "tiny/sam/weights.safetensors").read_bytes()), load(content)
    assert before.keys() == after.keys()
    assert all(torch.equal(before[name], after[name]) for name in before)
    added = upload(tmp_path, content, preset=None, flags="")
    same = {"family": "tiny", "name": "sam", "origin": {}, "num_non_finite": None}
    assert dataclasses.replace(added, **same) == card
    assert "no reading fits" in added.origin["diagnosis"], "a recipe inside is a stranger's word"
    assert card_inside(read_header(tmp_path / "theirs/new/weights.safetensors")) is None
    path = tmp_path / "theirs/new/weights.safetensors"
    path.write_bytes(path.read_bytes()[:-1] + b"x")
    with pytest.raises(CheckpointError, match="SHA-256"):
        portable(tmp_path, added)


def test_a_draft_says_what_the_person_said(tmp_path: Path) -> None:
    """guided-diffusion's defaults, two flags and a folder, as somebody on the command line."""
    expected = AdmFlags(
        image_size=32,
        num_channels=32,
        num_res_blocks=1,
        channel_mult="1,2",
        attention_resolutions="16",
        noise_schedule="cosine",
        num_classes=5,
    )
    state = AdmUNet(expected).state_dict()
    path = tmp_path / "w.safetensors"
    path.write_bytes(save(state))
    words = said(preset=None, flags="--image_size 32 --noise_schedule cosine", dataset="folder:/d")
    card = drafted(read_header(path), words)
    count = sum(value.numel() for value in state.values())
    assert (card.flags, card.dataset, card.num_parameters) == (expected, "folder:/d", count)
    with pytest.raises(SettingsError, match="preset must be one of digits, cifar10"):
        said(preset="resnet")


def test_a_folder_is_never_a_strangers_choice(tmp_path: Path) -> None:
    """A card inside names one of this machine; the person has to name it too, or another."""
    inside = dataclasses.replace(card_of(flags=TINY, recipe=None), dataset="folder:/home/x")
    path = tmp_path / "w.safetensors"
    path.write_bytes(save(weights(), {CARD_KEY: json.dumps(inside.to_json())}))
    with pytest.raises(SettingsError, match=r"folder as its dataset, folder:/home/x; .*--dataset"):
        drafted(read_header(path), Description(id="a/b"))
    for dataset in ("folder:/home/x", "folder:/mine", "digits"):
        words = Description(id="a/b", dataset=dataset)
        assert drafted(read_header(path), words).dataset == dataset


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("cifar10", ["cifar10", "imagenet32"]),
        ("lsun_tower", ["lsun_tower", "ffhq64", "celeba64"]),
        ("openai-64", ["openai-64"]),
        ("improved-cifar10", ["improved-cifar10"]),
    ],
)
def test_presets_that_fit_are_offered(name: str, expected: list[str]) -> None:
    """Tensors with a prefix; those networks have the same shapes that the papers say have."""
    shapes = network_shapes(published_flags(name)).items()
    header = Header({f"ema.{key}": TensorEntry("F32", shape) for key, shape in shapes}, {})
    (found,) = foreign_file("w.pt", header).sets
    assert fitting_presets(found.header) == expected
    with pytest.raises(SettingsError, match=f"a preset \\({', '.join(expected)}\\)"):
        drafted(header, Description(id="a/b"))


@pytest.mark.usefixtures("in_process")
def test_the_command_adds_and_refuses(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As a person types it; exit codes and one line each."""
    root = tmp_path / "checkpoints"
    monkeypatch.setenv("FLATDIFF_CHECKPOINTS", str(root))
    path, state = tmp_path / "their weights.pt", weights()
    torch.save({"ema": {f"module.{k}": v.half() for k, v in state.items()}, "step": 5}, path)
    words = ["import", str(path), "--name", "mine/half", "--preset", "digits", "--flags"]
    words.append("--channel_mult 1 --attention_resolutions 9")
    done = typed(*words)
    assert done.returncode == 0, done.stderr
    count = sum(value.numel() for value in state.values())
    assert f"imported: mine/half, {count:,} weights" in done.stdout
    assert "taken from ema.module\nwarning: no reading fits" in done.stdout
    card = read_card(root, "mine/half")
    assert (card.origin["file"], card.weights) == (path.name, "ema")
    kept = read_tensors(root, card)
    assert all(torch.equal(torch.from_numpy(kept[k]), v.half().float()) for k, v in state.items())
    again = typed(*words)
    assert (again.returncode, again.stderr.strip()) == (
        1,
        "error: there is a mine/half already; choose another name",
    )
    path.write_bytes(b"<html>")
    broken = typed("import", str(path), "--name", "mine/page", "--preset", "digits")
    assert broken.returncode == 1
    assert broken.stderr.count("\n") == 1
    assert card_ids(root) == ["mine/half"]


def test_old_cards_are_read_and_new_ones_say_more(tmp_path: Path) -> None:
    """A card without origin and count, as earlier ones are, and one with a verdict on sets."""
    folder = place(tmp_path)
    values = card_entries(folder)
    del values["origin"], values["num_non_finite"]
    (folder / "card.json").write_text(json.dumps(values))
    os.utime(folder / "card.json")
    card = read_card(tmp_path, "family/sam-swa")
    assert (card.origin, card.num_non_finite) == ({}, None)
    values["origin"] = {"file": "w.pt", "sets": "undecided between ema and model"}
    (folder / "card.json").write_text(json.dumps(values))
    assert read_card(tmp_path, "family/sam-swa").origin == values["origin"]
