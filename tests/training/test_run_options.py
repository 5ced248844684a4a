"""Options of a run: as flags, as a file, as a recipe, always the same."""

from dataclasses import replace
from pathlib import Path

import pytest
import tyro

from flatdiff.__main__ import _joined
from flatdiff.checkpoints.recipe import make_recipe
from flatdiff.commands.train import TrainOptions
from flatdiff.errors import SettingsError
from flatdiff.training.execution import Execution
from flatdiff.training.run_options import RunOptions

CHANGED = RunOptions(
    out=Path("checkpoints/mine"),
    method="sam",
    steps=100,
    seed=3,
    batch_size=4,
    learning_rate=2.5e-4,
    sam_rho=0.05,
    ema_decay=0.99,
    swa_start_step=50,
    num_threads=1,
    save_every_steps=7,
    keep_every_steps=20,
    eval_every_steps=10,
    sam_shards=2,
    timestep_sampler="loss-second-moment",
    accumulate=2,
    recompute_activations=True,
    channels_last=True,
    flags="--num_channels 64 --dropout 0.2",
)


@pytest.mark.parametrize("options", [RunOptions(out=Path("a b")), CHANGED])
def test_flags_are_read_back_by_the_command_line(options: RunOptions) -> None:
    """What we write is parsed by tyro."""
    read = tyro.cli(TrainOptions, args=_joined([*options.arguments(), "--resume"]))
    assert read.resume
    for name in RunOptions.__dataclass_fields__:
        assert getattr(read, name) == getattr(options, name)


def test_command_names_only_what_was_changed() -> None:
    """As the shipped cards have it; a blank in a name is quoted."""
    options = RunOptions(out=Path("my runs/a"), method="sam", num_threads=1)
    assert options.command("--resume") == (
        "flatdiff train --preset digits --method sam --out 'my runs/a' --num-threads 1 --resume"
    )


def test_file_keeps_everything_but_the_folder() -> None:
    """The folder is wherever the file is by then."""
    moved = RunOptions.from_json(CHANGED.to_json(), Path("elsewhere"))
    assert moved.out == Path("elsewhere")
    assert moved.recipe() == CHANGED.recipe()
    assert moved.arguments()[6:] == CHANGED.arguments()[6:]


def test_recipe_is_the_presets_with_the_changes() -> None:
    """Against `make_recipe`; auto is what the device has."""
    recipe = replace(CHANGED, flags="").recipe("bfloat16")
    assert recipe == make_recipe(
        "digits",
        "sam",
        steps=100,
        seed=3,
        batch_size=4,
        learning_rate=2.5e-4,
        sam_rho=0.05,
        ema_decay=0.99,
        swa_start_step=50,
        precision="bfloat16",
        sam_shards=2,
        timestep_sampler="loss-second-moment",
    )
    assert CHANGED.execution() == Execution(
        accumulate=2, recompute_activations=True, channels_last=True
    )


def test_sam_climbs_once_a_process_unless_it_is_said() -> None:
    """Only SAM climbs; what is said counts, whatever the number of processes."""
    sam = RunOptions(out=Path("x"), method="sam")
    assert [sam.recipe(processes=n).sam_shards for n in (1, 4)] == [1, 4]
    assert CHANGED.recipe(processes=4).sam_shards == 2
    assert RunOptions(out=Path("x"), method="adm").recipe(processes=4).sam_shards == 1
    assert sam.command(processes=4).startswith("torchrun --nproc-per-node 4 -m flatdiff train")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "7",
        '{"steps": "many"}',
        '{"steps": -1}',
        '{"preset": "nothing"}',
        '{"preset": []}',
        '{"unknown": 1}',
        '{"method": ["adm"]}',
        '{"save_every_steps": 0}',
        '{"save_every_steps": "x"}',
        '{"seed": 1.5}',
    ],
)
def test_damaged_file_is_a_sentence(text: str) -> None:
    """So that whoever lists runs can pass it over."""
    with pytest.raises(SettingsError, match=" "):
        RunOptions.from_json(text, Path("x"))


@pytest.mark.parametrize(
    "name",
    ["save_every_steps", "keep_every_steps", "eval_every_steps", "num_threads", "accumulate"],
)
def test_zero_is_refused_by_name(name: str) -> None:
    """Before a process starts."""
    changes = {name: 0}
    with pytest.raises(SettingsError, match=f"{name} must be an integer of at least 1; got 0"):
        RunOptions(out=Path("x"), **changes)  # pyright: ignore[reportArgumentType]


def test_flags_are_another_network() -> None:
    """What they leave out is the preset's; classes are those of the images."""
    plain = RunOptions(out=Path("x"))
    flags = "python scripts/image_train.py --num_channels 64 --channel_mult 1,2,2 --lr 1e-4"
    recipe = replace(plain, flags=flags).recipe()
    assert recipe.flags == replace(plain.recipe().flags, num_channels=64, channel_mult="1,2,2")
    conditional = replace(plain, flags="--class_cond True").recipe()
    assert conditional.flags == replace(plain.recipe().flags, num_classes=10)


def test_classes_are_those_of_the_images(tmp_path: Path) -> None:
    """Three by their names; none where there are none."""
    for folder, letters in (("sorted", "abc"), ("unsorted", "aaa")):
        (tmp_path / folder).mkdir()
        for i in range(12):
            (tmp_path / folder / f"{letters[i % 3]}_{i}.png").touch()
    place = f"folder:{tmp_path}"
    options = RunOptions(out=Path("x"), flags="--class_cond True", dataset=f"{place}/sorted")
    assert options.recipe().flags.num_classes == 3
    with pytest.raises(SettingsError, match="class_cond must be images of classes"):
        replace(options, dataset=f"{place}/unsorted").recipe()


def test_a_misspelt_flag_is_said() -> None:
    """Before a run begins."""
    with pytest.raises(SettingsError, match="did you mean --num_channels"):
        RunOptions(out=Path("x"), flags="--num_chanels 64").recipe()
