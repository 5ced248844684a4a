"""What a run will cost: rules of three, by hand; the range by runs that are simulated."""

from pathlib import Path

import numpy as np
import pytest

from flatdiff.checkpoints.recipe import make_recipe
from flatdiff.training.run_cost import RunCost, cost
from flatdiff.training.run_folder import RunFolder, TrainingRun
from flatdiff.training.run_history import HistoryRow, RunHistory
from flatdiff.training.run_options import RunOptions


def run(step_s: float | None, rate: float = 1.0, **options: object) -> TrainingRun:
    """A finished run whose steps took so much of a processor, and so many a second on the wall."""
    rows = (HistoryRow(11, 10, 1.0, 1.0, 1.0, 10 / rate),)
    chosen = RunOptions(out=Path("x"), **options)  # pyright: ignore[reportArgumentType]
    history = RunHistory(rows, "done", step_s=step_s)
    return TrainingRun(RunFolder(Path("x")), chosen, "done", "", history, None)


def middle(found: RunCost | None) -> float:
    """Of a cost that is measured."""
    assert found is not None
    assert found.measured
    return found.seconds.middle


def test_sam_takes_two_gradients_a_step() -> None:
    """A step of ADM took 0.2 s, so one of SAM takes 0.4; or SAM itself has shown it."""
    recipe = make_recipe("digits", "sam", steps=100, batch_size=128)
    assert middle(cost(recipe, [run(0.2, batch_size=128)], None)) == pytest.approx(40)
    shown = [run(0.4, batch_size=128, method="sam")]
    assert middle(cost(recipe, shown, 1.0)) == pytest.approx(40)


def test_the_load_does_not_enter_twice() -> None:
    """What ran on a busy machine has told processor seconds: four times as long at a quarter."""
    recipe = make_recipe("digits", "adm", steps=100)
    busy = [run(0.1, rate=0.5)]
    assert middle(cost(recipe, busy, None)) == pytest.approx(10)
    assert middle(cost(recipe, busy, None, share=0.25)) == pytest.approx(40)
    assert middle(cost(recipe, busy, None, num_done=60)) == pytest.approx(4)


def test_runs_of_the_same_network_and_batch_count() -> None:
    """One of another says nothing, nor one that never got anywhere; three are averaged."""
    recipe = make_recipe("digits", "adm", steps=100)
    idle = TrainingRun(RunFolder(Path("x")), None, "stopped", "", RunHistory(), None)
    others = [idle, run(0.02, preset="cifar10"), run(0.1, batch_size=8)]
    assert cost(recipe, others, None) is None
    alike = [run(seconds) for seconds in (0.1, 0.2, 0.4)]
    assert middle(cost(recipe, [*others, *alike], None)) == pytest.approx(20)


def test_what_older_programs_noted_is_less_certain() -> None:
    """Seconds on the wall, of a machine as busy as it was then."""
    recipe = make_recipe("digits", "adm", steps=100)
    old, new = (cost(recipe, [one], None) for one in (run(None, rate=4.0), run(0.25)))
    assert middle(old) == middle(new) == pytest.approx(25)
    assert old is not None
    assert new is not None
    assert old.seconds.high > new.seconds.high


def test_forward_pass_stands_in() -> None:
    """A gradient is three of them; nothing at all is known without."""
    recipe = make_recipe("digits", "ip", steps=10, batch_size=5)
    found = cost(recipe, [], 0.01)
    assert found is not None
    assert not found.measured
    assert found.seconds.middle == pytest.approx(1.5)
    assert cost(recipe, [], None) is None


def test_nine_of_ten_simulated_runs() -> None:
    """Steps scatter by a tenth from run to run, the load by a sixth: within 1.5 and the range."""
    draw = np.random.default_rng(3)
    recipe = make_recipe("digits", "adm", steps=1000)
    near, inside = [], []
    for _ in range(300):
        paces = (0.05 * draw.lognormal(0, 0.1, 6)).tolist()
        share = float(draw.uniform(0.1, 1))
        found = cost(recipe, [run(pace) for pace in paces[:-1]], None, share)
        taken = 1000 * paces[-1] / (share * float(draw.lognormal(0, 0.16)))
        near.append(abs(np.log(taken / middle(found))) <= np.log(1.5))
        assert found is not None
        inside.append(found.seconds.holds(taken))
    assert np.mean(near) >= 0.9
    assert np.mean(inside) >= 0.9
