"""Sweeps: what they consist of, that they are stopped and go on, and what is refused."""

import itertools
from dataclasses import replace
from pathlib import Path

import pytest

from flatdiff.checkpoints.card import Card, list_cards
from flatdiff.errors import FlatdiffError, SettingsError, TrainingError
from flatdiff.paper.family import family_cards
from flatdiff.settings import canonical_json
from flatdiff.training.run_options import RunOptions
from flatdiff.training.sweep import (
    FILE,
    Sweep,
    conduct,
    go_on,
    keep,
    list_sweeps,
    look,
    read_sweep,
    take_sweep,
)


def common(root: Path, steps: int = 3) -> RunOptions:
    """Of runs of a second each."""
    return RunOptions(
        out=root / "mine", steps=steps, batch_size=2, num_threads=1, save_every_steps=1
    )


def test_seeds_come_one_after_the_other_each_with_every_strength(tmp_path: Path) -> None:
    """So that whenever it stops, what is there can be paired."""
    options = common(tmp_path)
    sweep = Sweep(common=options, methods=("adm", "sam"), rhos=(0.01, 0.1), seeds=(0, 3))
    runs = sweep.runs()
    assert [run.run_name for run in runs] == [
        *("adm-s0", "sam0.01-s0", "sam0.1-s0"),
        *("adm-s3", "sam0.01-s3", "sam0.1-s3"),
    ]
    recipes = [run.recipe() for run in runs]
    assert [(r.method, r.seed, r.sam_rho) for r in recipes[4:]] == [
        ("sam", 3, 0.01),
        ("sam", 3, 0.1),
    ]
    assert all(recipe.steps == 3 and recipe.batch_size == 2 for recipe in recipes)
    without = Sweep(common=options, methods=("ip",), seeds=(1,)).runs()
    assert [run.run_name for run in without] == ["ip-s1"]


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"methods": ()}, "at least one of adm, ip, sam"),
        ({"seeds": ()}, "at least one"),
        ({"seeds": (1, 1)}, "values that differ"),
        ({"rhos": (0.1,)}, "left out where sam is not among"),
        ({"methods": ("sam",), "rhos": (-1.0,)}, "rho"),
    ],
)
def test_what_cannot_be_is_refused_before_anything_begins(
    tmp_path: Path, changes: dict, expected: str
) -> None:
    with pytest.raises(SettingsError, match=expected):
        Sweep(**{"common": common(tmp_path), "methods": ("adm",), **changes})


def test_it_is_kept_in_its_family_and_may_only_grow(tmp_path: Path) -> None:
    """Read back as it was; of other common options it is another sweep."""
    sweep = Sweep(common=common(tmp_path), methods=("adm",), seeds=(0,))
    keep(sweep)
    assert read_sweep(tmp_path / "mine") == sweep
    more = Sweep(common=common(tmp_path), methods=("adm",), seeds=(0, 1))
    keep(more)
    assert list(list_sweeps(tmp_path)) == [(more, False)]
    with pytest.raises(TrainingError, match="another sweep"):
        keep(Sweep(common=common(tmp_path, steps=4), methods=("adm",)))
    with take_sweep(tmp_path / "mine"), pytest.raises(TrainingError, match="another process"):
        take_sweep(tmp_path / "mine")


@pytest.mark.parametrize("text", ["", "[]", "{}", canonical_json({"common": 3}), "\ud800"])
def test_a_damaged_file_is_no_sweep(tmp_path: Path, text: str) -> None:
    """And takes no page down."""
    folder = tmp_path / "mine"
    folder.mkdir()
    (folder / FILE).write_text(text, "utf-8", "surrogatepass")
    assert read_sweep(folder) is None
    assert list(list_sweeps(tmp_path)) == []


def test_a_guest_continues_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nor is anything started."""
    monkeypatch.setenv("FLATDIFF_READ_ONLY", "1")
    sweep = Sweep(common=common(tmp_path), methods=("adm",), seeds=(0,))
    with pytest.raises(FlatdiffError, match="read"):
        go_on(sweep)


def test_runs_are_stopped_continued_and_named(tmp_path: Path) -> None:
    """Two runs, one at a time: stopped when the first is done, then the same sweep again."""
    options = replace(common(tmp_path), keep_every_steps=2)
    sweep = Sweep(common=options, methods=("adm", "sam"), rhos=(0.01,), seeds=(5,))
    first = list(conduct(sweep, 1, ["cpu"], lambda: look(sweep).done == 1))
    assert max(len(standing.alive) for standing in first) == 1
    assert (first[-1].done, first[-1].alive) == (1, [])
    last = list(conduct(sweep, 2, ["cpu"], lambda: False))[-1]
    assert (last.done, last.num_runs, last.failed) == (2, 2, [])
    cards = {card.id: card for card in list_cards(tmp_path) if isinstance(card, Card)}
    names = [
        f"mine/{run}{kind}"
        for run, kind in itertools.product(("adm-s5", "sam0.01-s5"), ("", "-ema", "-swa"))
    ]
    kept = ["mine/adm-s5-000002", "mine/sam0.01-s5-000002"]
    assert sorted(cards) == sorted([*names, *kept])
    assert sorted(card.id for card in family_cards(tmp_path, "mine")) == sorted(names)
    found = cards["mine/sam0.01-s5-ema"]
    assert (found.method, found.weights, found.title) == ("sam-ema", "ema", "ADM +SAM+EMA")
    assert found.recipe is not None
    assert (found.recipe.seed, found.recipe.sam_rho) == (5, 0.01)
    assert "--name sam0.01-s5" in found.command
