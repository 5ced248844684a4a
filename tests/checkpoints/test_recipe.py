"""Recipes: bounds by name, presets against the paper, JSON there and back."""

import dataclasses
import json
from typing import Any

import pytest

from flatdiff.checkpoints.averages import METHODS, WEIGHT_KINDS, method_name
from flatdiff.checkpoints.recipe import PRESETS, Recipe, make_recipe
from flatdiff.errors import SettingsError
from flatdiff.settings import digest
from tests.tiny import tiny_recipe


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("method", "sgd"),
        ("steps", 0),
        ("steps", 1.5),
        ("batch_size", 0),
        ("batch_size", -1),
        ("batch_size", "8"),
        ("learning_rate", 0),
        ("learning_rate", float("nan")),
        ("learning_rate", float("inf")),
        ("seed", -1),
        ("seed", 0.5),
        ("sam_rho", 0.0),
        ("sam_rho", -0.1),
        ("input_perturbation", -0.1),
        ("input_perturbation", float("inf")),
        ("ema_decay", 1),
        ("ema_decay", -0.1),
        ("ema_decay", float("nan")),
        ("swa_start_step", 0),
        ("swa_start_step", 13),
        ("swa_every_steps", 0),
        ("precision", "float16"),
        ("sam_shards", 0),
        ("timestep_sampler", "importance"),
    ],
)
def test_out_of_range_is_refused_by_name(name: str, value: object) -> None:
    """The table is written by hand; the sentence must name the setting and repeat the value."""
    with pytest.raises(SettingsError) as caught:
        dataclasses.replace(tiny_recipe(), **{name: value})
    assert str(caught.value).startswith(name)
    assert repr(value) in str(caught.value)


@pytest.mark.parametrize(
    ("name", "value"),
    [("input_perturbation", 0), ("ema_decay", 0), ("swa_start_step", 12), ("seed", 2**70)],
)
def test_the_bound_itself_is_allowed(name: str, value: object) -> None:
    """Off by one in the other direction: the last value inside."""
    assert getattr(dataclasses.replace(tiny_recipe(), **{name: value}), name) == value


@pytest.mark.parametrize("preset", list(PRESETS))
@pytest.mark.parametrize("method", ["adm", "ip", "sam"])
def test_json_round_trip(preset: str, method: Any) -> None:
    """Through real JSON text; the digest must not see the journey either."""
    recipe = make_recipe(preset, method, seed=3, learning_rate=1 / 3)
    back = Recipe.from_json(json.loads(json.dumps(recipe.to_json())))
    assert back == recipe
    assert digest(back) == digest(recipe)


@pytest.mark.parametrize(
    ("values", "word"),
    [({"surprise": 1}, "surprise"), ({"steps": 0}, "steps"), ({"steps": None}, "steps")],
)
def test_json_with_a_wrong_entry_is_refused(values: dict[str, object], word: str) -> None:
    """One entry changed in an otherwise whole recipe."""
    with pytest.raises(SettingsError, match=word):
        Recipe.from_json({**tiny_recipe().to_json(), **values})


@pytest.mark.parametrize("name", ["method", "flags", "dataset"])
def test_json_without_an_entry_is_refused(name: str) -> None:
    """What decides the weights has no default to fall back on."""
    values = tiny_recipe().to_json()
    del values[name]
    with pytest.raises(SettingsError, match=name):
        Recipe.from_json(values)


@pytest.mark.parametrize("preset", ["cifar10", "lsun_tower", "ffhq64"])
def test_preset_is_the_papers_run(preset: str) -> None:
    """Sec. 4.1 of the paper, number by number."""
    recipe = make_recipe(preset, "sam")
    assert (recipe.steps, recipe.batch_size, recipe.learning_rate) == (200_000, 128, 1e-4)
    assert (recipe.ema_decay, recipe.input_perturbation) == (0.9999, 0.1)
    assert (recipe.swa_start_step, recipe.swa_every_steps) == (180_000, 100)


@pytest.mark.parametrize(
    ("steps", "start"), [(1, 1), (2, 1), (10, 9), (12, 10), (200_000, 180_000)]
)
def test_shorter_run_averages_its_last_tenth(steps: int, start: int) -> None:
    """By hand: nine tenths, rounded down, at least step 1."""
    assert make_recipe("digits", "adm", steps=steps).swa_start_step == start
    assert make_recipe("digits", "adm", steps=steps, swa_start_step=1).swa_start_step == 1


def test_none_leaves_the_presets_value() -> None:
    """The command line passes None for every flag that was not given."""
    assert make_recipe("digits", "ip", steps=None, seed=None) == make_recipe("digits", "ip")


def test_unknown_preset_lists_the_known_ones() -> None:
    """A preset that does not exist has no defaults."""
    with pytest.raises(SettingsError, match="digits, cifar10"):
        make_recipe("imagenet", "adm")


def test_three_runs_give_the_nine_methods() -> None:
    """Table 2: every base method with every kind of weights, none twice, none left out."""
    names = [method_name(base, kind) for base in ("adm", "ip", "sam") for kind in WEIGHT_KINDS]
    assert names == list(METHODS)


def test_every_setting_changes_the_digest() -> None:
    """Two recipes that train other weights must never share a key."""
    base = tiny_recipe()
    changes: dict[str, object] = {
        "method": "ip",
        "steps": 13,
        "batch_size": 9,
        "learning_rate": 2e-4,
        "seed": 1,
        "sam_rho": 0.2,
        "input_perturbation": 0.2,
        "ema_decay": 0.5,
        "swa_start_step": 3,
        "swa_every_steps": 7,
        "random_flip": True,
        "precision": "bfloat16",
        "sam_shards": 2,
        "timestep_sampler": "loss-second-moment",
        "dataset": "cifar10",
        "preset": "x",
        "flags": dataclasses.replace(base.flags, dropout=0.3),
    }
    assert set(changes) == {field.name for field in dataclasses.fields(Recipe)}
    digests = {digest(dataclasses.replace(base, **{n: v})) for n, v in changes.items()}
    assert len(digests | {digest(base)}) == len(changes) + 1
