"""Parity with another implementation's recorded numbers, and that a lie among them is noticed."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor

from flatdiff.diffusion.reference import QUANTITIES, check_reference
from flatdiff.errors import CheckpointError
from tests.tiny import REFERENCE_FILES, typed

# What each file must hold at least: without it, a check of nothing would pass.
OUTPUTS = [name for name in QUANTITIES if name != "loss_vb"]
SMALLEST = REFERENCE_FILES[-1]

Contents = tuple[dict[str, Tensor], dict[str, str]]


def read(path: Path) -> Contents:
    """Tensors and metadata."""
    with safe_open(path, "pt") as file:
        return {name: file.get_tensor(name) for name in file.keys()}, file.metadata()  # noqa: SIM118


def rewrite(path: Path, change: Callable[[dict[str, Tensor], dict[str, str]], object]) -> Path:
    """A copy of a reference file with something changed."""
    tensors, metadata = read(SMALLEST)
    change(tensors, metadata)
    save_file(tensors, path, metadata)
    return path


def test_both_files_are_here() -> None:
    """The parametrised test below would pass without any."""
    assert [path.stem for path in REFERENCE_FILES] == ["adm_cifar_flags_small", "adm_plain_small"]


@pytest.mark.parametrize("path", REFERENCE_FILES, ids=lambda path: path.stem)
def test_every_quantity_agrees(path: Path) -> None:
    """Outputs of guided-diffusion itself: network, losses, one reverse step and both samplers."""
    found = {agreement.quantity: agreement for agreement in check_reference(path)}
    learn_sigma = json.loads(read(path)[1]["flags"])["learn_sigma"]
    assert set(found) == {*OUTPUTS, *(["loss_vb"] if learn_sigma else [])}
    assert [str(agreement) for agreement in found.values() if not agreement.ok] == []


@pytest.mark.parametrize("name", [name for name in OUTPUTS if name != "timestep_map"])
def test_one_perturbed_output_fails_alone(name: str, tmp_path: Path) -> None:
    """A thousandth of the largest entry, added in one place of one tensor, is the one FAIL."""

    def perturb(tensors: dict[str, Tensor], metadata: dict[str, str]) -> None:
        tensors[name].view(-1)[0] += 1e-3 * tensors[name].abs().max()

    path = rewrite(tmp_path / "lie.safetensors", perturb)
    failed = [agreement.quantity for agreement in check_reference(path) if not agreement.ok]
    # A recorded x_t is also an input of the network, so what follows from it fails with it.
    assert name in failed if name == "x_t" else failed == [name]


def test_not_a_number_is_no_agreement(tmp_path: Path) -> None:
    """NaN compares false with everything, so the test of the tolerance must be `<`."""
    path = rewrite(
        tmp_path / "nan.safetensors",
        lambda tensors, _: tensors["model_out"].view(-1)[:1].fill_(torch.nan),
    )
    assert [a.quantity for a in check_reference(path) if not a.ok] == ["model_out"]


def drop(name: str) -> Callable[[dict[str, Tensor], dict[str, str]], object]:
    """Remove a tensor or a metadata entry."""
    return lambda tensors, metadata: (tensors.pop(name, None), metadata.pop(name, None))


@pytest.mark.parametrize("name", ["flags", "x_start", "noise", "half_index", "model/out.2.bias"])
def test_incomplete_file_is_named_as_such(name: str, tmp_path: Path) -> None:
    """Each input removed in turn: the sentence names what is missing."""
    path = rewrite(tmp_path / "part.safetensors", drop(name))
    with pytest.raises(CheckpointError, match=name.removeprefix("model/")):
        list(check_reference(path))


def test_exit_code_is_0_for_agreement() -> None:
    """The command as a person runs it."""
    done = typed("reference", str(SMALLEST))
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.count("ok ") == len(OUTPUTS)
    assert "FAIL" not in done.stdout


def test_exit_code_is_1_for_disagreement(tmp_path: Path) -> None:
    """A script that looks at the exit code only must learn of the lie."""
    path = rewrite(tmp_path / "lie.safetensors", lambda tensors, _: tensors["p_mean"].mul_(1.01))
    done = typed("reference", str(path))
    assert done.returncode == 1
    assert [line.split()[1] for line in done.stdout.splitlines() if "FAIL" in line] == ["p_mean"]


@pytest.mark.parametrize("content", [None, b"", b"<!DOCTYPE html><html></html>"])
def test_what_is_no_file_is_one_sentence(content: bytes | None, tmp_path: Path) -> None:
    """Absent, empty, or a web page saved by mistake."""
    path = tmp_path / "reference.safetensors"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(CheckpointError, match="not a readable safetensors file"):
        list(check_reference(path))


def test_exit_code_is_1_with_one_sentence_for_no_file(tmp_path: Path) -> None:
    """No traceback: one line on stderr that names the file."""
    done = typed("reference", str(tmp_path / "absent"))
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.count("\n") == 1
    assert "absent" in done.stderr
