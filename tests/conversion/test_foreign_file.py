"""One network in every packaging that people publish: what comes out is what went in."""

import argparse
import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save, save_file
from torch import Tensor

from flatdiff.checkpoints.card import WEIGHTS_FILE, Card, read_card
from flatdiff.checkpoints.weights_file import load_model
from flatdiff.conversion import convert
from flatdiff.conversion.draft import Description
from flatdiff.conversion.foreign_file import WRAPPERS
from flatdiff.conversion.importer import import_file
from flatdiff.diffusion.flags import AdmFlags
from flatdiff.errors import CheckpointError
from flatdiff.system.files import PROJECT_ROOT
from tests.conversion.test_importer import in_process  # noqa: F401
from tests.tiny import CPU, REFERENCE_FILES, TESTS

SHARED = TESTS.parents[1] / "shared" / "reference"
State = dict[str, Tensor]
BUNDLED = PROJECT_ROOT / "checkpoints"


def behind(prefix: str, state: State) -> State:
    """The same under other names."""
    return {f"{prefix}{name}": value for name, value in state.items()}


def other(state: State) -> State:
    """Weights that must not be taken."""
    return {name: value + 1 for name, value in state.items()}


def within(wrapper: str, state: State) -> State:
    """Each block of the network wrapped on its own, as checkpointing and FSDP do."""
    parts = {name: name.split(".") for name in state}
    return {
        ".".join([words[0], words[1], wrapper, *words[2:]]): state[name]
        for name, words in parts.items()
    }


PACKAGINGS: dict[str, tuple[Callable[[State], Any], dict[str, Any], str]] = {
    "flat": (lambda s: s, {}, ""),
    "a class in between": (
        lambda s: {"state_dict": behind("model.module.", s)},
        {},
        "taken from ",
    ),
    **{
        f"in {key}": (lambda s, key=key: {key: s, "step": 7}, {}, f"taken from {key}")
        for key in ("state_dict", "model", "model_state_dict", "network")
    },
    **{
        f"behind {prefix}": (lambda s, p=prefix: behind(p, s), {}, f"taken from {prefix[:-1]}")
        for prefix in ("module.", "_orig_mod.", "model.", "module._orig_mod.")
    },
    **{
        f"each block in {wrapper}": (lambda s, w=wrapper: within(w, s), {}, "")
        for wrapper in sorted(WRAPPERS)
    },
    "diffusion.denoiser, blocks compiled": (
        lambda s: behind("diffusion.denoiser.", within("_orig_mod", s)),
        {},
        "taken from diffusion.denoiser",
    ),
    "beside what a trainer keeps": (
        lambda s: {"model": s, "args": argparse.Namespace(lr=1), "best_fid": np.float64(3.2)},
        {},
        "taken from model",
    ),
    "inside an object": (lambda s: argparse.Namespace(model=s), {}, "taken from model"),
    "EMA alone": (lambda s: {"ema": s}, {"is": "ema"}, "taken from ema"),
    "EMA of both": (
        lambda s: {"model": other(s), "ema_state_dict": s, "optimizer": {"state": {0: {}}}},
        {"weights": "ema", "is": "ema"},
        "taken from ema_state_dict; left in the file: model",
    ),
    "raw of both": (
        lambda s: {"model": s, "model_ema": behind("module.", other(s))},
        {"weights": "raw"},
        "taken from model; left in the file: model_ema",
    ),
    "LitEma, without dots": (
        lambda s: {
            "state_dict": behind("model.", other(s))
            | {f"model_ema.{name.replace('.', '')}": value for name, value in s.items()},
            "global_step": 7,
        },
        {"weights": "ema", "is": "ema"},
        "taken from state_dict.model_ema; left in the file: state_dict.model",
    ),
    "flat beside EMA": (
        lambda s: {**s, "ema": other(s)},
        {"weights": "raw"},
        "left in the file: ema",
    ),
}


@pytest.fixture(autouse=True)
def not_diagnosed(monkeypatch: pytest.MonkeyPatch, in_process: None) -> None:  # noqa: F811
    """Another file's question."""
    monkeypatch.setattr(convert, "diagnosed", lambda *_: [])


