"""The form of the Train page: what is chosen reaches the run, and what is impossible is said."""

import shlex
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import tyro
from streamlit.testing.v1 import AppTest

from flatdiff.checkpoints.recipe import BaseMethod
from flatdiff.commands.train import TrainOptions
from flatdiff.training.run_options import RunOptions
from tests.images.test_image_files import paint
from tests.pages.test_pages import opened, texts
from tests.pages.test_train import PAGE, press

USUAL = 200  # steps between evaluations of the digits: 3 steps' worth each, in 12,000


def chosen_methods(shown: AppTest, *methods: BaseMethod) -> AppTest:
    """These and no others."""
    return shown.pills(key="methods").set_value(list(methods)).run()


def test_every_setting_reaches_the_run(root: Path, started: list[RunOptions]) -> None:
    """Typed in by a person; the recipe must have it all."""
    shown = chosen_methods(opened(PAGE), "adm", "ip", "sam")
    typed: dict[str, Any] = {
        "steps": 400,
        "batch": 16,
        "lr": 2e-4,
        "sam_rho": 0.05,
        "input_perturbation": 0.2,
        "ema": 0.99,
        "swa_start": 300,
        "swa_every": 10,
        "run_seed": 5,
        "save": 50,
        "keep": 100,
        "eval": 40,
        "threads": 2,
    }
    for key, value in typed.items():
        shown.number_input(key=key).set_value(value)
    shown.text_input(key="name").set_value("other")
    shown.run()
    press(shown, "Start")
    options, ip, sam = started
    recipe = options.recipe()
    assert options.out == root / "other"
    assert [recipe.steps, recipe.batch_size, recipe.learning_rate] == [400, 16, 2e-4]
    assert recipe.ema_decay == 0.99
    assert [sam.recipe().sam_rho, ip.recipe().input_perturbation] == [0.05, 0.2]
    assert {options.sam_rho, ip.sam_rho, sam.input_perturbation} == {None}, "of the others"
    assert [recipe.swa_start_step, recipe.swa_every_steps, recipe.seed] == [300, 10, 5]
    assert {options.eval_every_steps, ip.eval_every_steps, sam.eval_every_steps} == {40}
    assert [options.save_every_steps, options.keep_every_steps, options.num_threads] == [
        50,
        100,
        2,
    ]


def test_advanced_settings_reach_the_run(root: Path, started: list[RunOptions]) -> None:
    """Against options that are written here; a card's command has what was changed alone."""
    shown = chosen_methods(opened(PAGE), "sam")
    shown.number_input(key="sam_shards").set_value(2)
    shown.number_input(key="accumulate").set_value(4)
    shown.selectbox(key="timestep_sampler").set_value("loss-second-moment")
    shown.selectbox(key="train_precision").set_value("bfloat16")
    switches = ("recompute_activations", "channels_last", "fused_adam", "compile_network")
    for key in switches:
        shown.toggle(key=key).set_value(True)
    press(shown.run(), "Start")
    assert started == [
        RunOptions(
            out=root / "mine",
            method="sam",
            seed=0,
            num_threads=1,
            sam_shards=2,
            accumulate=4,
            timestep_sampler="loss-second-moment",
            precision="bfloat16",
            eval_every_steps=USUAL,
            **dict.fromkeys(switches, True),
        )
    ]


def test_untouched_advanced_settings_change_nothing(root: Path, started: list[RunOptions]) -> None:
    """The defaults are those of the command line, whose own record says them.

    But for evaluations, which this page shows: they stand in its command, and can be left out.
    """
    shown = opened(PAGE)
    assert f"evaluated every {USUAL} steps, which takes about 1" in texts(shown)
    press(shown, "Start")
    plain = [
        RunOptions(out=root / "mine", method=method, seed=0, num_threads=1)
        for method in ("adm", "sam")
    ]
    assert started == [replace(options, eval_every_steps=USUAL) for options in plain]
    started.clear()
    shown = opened(PAGE)
    shown.toggle(key="evaluate").set_value(False).run()
    assert "evaluated every" not in texts(shown)
    press(shown, "Start")
    assert started == plain


