"""Training runs on disk: resumed, refused, and what they leave behind."""

import dataclasses
import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import safetensors.torch
from torch import nn

from flatdiff.checkpoints.card import BrokenCard, Card, list_cards, read_card
from flatdiff.checkpoints.recipe import BaseMethod, Recipe
from flatdiff.errors import DataError, FlatdiffError, SettingsError, TrainingError
from flatdiff.training import run as module
from flatdiff.training.evaluations import Evaluation, Samples, read_evaluations
from flatdiff.training.execution import Execution
from flatdiff.training.loop import StepRecord, new_state
from flatdiff.training.run import LossHistory, Run, execute, load_state
from flatdiff.training.world import World
from tests.tiny import CPU, TINY, file_digests, finished, tiny_recipe


def tiny_run(out: Path, method: BaseMethod = "adm", **changes: Any) -> Run:
    """A run of the tiny network that saves every 3 steps."""
    return Run(recipe=tiny_recipe(method, **changes), out=out, device=CPU, save_every_steps=3)


def test_finished_run_resumes_to_itself(tmp_path: Path) -> None:
    """Nothing is left to do, so nothing may change."""
    run = tiny_run(tmp_path / "family")
    assert len(finished(run)) == 12
    before = file_digests(run.out)
    assert finished(run, resume=True) == []
    assert file_digests(run.out) == before