@pytest.fixture(scope="module")
def digits() -> State:
    """Weights that somebody has really trained."""
    return load_file(BUNDLED / "digits/sam" / WEIGHTS_FILE)


def taken(root: Path, path: Path, **changes: Any) -> Card:
    """As the command does it, with a file of which one checkpoint comes."""
    said = {"id": "theirs/one", "preset": "digits", **changes}
    (card,) = import_file(root, path, Description(**said))
    return card


@pytest.mark.parametrize("name", PACKAGINGS)
def test_every_packaging_holds_the_same_weights(name: str, digits: State, tmp_path: Path) -> None:
    """The digest is that of the checkpoint which was trained here and shipped."""
    pack, changes, packaging = PACKAGINGS[name]
    kind = changes.get("is", "raw")
    path = tmp_path / "w.pt"
    torch.save(pack(digits), path)
    asked = {key: value for key, value in changes.items() if key == "weights"}
    card = taken(tmp_path / "root", path, **asked)
    assert card.digest == read_card(BUNDLED, "digits/sam").digest
    assert card.weights == kind
    assert card.origin.get("packaging", "").startswith(packaging)
    assert ("packaging" in card.origin) == bool(packaging)


@pytest.mark.parametrize(
    ("name", "beside", "step"),
    [
        ("w.pt", {"step": 7}, 7),
        ("w.ckpt", {"global_step": 9, "epoch": 1}, 9),
        ("model000300.pt", {"step": 7}, 300),
        ("w.pt", {"step": True}, 0),
        ("w.pt", {"step": -1, "iteration": 2**70}, 0),
    ],
)
def test_the_step_is_read_where_a_trainer_writes_it(
    name: str, beside: dict[str, int], step: int, digits: State, tmp_path: Path
) -> None:
    """The file's own name first: what a person said last."""
    torch.save({"model": digits, **beside}, tmp_path / name)
    assert taken(tmp_path / "root", tmp_path / name).step == step
    assert taken(tmp_path / "root", tmp_path / name, id="theirs/two", step=5).step == 5


def test_what_pickle_itself_calls_is_not_told(digits: State, tmp_path: Path) -> None:
    """The trainer's class is; how it was written down says nothing."""
    beside = {"args": argparse.Namespace(lr=1), "seen": {1, 2}, "path": Path("a")}
    torch.save({"model": digits, **beside}, tmp_path / "w.pt")
    told = taken(tmp_path / "root", tmp_path / "w.pt").origin["beside"]
    assert "argparse.Namespace" in told
    assert "builtins" not in told
    assert "copyreg" not in told


@pytest.mark.parametrize("prefix", ["", "module.", "state_dict.model."])
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_halves_and_prefixes_in_both_formats(
    dtype: torch.dtype, prefix: str, digits: State, tmp_path: Path
) -> None:
    """The conversion is torch's; a safetensors file goes the same road."""
    state = {name: value.to(dtype) for name, value in digits.items()}
    torch.save(behind(prefix, state), tmp_path / "w.pth")
    save_file(behind(prefix, state), tmp_path / "w.safetensors")
    digests = set()
    for number, path in enumerate((tmp_path / "w.pth", tmp_path / "w.safetensors")):
        card = taken(tmp_path / "root", path, id=f"theirs/{number}")
        digests.add(card.digest)
        kept = load_file(tmp_path / "root" / card.id / WEIGHTS_FILE)
        assert all(torch.equal(kept[name], value.float()) for name, value in state.items())
    assert len(digests) == 1


def test_bytes_are_those_of_the_formats_own_writer(digits: State, tmp_path: Path) -> None:
    """Written tensor by tensor here, at once by safetensors itself."""
    torch.save(digits, tmp_path / "w.bin")
    card = taken(tmp_path / "root", tmp_path / "w.bin")
    assert (tmp_path / "root" / card.id / WEIGHTS_FILE).read_bytes() == save(digits)


