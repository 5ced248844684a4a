"""A run that was killed at any moment, against one that never was."""

import dataclasses
import json
import signal
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file
from torch import Tensor

from flatdiff.checkpoints.card import Card, list_cards
from flatdiff.checkpoints.recipe import make_recipe
from flatdiff.checkpoints.weights_file import load_model
from flatdiff.training.loop import new_state, weights_of
from flatdiff.training.run import Run, load_state
from tests.tiny import CPU, command_line, file_digests, finished, gaussian

SETTINGS: dict[str, Any] = {
    "steps": 12,
    "batch_size": 4,
    "swa_start_step": 4,
    "swa_every_steps": 2,
}
COMMAND = [
    "train",
    "--method",
    "sam",
    "--precision",
    "float32",
    "--device",
    "cpu",
    "--num-threads",
    "1",
    "--save-every-steps",
    "3",
    *(
        part
        for name, value in SETTINGS.items()
        for part in (f"--{name.replace('_', '-')}", str(value))
    ),
]

# Both programs end themselves at a chosen moment by the signal that nothing can catch.
KILLED_BETWEEN_SAVES = """
import os, signal, sys
import flatdiff.training.run
from flatdiff.__main__ import main
train = flatdiff.training.run.train
def killed(*arguments):
    for record in train(*arguments):
        yield record
        if record.step == 7:
            os.kill(os.getpid(), signal.SIGKILL)
flatdiff.training.run.train = killed
sys.exit(main())
"""
KILLED_INSIDE_A_SAVE = """
import os, signal, sys
from flatdiff.__main__ import main
replace, calls = os.replace, []
def killed(*arguments):
    if str(arguments[-1]).endswith("state.safetensors"):
        calls.append(arguments)
    if len(calls) == 3:
        print("torch's compiler:", "torch._dynamo" in sys.modules, flush=True)
        os.kill(os.getpid(), signal.SIGKILL)
    replace(*arguments)
os.replace = killed
sys.exit(main())
"""


def state_contents(path: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Every tensor and every entry of a state file."""
    with safe_open(path, "pt") as file:
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        return tensors, {name: json.loads(text) for name, text in file.metadata().items()}


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """The run that was never killed, of the same recipe as COMMAND."""
    out = tmp_path_factory.mktemp("uninterrupted") / "family"
    run = Run(recipe=make_recipe("digits", "sam", **SETTINGS), out=out, device=CPU)
    finished(run)
    return run


@pytest.mark.skipif(sys.platform == "win32", reason="SIGKILL is POSIX")
@pytest.mark.parametrize(
    ("program", "last_saved"),
    [
        pytest.param(KILLED_BETWEEN_SAVES, 6, id="between saves", marks=pytest.mark.slow),
        pytest.param(KILLED_INSIDE_A_SAVE, 3, id="inside a save"),
    ],
)
def test_killed_and_resumed_run_has_the_bits_of_an_uninterrupted_one(
    program: str, last_saved: int, uninterrupted: Run, tmp_path: Path
) -> None:
    """Compared with a run that knows nothing of saving or resuming, file by file, by SHA-256."""
    out = tmp_path / "family"
    killed = command_line(*COMMAND, "--out", str(out), code=program)
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    state = out / "sam.training" / "state.safetensors"
    assert state_contents(state)[1]["step"] == last_saved
    assert file_digests(out) == {}
    # It takes as long to import as the rest of torch, at the start of every run.
    assert ("torch's compiler: False" in killed.stdout) == (program == KILLED_INSIDE_A_SAVE)
    if last_saved == 6:
        resumed = command_line(*COMMAND, "--out", str(out), "--resume")
        assert resumed.returncode == 0, resumed.stderr
    else:
        assert len(finished(dataclasses.replace(uninterrupted, out=out), resume=True)) == 9
    assert file_digests(out) == file_digests(uninterrupted.out)
    assert set(file_digests(out)) == {"sam", "sam-ema", "sam-swa"}
    tensors, entries = state_contents(state)
    expected_tensors, expected_entries = state_contents(uninterrupted.state_file)
    assert entries == expected_entries
    assert len(entries["history"]["pending"]) == 12
    assert tensors.keys() == expected_tensors.keys()
    assert all(torch.equal(tensors[name], expected_tensors[name]) for name in tensors)


def test_cards_of_a_run_say_what_happened(uninterrupted: Run) -> None:
    """Counts by hand: models after steps 4, 6, 8, 10 and 12; digests by hashlib."""
    cards = list(list_cards(uninterrupted.out.parent))
    assert all(isinstance(card, Card) for card in cards)
    by_name = {card.name: card for card in cards if isinstance(card, Card)}
    assert list(by_name) == ["sam", "sam-ema", "sam-swa"]
    assert [card.num_averaged for card in by_name.values()] == [None, None, 5]
    assert {name: card.digest for name, card in by_name.items()} == file_digests(uninterrupted.out)
    weights = load_file(uninterrupted.out / "sam" / "weights.safetensors")
    sizes = [tensor.numel() for tensor in weights.values()]
    for card in by_name.values():
        assert card.num_parameters == sum(sizes)
        assert card.recipe == uninterrupted.recipe
        assert (card.step, card.dataset, card.environment["num_threads"]) == (12, "digits", "1")


def test_loaded_checkpoint_computes_what_the_trained_network_did(uninterrupted: Run) -> None:
    """Two roads to the network, through the state and through the checkpoint: equal bits."""
    state = new_state(uninterrupted.recipe, CPU)
    load_state(uninterrupted, state)
    x, t = gaussian(2, 1, 8, 8), torch.tensor([10, 500])
    outputs = []
    for card in list_cards(uninterrupted.out.parent):
        assert isinstance(card, Card)
        model = load_model(uninterrupted.out.parent, card, CPU)
        outputs.append(model(x, t))
        assert torch.equal(outputs[-1], weights_of(state)[card.weights].eval()(x, t))
    assert not any(torch.equal(outputs[i], outputs[i - 1]) for i in range(3))
