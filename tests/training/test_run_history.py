"""The history of a run: written as it goes, read whatever a kill has left of it."""

import json
from pathlib import Path

import numpy as np
import pytest

from flatdiff.errors import TrainingError
from flatdiff.training import run_history
from flatdiff.training.run_history import (
    HistoryFile,
    HistoryRow,
    RunHistory,
    common_width,
    read_history,
    steps_a_row,
    thinned,
)


def sitting(path: Path, first: int, last: int, steps: int = 3000) -> None:
    """Steps first + 1 to last of a run, whose losses are their numbers; never ended."""
    with HistoryFile(path, steps) as history:
        history.began(first)
        for step in range(first + 1, last + 1):
            history.add(step, float(step))


def test_rows_are_means_of_so_many_steps(tmp_path: Path) -> None:
    """Losses 1 to 12 by fives: 3, 8, and two steps that fill no row; sums by hand."""
    path = tmp_path / "history.jsonl"
    sitting(path, 0, 12)
    found = read_history(path)
    assert [(r.step, r.num_steps, r.loss, r.low, r.high) for r in found.rows] == [
        (5, 5, 3.0, 1.0, 5.0),
        (10, 5, 8.0, 6.0, 10.0),
    ]
    assert (found.phase, found.began_step, found.step) == ("began", 0, 10)


def test_last_step_closes_a_row_however_short(tmp_path: Path) -> None:
    """Twelve steps in all: the last row holds the last two."""
    path = tmp_path / "history.jsonl"
    with HistoryFile(path, 12) as history:
        history._every = 5
        history.began(0)
        rows = [history.add(step, 1.0) for step in range(1, 13)]
        history.ended("done")
    assert [(r.step, r.num_steps) for r in rows if r] == [(5, 5), (10, 5), (12, 2)]
    assert read_history(path).phase == "done"


