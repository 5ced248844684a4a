"""Evaluations on disk: read back as they were written, whatever else lies beside them."""

from pathlib import Path

import numpy as np
import pytest

from flatdiff.system.arrays import encode_arrays
from flatdiff.training.evaluations import (
    Evaluation,
    drop_after,
    read_evaluations,
    read_samples,
    share_of_time,
    write_evaluation,
)
from flatdiff.training.run_history import HistoryRow, RunHistory

SAMPLES = np.arange(2 * 4 * 4, dtype=np.uint8).reshape(2, 4, 4, 1)


def evaluation(step: int, seconds: float = 1.5) -> Evaluation:
    """One whose numbers tell its step."""
    return Evaluation(step, 0.5 + step, 0.25, 0.125 + step, seconds)


def written(folder: Path, *steps: int) -> list[Evaluation]:
    """Several, in this order of time."""
    made = [evaluation(step) for step in steps]
    for found in made:
        write_evaluation(folder, found, SAMPLES + found.step % 7)
    return made


def test_they_come_back_in_the_order_of_their_steps(tmp_path: Path) -> None:
    """Names of more digits than usual would sort before the others; the images go along."""
    late, early, first = written(tmp_path / "e", 1_000_000, 999_999, 20)
    assert read_evaluations(tmp_path / "e") == (first, early, late)
    assert first.gap == 0.375
    shown = read_samples(tmp_path / "e", 20)
    assert shown is not None
    assert np.array_equal(shown, SAMPLES + 6)
    assert read_samples(tmp_path / "e", 21) is None
    assert read_evaluations(tmp_path / "nowhere") == ()


def test_one_that_is_made_again_takes_its_place(tmp_path: Path) -> None:
    """As a run does that goes on from before it."""
    written(tmp_path, 5)
    again = evaluation(5, seconds=7.0)
    write_evaluation(tmp_path, again, SAMPLES)
    assert read_evaluations(tmp_path) == (again,)


@pytest.mark.parametrize("kept", [0, 1, 40, 0.5, -1])
def test_a_damaged_one_is_passed_over(kept: float, tmp_path: Path) -> None:
    """Cut anywhere; the others are shown all the same."""
    whole, _ = written(tmp_path, 5, 10)
    path = tmp_path / "000010.npz"
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * kept) if kept == 0.5 else int(kept)])
    assert read_evaluations(tmp_path) == (whole,)
    assert read_samples(tmp_path, 10) is None


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_what_is_no_number_is_passed_over(value: float, tmp_path: Path) -> None:
    """No axis could hold it; nor is another file's array one, nor a name that is no step."""
    write_evaluation(tmp_path, Evaluation(5, value, 0.1, 0.1), SAMPLES)
    (tmp_path / "7x.npz").write_bytes(b"")
    (tmp_path / "000008.npz").write_bytes(encode_arrays([{"lpf": np.zeros(3)}]))
    assert read_evaluations(tmp_path) == ()
    drop_after(tmp_path, 0)
    assert [path.name for path in tmp_path.iterdir()] == ["7x.npz"]


def test_a_network_without_samples_has_none_to_show(tmp_path: Path) -> None:
    """It has its LPF."""
    write_evaluation(tmp_path, evaluation(5), np.zeros((0, 1, 1, 1), np.uint8))
    assert len(read_evaluations(tmp_path)) == 1
    assert read_samples(tmp_path, 5) is None


def test_those_that_will_be_made_again_are_dropped(tmp_path: Path) -> None:
    """From the step after; half of one, as a kill leaves it, too."""
    kept, *_ = written(tmp_path, 5, 10, 15)
    (tmp_path / ".000010.npz.abc").write_bytes(b"half")
    drop_after(tmp_path, 9)
    assert read_evaluations(tmp_path) == (kept,)
    assert len(list(tmp_path.iterdir())) == 1
    drop_after(tmp_path / "nowhere", 0)


def test_share_is_of_the_latest_sitting() -> None:
    """Begun at 4: the evaluations after 8 and 12 took 3 of 12 seconds; what follows is too new."""
    rows = tuple(HistoryRow(step, 4, 1.0, 1.0, 1.0, float(step)) for step in (4, 8, 12))
    history = RunHistory(rows, "began", "", 4)
    found = [evaluation(step) for step in (4, 8, 12, 16)]
    assert share_of_time(history, found) == 3 / 12
    assert share_of_time(history, found[:1]) is None
    assert share_of_time(RunHistory(), found) is None
