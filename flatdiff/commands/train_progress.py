"""What `train` says: the cost before, losses and time left meanwhile, the flatness at the end."""

import time
from collections import deque
from collections.abc import Iterator
from typing import TYPE_CHECKING

from flatdiff.system.processor import STARVED_SHARE, leave_idle_class
from flatdiff.system.share import tried
from flatdiff.system.span import in_words
from flatdiff.training.evaluations import read_evaluations, share_of_time
from flatdiff.training.run_cost import FEW_STEPS, cost, time_left
from flatdiff.training.run_folder import RunFolder, read_run
from flatdiff.training.run_history import (
    RECENT_ROWS,
    HistoryFile,
    HistoryRow,
    read_history,
    steps_a_second,
)
from flatdiff.training.run_list import list_runs
from flatdiff.training.run_options import RunOptions

if TYPE_CHECKING:
    from flatdiff.training.loop import StepRecord

LINE_EVERY_STEPS = 100
TRY_S = 0.5  # to see which share of a processor there is


def say_evaluations(folder: RunFolder) -> None:
    """The last one, and what all of this sitting have cost."""
    found = read_evaluations(folder.evaluations)
    share = share_of_time(read_history(folder.history_file), found)
    if found and share is not None:
        last = f"LPF {found[-1].lpf:.4f} ± {found[-1].stderr:.4f} at step {found[-1].step}"
        print(f"{len(found)} evaluations, {share:.1%} of the time; {last}")


def written(records: "Iterator[StepRecord]", history: HistoryFile) -> Iterator[HistoryRow]:
    """The rows of the history, as they are written; minds that the process gets its share."""
    wall, processor = time.monotonic(), time.process_time()
    for record in records:
        if history.step is None:
            history.began(record.step - 1)
        row = history.add(record.step, record.loss)
        if row is None:
            continue
        yield row
        share = (time.process_time() - processor) / max(time.monotonic() - wall, 1e-9)
        if share < STARVED_SHARE:
            leave_idle_class()
        wall, processor = time.monotonic(), time.process_time()


def show_progress(rows: Iterator[HistoryRow], steps: int) -> None:
    """A line after a few steps, then one a hundred: mean loss, speed, time left."""
    taken, pending, sitting = 0, list[HistoryRow](), deque[HistoryRow](maxlen=RECENT_ROWS)
    for row in rows:
        taken += row.num_steps
        pending.append(row)
        sitting.append(row)
        before = pending[0].step - pending[0].num_steps
        told = row.step // LINE_EVERY_STEPS > before // LINE_EVERY_STEPS or row.step == steps
        if not told and not taken - row.num_steps < FEW_STEPS <= taken:
            continue
        loss = sum(r.loss * r.num_steps for r in pending) / (row.step - before)
        rate = steps_a_second(taken - 1, row.seconds)
        left = time_left(sitting, row.step - taken, steps)
        speed = f"  {rate:.1f} steps/s  {in_words(left)} left" if rate and left else ""
        print(f"step {row.step}/{steps}  loss {loss:.4f}{speed}", flush=True)
        pending = []


def cost_in_words(options: RunOptions, folder: RunFolder, resume: bool) -> str:
    """What is known before the first step."""
    done = read_run(folder).saved_step or 0 if resume else 0
    runs = list_runs(folder.path.parent.parent)
    found = cost(options.recipe(), runs, None, tried(TRY_S), done)
    if found is None:
        return f"the time it takes is known after {FEW_STEPS} steps"
    return f"{in_words(found.seconds)} on this machine, by the speed of runs before"