def test_slow_steps_are_written_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At a step of an hour nobody waits for two hundred."""
    monkeypatch.setattr(run_history, "ROW_AT_LEAST_EVERY_S", 0.0)
    sitting(tmp_path / "h", 0, 3, steps=200_000)
    assert [row.step for row in read_history(tmp_path / "h").rows] == [1, 2, 3]


def test_torn_line_is_passed_over_and_ended(tmp_path: Path) -> None:
    """Cut at every byte of its last line; what comes after stands on a line of its own."""
    path = tmp_path / "history.jsonl"
    sitting(path, 0, 10)
    content = path.read_bytes()
    last = content.rstrip(b"\n").rindex(b"\n") + 1
    for cut in range(last, len(content)):
        path.write_bytes(content[:cut])
        whole = cut >= len(content) - 1
        assert [row.step for row in read_history(path).rows] == ([5, 10] if whole else [5])
        sitting(path, 5, 10)
        assert [row.step for row in read_history(path).rows] == [5, 10]


def test_steps_taken_again_are_there_once(tmp_path: Path) -> None:
    """Killed at 20 with 10 saved: the second sitting's rows take the place of the first's."""
    path = tmp_path / "history.jsonl"
    sitting(path, 0, 20)
    sitting(path, 10, 15)
    found = read_history(path)
    assert [row.step for row in found.rows] == [5, 10, 15]
    assert found.began_step == 10


@pytest.mark.parametrize(
    "line",
    [
        "null",
        "[1]",
        "7",
        '"text"',
        "{}",
        '{"phase": "dancing"}',
        '{"phase": ["began"]}',
        '{"phase": "began", "step": "x"}',
        '{"phase": "began"}',
        '{"step": 7}',
        '{"step":7,"num_steps":1,"loss":NaN,"low":1,"high":1,"seconds":1}',
        '{"step":"7","num_steps":1,"loss":1,"low":1,"high":1,"seconds":1}',
        '{"step":7,"num_steps":1,"loss":1' + "0" * 400 + ',"low":1,"high":1,"seconds":1}',
        '{"step":7.5,"num_steps":1,"loss":1,"low":1,"high":1,"seconds":1}',
        '{"step":7,"num_steps":0,"loss":1,"low":1,"high":1,"seconds":1}',
        "[" * 100_000,
        "\udcff",
    ],
)
def test_foreign_lines_are_passed_over(line: str, tmp_path: Path) -> None:
    """Whoever wrote them; the rows around them count."""
    path = tmp_path / "history.jsonl"
    sitting(path, 0, 5)
    with path.open("ab") as file:
        file.write(line.encode("utf-8", "surrogateescape") + b"\n")
    assert [row.step for row in read_history(path).rows] == [5]
    assert read_history(path).phase == "began"


def test_nothing_is_read_from_nothing(tmp_path: Path) -> None:
    """Absent, a folder, empty."""
    (tmp_path / "folder").mkdir()
    (tmp_path / "empty").touch()
    for name in ("absent", "folder", "empty"):
        assert read_history(tmp_path / name) == RunHistory()


def test_file_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    """A folder stands in its place."""
    with pytest.raises(TrainingError, match="cannot write"):
        HistoryFile(tmp_path, 10)


def test_full_disk_is_said() -> None:
    """Linux has one that is always full."""
    if not Path("/dev/full").exists():
        pytest.skip("no /dev/full")
    with pytest.raises(TrainingError, match="No space left"):
        HistoryFile(Path("/dev/full"), 10)


def test_rate_is_of_the_latest_sitting() -> None:
    """Ten steps a second first, two now; by the clock of the rows."""

    def row(step: int, seconds: float) -> HistoryRow:
        return HistoryRow(step, 10, 1.0, 1.0, 1.0, seconds)

    first = (row(10, 0.9), row(20, 1.9))
    assert RunHistory(first, "began", "", 0).rate == pytest.approx(10)
    assert RunHistory(first[:1], "began", "", 0).rate == pytest.approx(10)
    again = RunHistory((*first, row(30, 4.5), row(40, 9.5)), "began", "", 20)
    assert again.rate == pytest.approx(2)
    assert RunHistory(first, "began", "", 20).rate is None


@pytest.mark.parametrize("steps", [1, 7, 999, 1000, 1001, 5000, 5001, 10**6, 10**7])
def test_a_run_has_about_a_thousand_rows(steps: int) -> None:
    """And the number of steps in one is 1, 2 or 5 times a power of ten."""
    every = steps_a_row(steps)
    assert steps / every <= 1000
    assert every == 1 or steps / every > 1000 / 2.5 - 1
    assert str(every).rstrip("0") in ("1", "2", "5")


def test_thinning_keeps_mean_least_and_greatest() -> None:
    """Against NumPy on the single losses, of rows of two steps and of one."""
    draw = np.random.Generator(np.random.PCG64(0))
    losses = draw.random(31)
    rows = [
        HistoryRow(s + 2, 2, pair.mean(), pair.min(), pair.max(), 0.0)
        for s in range(0, 30, 2)
        if len(pair := losses[s : s + 2])
    ]
    rows.append(HistoryRow(31, 1, losses[30], losses[30], losses[30], 0.0))
    step, loss, low, high = thinned(rows, 10)
    parts = [losses[:10], losses[10:20], losses[20:30], losses[30:]]
    assert step.tolist() == [10, 20, 30, 31]
    np.testing.assert_allclose(loss, [part.mean() for part in parts])
    np.testing.assert_allclose(low, [part.min() for part in parts])
    np.testing.assert_allclose(high, [part.max() for part in parts])


def test_parts_fit_the_longest_and_the_coarsest() -> None:
    """12,000 steps in 120 points; rows of 100 steps are not split."""
    fine = [HistoryRow(s, 20, 1.0, 1.0, 1.0, 0.0) for s in range(20, 12_001, 20)]
    assert common_width([fine], 120) == 100
    assert common_width([fine[:10], [HistoryRow(100, 100, 1.0, 1.0, 1.0, 0.0)]], 120) == 100
    assert common_width([fine[:10]], 1000) == 20


def test_lines_are_json(tmp_path: Path) -> None:
    """For whoever reads them with another program."""
    sitting(tmp_path / "h", 0, 5)
    lines = [json.loads(line) for line in (tmp_path / "h").read_text().splitlines()]
    assert [line.get("phase") for line in lines] == ["opened", "began", None]


def test_what_a_step_takes_of_a_processor(tmp_path: Path) -> None:
    """On a clock of ours: 0.5 s a step, told after the first twenty; the first step is no part."""
    path = tmp_path / "history.jsonl"
    now = [7.0]
    with HistoryFile(path, 3000) as history:
        history.clock = lambda: now[0]
        history.began(0)
        for step in range(1, 26):
            history.add(step, 1.0)
            assert (read_history(path).step_s is None) == (step < 25)
            now[0] += 0.5
    assert read_history(path).step_s == pytest.approx(0.5)
    for damaged in ("-1.0", "true", '"x"', "1e999", "null"):
        path.write_text(f'{{"pace": {damaged}}}\n')
        assert read_history(path).step_s is None


def test_a_run_of_one_step_tells_no_pace(tmp_path: Path) -> None:
    """There is no second step that could be timed."""
    sitting(tmp_path / "h", 0, 1, steps=1)
    assert read_history(tmp_path / "h").step_s is None
