"""What a run will cost: rules of three, by hand."""

from pathlib import Path

import pytest

from flatdiff.checkpoints.recipe import make_recipe
from flatdiff.training.run_cost import RunCost, cost
from flatdiff.training.run_folder import RunFolder, TrainingRun
from flatdiff.training.run_history import HistoryRow, RunHistory
from flatdiff.training.run_options import RunOptions


def run(rate: float, **options: object) -> TrainingRun:
    """A finished run with so many steps a second."""
    rows = (HistoryRow(11, 10, 1.0, 1.0, 1.0, 10 / rate),)
    chosen = RunOptions(out=Path("x"), **options)  # pyright: ignore[reportArgumentType]
    return TrainingRun(RunFolder(Path("x")), chosen, "done", "", RunHistory(rows, "done"), None)


def test_sam_takes_two_gradients_a_step() -> None:
    """ADM did 5 steps a second, so SAM does 2.5; or SAM itself has shown it."""
    recipe = make_recipe("digits", "sam", steps=100, batch_size=128)
    assert cost(recipe, [run(5.0, batch_size=128)], None) == RunCost(pytest.approx(40), True)  # pyright: ignore[reportArgumentType]
    assert cost(recipe, [run(2.5, batch_size=128, method="sam")], 1.0) == RunCost(
        pytest.approx(40),  # pyright: ignore[reportArgumentType]
        True,
    )


def test_latest_run_of_the_same_network_counts() -> None:
    """One of another network or batch says nothing, nor one that never got anywhere."""
    recipe = make_recipe("digits", "adm", steps=100)
    idle = TrainingRun(RunFolder(Path("x")), None, "stopped", "", RunHistory(), None)
    found = cost(
        recipe,
        [idle, run(50.0, preset="cifar10"), run(9.0, batch_size=8), run(4.0), run(8.0)],
        None,
    )
    assert found == RunCost(pytest.approx(25), True)  # pyright: ignore[reportArgumentType]


def test_forward_pass_stands_in() -> None:
    """A gradient is three of them; nothing at all is known without."""
    recipe = make_recipe("digits", "ip", steps=10, batch_size=5)
    assert cost(recipe, [], 0.01) == RunCost(pytest.approx(1.5), False)  # pyright: ignore[reportArgumentType]
    assert cost(recipe, [], None) is None