def test_a_run_too_short_for_evaluations_has_none(root: Path, started: list[RunOptions]) -> None:
    """One would take as long as all of its steps; who wants one all the same says so."""
    shown = chosen_methods(opened(PAGE), "adm")
    shown.number_input(key="steps").set_value(20)
    shown.number_input(key="swa_start").set_value(10)
    shown.number_input(key="batch").set_value(2)
    shown.run()
    assert shown.number_input(key="eval").placeholder == "never"
    press(shown, "Start")
    shown.number_input(key="eval").set_value(10).run()
    press(shown, "Start")
    assert [options.eval_every_steps for options in started] == [None, 10]


def test_what_a_method_lacks_cannot_be_set(root: Path, started: list[RunOptions]) -> None:
    """With the reason in the empty box; a value that was typed before goes nowhere."""
    shown = opened(PAGE)
    shown.number_input(key="sam_shards").set_value(4)
    chosen_methods(shown, "ip")
    for key in ("sam_shards", "sam_rho"):
        box = shown.number_input(key=key)
        assert box.disabled
        assert (box.placeholder, "with +SAM only" in box.help) == ("with +SAM only", True)
    assert not shown.number_input(key="input_perturbation").disabled
    press(shown, "Start")
    assert [options.sam_shards for options in started] == [None]


def test_the_same_in_a_terminal(root: Path) -> None:
    """Read back by the command line itself; several processes keep the one shard of SAM."""
    shown = opened(PAGE)
    shown.toggle(key="channels_last").set_value(True).run()
    alone, together = (code.value.splitlines() for code in shown.code)
    assert len(alone) == len(together) == 2
    for line in alone:
        read = tyro.cli(TrainOptions, args=shlex.split(line)[4:])
        assert (read.out, read.channels_last) == (root / "mine", True)
    assert together[0].startswith("torchrun --nproc-per-node 2 -m flatdiff train ")
    sam = tyro.cli(TrainOptions, args=shlex.split(together[1])[6:])
    assert sam.recipe(processes=2).sam_shards == 1
    shown.number_input(key="batch").set_value(5).run()
    assert len(shown.code) == 1
    assert "Not on 2 GPUs: batch" in texts(shown)


@pytest.mark.parametrize(
    ("key", "value", "sentence"),
    [
        ("sam_shards", 3, "batch_size must be a multiple of 3"),
        ("accumulate", 7, "batch_size must be a multiple of 7"),
        ("name", "../../etc", "cannot be a name"),
        ("name", "", "cannot be a name"),
        ("name", "<b>x</b>", "cannot be a name"),
        ("swa_start", 99_999, "must be in \\[1, 12000\\]"),
        ("ema", 1.5, "must be in \\[0, 1\\)"),
        ("lr", 0.0, "must be finite and above 0"),
    ],
)
def test_bad_input_is_a_sentence_and_nothing_starts(
    key: str, value: Any, sentence: str, root: Path
) -> None:
    """Start cannot be pressed; the page goes on."""
    shown = chosen_methods(opened(PAGE), "sam")
    kind = shown.text_input if key == "name" else shown.number_input
    kind(key=key).set_value(value)
    shown.run()
    assert not shown.exception
    assert sentence.replace("\\", "") in texts(shown).replace("\\", "")
    assert next(b for b in shown.button if b.label == "Start").disabled
    assert list(root.iterdir()) == []


def test_own_images_and_an_own_network(
    root: Path, started: list[RunOptions], tmp_path: Path
) -> None:
    """What lies there is said before Start; a wrong place or flag is said, and nothing starts."""
    paint(tmp_path / "images", 60)
    shown = chosen_methods(opened(PAGE), "adm")
    shown.text_input(key="images").set_value(f"{tmp_path}/nowhere").run()
    assert "there is no such file" in texts(shown)
    assert shown.button(key="start_runs").disabled
    shown.text_input(key="images").set_value(f"'{tmp_path}/images/'").run()
    assert "60 images" in texts(shown)
    shown.text_input(key="flags").set_value("--num_chanels 64").run()
    assert "did you mean" in texts(shown)
    shown.text_input(key="flags").set_value("--num_channels 64").run()
    press(shown, "Start")
    (options,) = started
    assert options.dataset == f"folder:{tmp_path}/images"
    assert options.recipe().flags.num_channels == 64