@pytest.fixture(scope="module")
def stopped(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A run whose caller stopped listening after step 4; saved at step 3."""
    run = tiny_run(tmp_path_factory.mktemp("stopped") / "family")
    for record in execute(run, resume=False):
        if record.step == 4:
            break
    return run


def changed(recipe: Recipe, name: str, value: object) -> Recipe:
    """A recipe with one setting changed, of the run or of its network."""
    if name.startswith("flags."):
        flags = dataclasses.replace(recipe.flags, **{name.removeprefix("flags."): value})
        return dataclasses.replace(recipe, flags=flags)
    return dataclasses.replace(recipe, **{name: value})


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("learning_rate", 2e-4),
        ("seed", 1),
        ("batch_size", 9),
        ("steps", 11),
        ("ema_decay", 0.5),
        ("swa_every_steps", 7),
        ("precision", "bfloat16"),
        ("flags.dropout", 0.2),
        ("flags.rescale_learned_sigmas", False),
    ],
)
def test_changed_setting_is_refused_by_name(name: str, value: object, stopped: Run) -> None:
    """Each setting in turn; the table must hold it and nothing else."""
    run = dataclasses.replace(stopped, recipe=changed(stopped.recipe, name, value))
    with pytest.raises(TrainingError) as caught:
        finished(run, resume=True)
    rows = str(caught.value).splitlines()[1:]
    assert [row.split(":")[0].strip() for row in rows] == [name]
    assert rows[0].endswith(f"now {value!r}")


def test_changed_environment_is_refused_by_name(
    stopped: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two processes would see other batches; the state says it was one."""
    monkeypatch.setenv("WORLD_SIZE", "2")
    with pytest.raises(TrainingError, match="world_size: saved '1', now '2'"):
        finished(stopped, resume=True)


def test_changed_execution_is_refused_by_name(stopped: Run) -> None:
    """Rounding would differ, and with it every bit."""
    run = dataclasses.replace(stopped, execution=Execution(accumulate=2))
    with pytest.raises(TrainingError, match="accumulate: saved None, now '2'"):
        finished(run, resume=True)


def test_uneven_batch_leaves_no_state_in_the_way(tmp_path: Path) -> None:
    """Eight images in three parts."""
    run = tiny_run(tmp_path / "family")
    with pytest.raises(SettingsError, match="batch_size must be a multiple of 3"):
        finished(dataclasses.replace(run, execution=Execution(accumulate=3)))
    assert not run.state_file.exists()


def without_new_settings(content: bytes) -> bytes:
    """A state as programs wrote it that had neither samplers nor shards, nor a digest of both."""
    tensors = safetensors.torch.load(content)
    size = int.from_bytes(content[:8], "little")
    metadata = json.loads(content[8 : 8 + size])["__metadata__"]
    recipe = json.loads(metadata["recipe"])
    del recipe["timestep_sampler"], recipe["sam_shards"], metadata["sha256"]
    digest = hashlib.sha256(safetensors.torch.save(tensors)).hexdigest()
    metadata["digest"] = json.dumps(digest)
    return safetensors.torch.save(tensors, {**metadata, "recipe": json.dumps(recipe)})


def test_state_of_an_older_program_goes_on(tmp_path: Path) -> None:
    """To the bits of a run that was never stopped."""
    run, whole = tiny_run(tmp_path / "old", "sam"), tiny_run(tmp_path / "whole", "sam")
    for record in execute(run, resume=False):
        if record.step == 6:
            break
    run.state_file.write_bytes(without_new_settings(run.state_file.read_bytes()))
    assert len(finished(run, resume=True)) == 6
    finished(whole)
    assert file_digests(run.out) == file_digests(whole.out)


@pytest.mark.parametrize(
    "execution",
    [
        Execution(channels_last=True, fused_adam=True),
        Execution(accumulate=2, recompute_activations=True),
    ],
    ids=["layout", "parts"],
)
def test_resumed_run_has_the_same_bits_however_it_is_executed(
    execution: Execution, tmp_path: Path
) -> None:
    """With the sampler that learns, warm by the time of the stop: four timesteps, 56 losses."""
    flags = dataclasses.replace(TINY, diffusion_steps=4)
    stopped, whole = (
        dataclasses.replace(
            tiny_run(tmp_path / name, timestep_sampler="loss-second-moment", flags=flags),
            execution=execution,
        )
        for name in ("stopped", "whole")
    )
    seen: list[int] = []
    for resume in (False, True):
        for record in execute(stopped, resume, stop=lambda: len(seen) == 7):
            seen.append(record.step)  # noqa: PERF401  (stop looks at it meanwhile)
    assert seen == list(range(1, 13))
    finished(whole)
    assert file_digests(stopped.out) == file_digests(whole.out)


def test_starting_over_a_state_is_refused(stopped: Run) -> None:
    """The state must be the one of before, byte for byte."""
    before = stopped.state_file.read_bytes()
    with pytest.raises(TrainingError, match="--resume"):
        finished(stopped)
    assert stopped.state_file.read_bytes() == before


def test_nothing_to_resume_is_said(tmp_path: Path) -> None:
    """An empty folder holds no run."""
    with pytest.raises(TrainingError, match="nothing to resume"):
        finished(tiny_run(tmp_path), resume=True)


@pytest.mark.parametrize("kept", [0, 1, 7, 8, 100, 5000, 0.5, -1])
def test_truncated_state_is_refused_in_a_sentence(
    kept: float, stopped: Run, tmp_path: Path
) -> None:
    """Cut in the length, in the header, in the tensors, and one byte short."""
    content = stopped.state_file.read_bytes()
    run = dataclasses.replace(stopped, out=tmp_path / "family")
    run.state_file.parent.mkdir(parents=True)
    run.state_file.write_bytes(content[: int(len(content) * kept) if kept == 0.5 else int(kept)])
    with pytest.raises(TrainingError, match="is damaged and cannot be resumed"):
        finished(run, resume=True)


@pytest.mark.parametrize("content", [b"<!DOCTYPE html>" * 9, b"\0" * 4096, b"\xff" * 4096, None])
def test_what_is_no_state_is_refused_in_a_sentence(content: bytes | None, tmp_path: Path) -> None:
    """A web page, zeros, ones, and a folder in the file's place."""
    run = tiny_run(tmp_path / "family")
    run.state_file.parent.mkdir(parents=True)
    if content is None:
        run.state_file.mkdir()
    else:
        run.state_file.write_bytes(content)
    with pytest.raises(TrainingError, match="is damaged and cannot be resumed"):
        finished(run, resume=True)


def test_loss_that_is_not_finite_names_the_last_good_state(tmp_path: Path) -> None:
    """Step 2 fails with a step of 1e30; what was saved before it can still be read."""
    run = dataclasses.replace(tiny_run(tmp_path / "family"), save_every_steps=1)
    bad = dataclasses.replace(run, recipe=dataclasses.replace(run.recipe, learning_rate=1e30))
    with pytest.raises(TrainingError) as caught:
        finished(bad)
    assert "step 2" in str(caught.value)
    assert f"last good state is step 1 in {bad.state_file}" in str(caught.value)
    state = new_state(bad.recipe, CPU)
    load_state(bad, state)
    assert state.step == 1
    assert file_digests(bad.out) == {}


def test_folder_that_cannot_be_written_fails_before_training(tmp_path: Path) -> None:
    """A file stands where the folder should be; no step may be taken first."""
    (tmp_path / "taken").write_text("a file")
    with pytest.raises(FlatdiffError, match="cannot write"):
        next(execute(tiny_run(tmp_path / "taken" / "family"), resume=False))


def test_absent_dataset_leaves_no_state_in_the_way(tmp_path: Path) -> None:
    """A start that failed must not make the next one ask for --resume."""
    run = tiny_run(tmp_path / "family")
    absent = dataclasses.replace(run.recipe, dataset=f"folder:{tmp_path / 'absent'}")
    with pytest.raises(DataError):
        finished(dataclasses.replace(run, recipe=absent))
    assert not run.state_file.exists()


def test_history_is_the_mean_of_every_hundred() -> None:
    """Losses 1, 2, 3, ..: their means over 1..100 and 101..200 are known to schoolchildren."""
    history = LossHistory()
    for step in range(1, 251):
        history.add(StepRecord(step, float(step), None, None))
    assert history.rows == [[100, 50.5], [200, 150.5]]
    assert history.pending == [float(step) for step in range(201, 251)]


def test_history_survives_its_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Rows every 2 steps, so that a short run has some; the card repeats the state's."""
    monkeypatch.setattr(module, "HISTORY_EVERY_STEPS", 2)
    run = tiny_run(tmp_path / "family", "ip")
    losses = [record.loss for record in finished(run)]
    expected = [[k + 2, sum(losses[k : k + 2]) / 2] for k in range(0, 12, 2)]
    assert load_state(run, new_state(run.recipe, CPU)).rows == expected
    for card in list_cards(run.out.parent):
        assert not isinstance(card, BrokenCard)
        assert card.loss_history == expected


def test_the_first_of_several_processes_evaluates(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After steps 5 and 10; one that does not lead is not even asked."""
    asked: list[tuple[int, str]] = []

    def evaluate(card: Card, _model: nn.Module) -> tuple[Evaluation, Samples]:
        asked.append((card.step, card.id))
        return Evaluation(card.step, 2.0, 0.5, 1.0), np.zeros((0, 1, 1, 1), np.uint8)

    for name in ("rank0", "rank1"):
        monkeypatch.setattr(World, "leads", name == "rank0")
        run = tiny_run(tmp_path / name)
        finished(dataclasses.replace(run, eval_every_steps=5, evaluate=evaluate))
    assert asked == [(5, "rank0/adm"), (10, "rank0/adm")]
    found = read_evaluations(tmp_path / "rank0" / "adm.training" / "evaluations")
    assert [(e.step, e.lpf) for e in found] == [(5, 2.0), (10, 2.0)]
    assert all(e.seconds >= 0 for e in found)
    assert not (tmp_path / "rank1").exists()


def test_kept_states_are_checkpoints_of_their_own(tmp_path: Path) -> None:
    """After steps 4, 8 and 12, the last equal to the end; keeping them moves no final bit."""
    kept = Run(recipe=tiny_recipe(), out=tmp_path / "kept", device=CPU, keep_every_steps=4)
    finished(kept)
    digests = file_digests(kept.out)
    assert set(digests) == {"adm", "adm-ema", "adm-swa", "adm-000004", "adm-000008", "adm-000012"}
    assert digests["adm-000012"] == digests["adm"]
    card = read_card(tmp_path, "kept/adm-000008")
    assert (card.step, card.method, card.weights, card.recipe) == (8, "adm", "raw", kept.recipe)
    plain = Run(recipe=tiny_recipe(), out=tmp_path / "plain", device=CPU)
    finished(plain)
    assert file_digests(plain.out) == {name: digests[name] for name in file_digests(plain.out)}
