"""Runs that go on for longer, or with images that lie elsewhere: against uninterrupted ones."""

import dataclasses
import shutil
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from flatdiff.checkpoints.card import read_card
from flatdiff.errors import TrainingError
from flatdiff.training.run import Run, execute
from tests.images.test_image_files import paint
from tests.tiny import CPU, file_digests, finished, tiny_recipe


def run_of(out: Path, **changes: Any) -> Run:
    """A run of the tiny network that saves every 3 steps."""
    return Run(recipe=tiny_recipe(**changes), out=out, device=CPU, save_every_steps=3)


@pytest.mark.parametrize("swa_start_step", [10, 15])
def test_more_steps_go_on_as_if_they_had_been_meant(swa_start_step: int, tmp_path: Path) -> None:
    """Against a run that was begun for all of them; SWA goes on, or begins after the old end."""
    more: dict[str, int] = {"steps": 18, "swa_start_step": swa_start_step, "swa_every_steps": 1}
    whole = run_of(tmp_path / "whole", **more)
    finished(whole)
    short = run_of(tmp_path / "short", steps=12, swa_start_step=10, swa_every_steps=1)
    finished(short)
    longer = dataclasses.replace(short, recipe=whole.recipe)
    assert len(finished(longer, resume=True)) == 6
    assert file_digests(longer.out) == file_digests(whole.out)
    swa = [read_card(tmp_path, f"{name}/adm-swa").num_averaged for name in ("whole", "short")]
    assert swa[0] == swa[1]


def test_more_steps_with_another_average_are_refused_by_name(tmp_path: Path) -> None:
    """What SWA holds by step 12 is not what it would have held."""
    run = run_of(tmp_path / "family", swa_start_step=10, swa_every_steps=1)
    finished(run)
    other = dataclasses.replace(run.recipe, steps=18, swa_start_step=11)
    with pytest.raises(TrainingError, match="swa_start_step: saved 10, now 11"):
        finished(dataclasses.replace(run, recipe=other), resume=True)


@pytest.fixture
def on_a_folder(tmp_path: Path) -> Run:
    """A run that stopped after four steps on images of a folder."""
    paint(tmp_path / "images", 60)
    run = run_of(tmp_path / "family", dataset=f"folder:{tmp_path}/images")
    for record in execute(run, resume=False):
        if record.step == 4:
            break
    return run


def test_images_that_moved_are_the_same(on_a_folder: Run, tmp_path: Path) -> None:
    """Copied with new times, and moved: the run goes on, and its card names the new place."""
    shutil.copytree(tmp_path / "images", tmp_path / "new", copy_function=shutil.copyfile)
    shutil.rmtree(tmp_path / "images")
    recipe = dataclasses.replace(on_a_folder.recipe, dataset=f"folder:{tmp_path}/new")
    finished(dataclasses.replace(on_a_folder, recipe=recipe), resume=True)
    card = read_card(tmp_path, "family/adm")
    assert card.dataset == f"folder:{tmp_path}/new"
    assert len(card.environment["images"]) == 64


def test_other_images_in_the_same_place_are_refused(on_a_folder: Run, tmp_path: Path) -> None:
    """One more of them is enough."""
    for i in range(20):  # some of them to train on
        Image.new("L", (8, 8), 200).save(tmp_path / "images" / f"more{i}.png")
    with pytest.raises(TrainingError, match="are others than those that it was trained on"):
        finished(on_a_folder, resume=True)