ONE = torch.zeros(1 << 18)
REFUSED: dict[str, tuple[Callable[[State], Any], dict[str, Any], str]] = {
    "moments alone": (
        lambda s: {"optimizer": {"exp_avg": s, "exp_avg_sq": other(s)}},
        {},
        r"no weights, but what an optimizer keeps .*\(optimizer.exp_avg, optimizer.exp_avg_sq\)",
    ),
    "no EMA in it": (lambda s: {"a": s, "b": s}, {"weights": "ema"}, "no ema weights, but a, b"),
    "only EMA in it": (lambda s: {"ema": s}, {"weights": "raw"}, "no raw weights, but ema"),
    "an optimizer": (
        lambda s: {"state": {0: {"exp_avg": s["out.0.bias"]}}, "param_groups": [{"lr": 1e-4}]},
        {},
        "state of an optimizer",
    ),
    "tensors that share one storage": (
        lambda s: {n: ONE[: v.numel()].reshape(v.shape) for n, v in s.items()},
        {},
        "claim 3,306,504 bytes, the whole file has",
    ),
    "no network": (lambda s: {"w": s["out.0.bias"]}, {}, "holds no ADM network"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_not_there_is_said(name: str, digits: State, tmp_path: Path) -> None:
    """And nothing is taken."""
    pack, changes, word = REFUSED[name]
    torch.save(pack(digits), tmp_path / "w.pt")
    with pytest.raises(CheckpointError, match=word):
        taken(tmp_path / "root", tmp_path / "w.pt", **changes)
    assert not list((tmp_path / "root").rglob("*.safetensors"))


def test_the_name_of_a_file_says_what_it_holds(digits: State, tmp_path: Path) -> None:
    """guided-diffusion's own names; what a person says comes first."""
    path = tmp_path / "ema_0.9999_200000.pt"
    torch.save(digits, path)
    card = taken(tmp_path / "root", path)
    assert (card.weights, card.step, card.method) == ("ema", 200_000, "adm-ema")
    card = taken(tmp_path / "root", path, id="theirs/two", weights="raw", step=5, method="ip")
    assert (card.weights, card.step, card.method) == ("raw", 5, "ip")


def reference_files() -> list[Path]:
    """Small networks of another implementation, those beside the project included."""
    beside = sorted(SHARED.glob("*.safetensors")) if SHARED.is_dir() else []
    return [*REFERENCE_FILES, *beside]


@pytest.mark.parametrize(
    "path", reference_files(), ids=lambda path: f"{path.parent.name}-{path.stem}"
)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float16])
def test_reference_networks_repackaged(path: Path, dtype: torch.dtype, tmp_path: Path) -> None:
    """Flags are inferred but for those that leave no trace, and the other program has them all."""
    with safe_open(path, "pt") as file:
        flags = json.loads(file.metadata()["flags"])
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    state = {k.removeprefix("model/"): v for k, v in tensors.items() if k.startswith("model/")}
    traceless = (
        "image_size",
        "num_heads",
        "num_head_channels",
        "use_new_attention_order",
        "noise_schedule",
        "diffusion_steps",
    )
    text = " ".join(f"--{name} {flags[name]}" for name in traceless if name in flags)
    buffer = io.BytesIO()
    torch.save({"ema": behind("module.", {k: v.to(dtype) for k, v in state.items()})}, buffer)
    (tmp_path / "renamed.bin").write_bytes(buffer.getvalue())
    words = {"preset": None, "flags": text, "dataset": "folder:/nowhere"}
    card = taken(tmp_path / "root", tmp_path / "renamed.bin", **words)
    model = load_model(tmp_path / "root", card, CPU)
    kept = model.state_dict()
    assert all(torch.equal(kept[name], value.to(dtype).float()) for name, value in state.items())
    assert card.flags.learn_sigma == flags.get("learn_sigma", False)
    assert isinstance(card.flags, AdmFlags)
    assert card.flags.resblock_updown == flags.get("resblock_updown", False)


def test_the_shared_reference_files_are_there() -> None:
    """Skipped, and said so, where they are not: nothing else of the project wants them."""
    if not SHARED.is_dir():
        pytest.skip(f"{SHARED} is absent; the copies in tests/data are used alone")
    assert list(SHARED.glob("*.safetensors"))
