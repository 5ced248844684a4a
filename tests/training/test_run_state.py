"""A training state that was tampered with, and gradients that are no numbers."""

from pathlib import Path

import pytest
import torch

from flatdiff.errors import TrainingError
from flatdiff.images.image_set import load_images
from flatdiff.training.loop import new_state, train
from flatdiff.training.run import Run, execute
from tests.tiny import CPU, tiny_recipe


def finished_run(out: Path) -> Run:
    """Three steps, saved."""
    run = Run(recipe=tiny_recipe(steps=3), out=out / "digits", device=CPU, save_every_steps=1)
    list(execute(run, resume=False))
    return run


@pytest.mark.parametrize("position", [0.3, 0.6, 0.99])
def test_one_flipped_bit_is_refused(tmp_path: Path, position: float) -> None:
    """The file stays a well-formed safetensors file; only a digest of its content can tell."""
    run = finished_run(tmp_path)
    content = bytearray(run.state_file.read_bytes())
    content[int(position * len(content))] ^= 1
    run.state_file.write_bytes(content)
    with pytest.raises(TrainingError, match="damaged"):
        list(execute(run, resume=True))


def test_another_step_in_a_whole_file_is_refused(tmp_path: Path) -> None:
    """One bit makes a 2 of a 3: what counts the steps is under the digest, too."""
    run = finished_run(tmp_path)
    content = run.state_file.read_bytes()
    assert content.count(b'"step":"3"') == 1
    run.state_file.write_bytes(content.replace(b'"step":"3"', b'"step":"2"'))
    with pytest.raises(TrainingError, match="damaged"):
        list(execute(run, resume=True))


def test_half_written_states_are_cleared_away(tmp_path: Path) -> None:
    """A save that was killed leaves its temporary file; the next start removes it."""
    run = finished_run(tmp_path)
    litter = run.state_file.with_name(".state.safetensors.abc123")
    litter.write_bytes(b"half")
    list(execute(run, resume=True))
    assert not litter.exists()


def test_gradient_that_is_no_number_never_reaches_the_weights() -> None:
    """A hook makes the gradient NaN while the loss stays finite, so the loss cannot tell."""
    recipe = tiny_recipe(steps=2)
    state = new_state(recipe, CPU)
    before = [parameter.clone() for parameter in state.model.parameters()]
    bias = state.model.get_parameter("out.2.bias")
    bias.register_hook(lambda gradient: gradient * torch.nan)
    with pytest.raises(TrainingError, match="gradient became nan at step 1"):
        next(train(state, recipe, load_images("digits", "train", 8, 1)))
    for parameter, copy in zip(state.model.parameters(), before, strict=True):
        assert torch.equal(parameter, copy)
